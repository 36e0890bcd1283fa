"""The kinds of objects that the operator reads and makes."""

from __future__ import annotations

from dataclasses import dataclass

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "prompt2model"
APP_NAME = "app.kubernetes.io/name"
APP_INSTANCE = "app.kubernetes.io/instance"
RESOURCE = "prompt2model.dev/resource"
RESOURCE_UID = "prompt2model.dev/resource-uid"
STAGE = "prompt2model.dev/stage"
STAGE_RUN = "prompt2model.dev/stage-run"
ATTEMPT = "prompt2model.dev/attempt"
ROLE = "prompt2model.dev/role"
RETRY = "prompt2model.dev/retry"
"""Annotation of a Prompt2Model: a new value has what failed tried again."""
SELECTOR = f"{MANAGED_BY}={MANAGER}"


@dataclass(frozen=True)
class Kind:
    """A kind as its group, version and plural name it."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As manifests name it: apps/v1, or v1 for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The path on the API server; without a namespace, that of all of them."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        parts += ["namespaces", namespace] if namespace else []
        return "/" + "/".join([*parts, self.plural, *([name] if name else []), *([subresource] if subresource else [])])


PROMPT2MODEL = Kind("prompt2model.dev", "v1alpha1", "prompt2models", "Prompt2Model")
STAGERUN = Kind("prompt2model.dev", "v1alpha1", "stageruns", "StageRun")
JOB = Kind("batch", "v1", "jobs", "Job")
RAYJOB = Kind("ray.io", "v1", "rayjobs", "RayJob")
POD = Kind("", "v1", "pods", "Pod")
CLAIM = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
CONFIGMAP = Kind("", "v1", "configmaps", "ConfigMap")
SECRET = Kind("", "v1", "secrets", "Secret")
EVENT = Kind("", "v1", "events", "Event")
SERVICE = Kind("", "v1", "services", "Service")
SERVICEACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount")
ACCESSROLE = Kind("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLEBINDING = Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
DEPLOYMENT = Kind("apps", "v1", "deployments", "Deployment")
AUTOSCALER = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
DISRUPTIONBUDGET = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
NETWORKPOLICY = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
HTTPROUTE = Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
SERVICEMONITOR = Kind("monitoring.coreos.com", "v1", "servicemonitors", "ServiceMonitor")
NODE = Kind("", "v1", "nodes", "Node")
LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease")
ACCESSREVIEW = Kind("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview")

BY_KIND = {
    kind.kind: kind
    for kind in (
        *(PROMPT2MODEL, STAGERUN, JOB, RAYJOB, POD, CLAIM, CONFIGMAP, SECRET, EVENT, SERVICE, SERVICEACCOUNT),
        *(ACCESSROLE, ROLEBINDING, DEPLOYMENT, AUTOSCALER, DISRUPTIONBUDGET, NETWORKPOLICY, HTTPROUTE, SERVICEMONITOR),
        NODE,
    )
}
AROUND_SERVICE = (SERVICE, NETWORKPOLICY, DISRUPTIONBUDGET, AUTOSCALER)
"""What belongs to a service beside its Deployment."""
BY_SETTING = (HTTPROUTE, SERVICEMONITOR)
"""Kinds of others' CRDs that a service has by a setting: always listed, watched where the setting is on."""
OBSERVED = (PROMPT2MODEL, STAGERUN, JOB, RAYJOB, POD, DEPLOYMENT, *AROUND_SERVICE)
"""What is watched and kept in memory."""
