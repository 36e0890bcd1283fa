"""What the operator may do in a cluster, each with the code that needs it. The chart grants this and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ONCE = ("get", "create")
WATCHED = ("list", "watch")
APPLIED = ("create", "patch", "delete")
LEFT = ("list", "delete")
Right = tuple[str, str, str, str | None]
Where = Literal["namespace", "cluster", "nodes", "own", "route", "monitor", "workspaces"]


@dataclass(frozen=True)
class Need:
    """A right, and who needs it.

    Attributes:
        code: the file below operator/prompt2model_operator.
        where: in each namespace with resources; in the whole cluster, for a cluster-wide operator; in the release's own
            namespace; "nodes" is in the whole cluster, with watchNodes; "route" and "monitor" are in each namespace, with
            settings.service.httpRoute and serviceMonitor; "workspaces" is there too, with an MLflow of the chart's own.
        named: of the object of this name alone, where {peering} is the peering's.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    code: str
    why: str
    where: Where = "namespace"
    named: str | None = None

    def rights(self, peering: str = "prompt2model") -> Iterator[Right]:
        """Group, resource, verb and name of each."""
        for verb in self.verbs:
            yield self.group, self.resource, verb, self.named.format(peering=peering) if self.named else None


BY_SETTING: tuple[tuple[str, str, Where], ...] = (
    ("gateway.networking.k8s.io", "httproutes", "route"),
    ("monitoring.coreos.com", "servicemonitors", "monitor"),
)
WATCHES = (
    Need("prompt2model.dev", "prompt2models", WATCHED, "handlers.py", "users' resources"),
    Need("prompt2model.dev", "stageruns", WATCHED, "handlers.py", "what the stages report"),
    Need("batch", "jobs", WATCHED, "handlers.py", "attempts that end"),
    Need("ray.io", "rayjobs", WATCHED, "handlers.py", "attempts that end"),
    Need("", "pods", WATCHED, "handlers.py", "why a pod does not start: failures.py"),
    Need("apps", "deployments", WATCHED, "handlers.py", "is the service rolled out"),
    Need("", "services", WATCHED, "handlers.py", "the service's objects, held as they should be"),
    Need("autoscaling", "horizontalpodautoscalers", WATCHED, "handlers.py", "the same"),
    Need("policy", "poddisruptionbudgets", WATCHED, "handlers.py", "the same"),
    Need("networking.k8s.io", "networkpolicies", WATCHED, "handlers.py", "the same"),
    Need("coordination.k8s.io", "leases", WATCHED, "handlers.py", "the heartbeat goes through the watch"),
)
"""In each namespace with resources; a namespaced operator's kopf asks for them in the release's own namespace too."""

NEEDS = (
    *WATCHES,
    Need("prompt2model.dev", "prompt2models", ("get",), "deleting.py", "is it gone, or only not in the list"),
    Need("prompt2model.dev", "prompt2models/status", ("patch",), "worker.py", "the one writer of the status"),
    Need("prompt2model.dev", "stageruns", ONCE, "applying.py", "made once, never changed"),
    Need("prompt2model.dev", "stageruns/status", ("patch",), "applying.py", "phase, attempt, failures"),
    Need("prompt2model.dev", "stageruns/status", ("get",), "manifests/access.py", "granted to the stage, beside patch"),
    Need("batch", "jobs", ONCE, "applying.py", "discover, prepare, evaluate; recording.py, deleting.py"),
    Need("batch", "jobs", ("delete",), "applying.py", "an attempt that is stopped"),
    Need("ray.io", "rayjobs", ONCE, "applying.py", "generate and train"),
    Need("ray.io", "rayjobs", ("delete",), "applying.py", "an attempt that is stopped"),
    Need("", "persistentvolumeclaims", ONCE, "applying.py", "storage of a resource that names none"),
    Need("", "serviceaccounts", ONCE, "manifests/access.py", "a stage run's identity"),
    Need("rbac.authorization.k8s.io", "roles", ONCE, "manifests/access.py", "its right to its own status"),
    Need("rbac.authorization.k8s.io", "rolebindings", ONCE, "manifests/access.py", "the two together"),
    Need("networking.k8s.io", "networkpolicies", ("get",), "serving.py", "one of the same name is left alone"),
    Need(
        "networking.k8s.io", "networkpolicies", APPLIED, "serving.py", "who may ask a service; closes Ray's dashboard"
    ),
    Need("apps", "deployments", APPLIED, "serving.py", "the service"),
    Need("apps", "deployments", ("get",), "serving.py", "one of the same name is left alone"),
    Need("", "services", APPLIED, "serving.py", "the service's address"),
    Need("", "services", ("get",), "serving.py", "one of the same name is left alone"),
    Need("autoscaling", "horizontalpodautoscalers", APPLIED, "serving.py", "service.replicas"),
    Need("autoscaling", "horizontalpodautoscalers", ("get",), "serving.py", "one of the same name is left alone"),
    Need("policy", "poddisruptionbudgets", APPLIED, "serving.py", "what a drained node may take"),
    Need("policy", "poddisruptionbudgets", ("get",), "serving.py", "one of the same name is left alone"),
    *(
        need
        for group, resource, setting in BY_SETTING
        for need in (
            Need(group, resource, LEFT, "serving.py", "removed once the setting is off"),
            Need(group, resource, ("get", "create", "patch", "watch"), "serving.py", "by a setting", setting),
        )
    ),
    Need(
        "", "configmaps", ("get", "create"), "worker.py", "the user's own data, and jobs too long for the environment"
    ),
    Need(
        "",
        "secrets",
        APPLIED[:2],
        "manifests/tracking_secrets.py",
        "MLflow's credentials of the namespace",
        "workspaces",
        "{peering}-tracking",
    ),
    Need("", "nodes", ("list",), "draining.py", "cordoned ones: a service's only replica moves", "nodes"),
    Need("", "configmaps", ("list", "delete"), "retaining.py", "its own notes of what a deletion is to remove"),
    Need("", "pods/log", ("get",), "last_words.py", "why a container ended"),
    Need("", "events", ("create",), "worker.py", "events on changes"),
    Need(
        "apiextensions.k8s.io", "customresourcedefinitions", WATCHED, "running.py", "kopf sees KubeRay come", "cluster"
    ),
    Need("coordination.k8s.io", "leases", ("create",), "leasing.py", "the first operator makes it", "own"),
    Need("coordination.k8s.io", "leases", ("get", "update"), "leasing.py", "held and renewed", "own", "{peering}"),
)
