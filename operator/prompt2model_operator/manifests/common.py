"""What every manifest shares: metadata, the security of pods, compute, scheduling, storage."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.spec.training import Resources
from prompt2model_api.stage_run import StageRun
from prompt2model_operator.kinds import APP_INSTANCE, APP_NAME, MANAGED_BY, MANAGER, RESOURCE, Kind
from prompt2model_operator.settings import ContainerResources, Settings, StorageDefaults

Body = dict[str, Any]

STORAGE = "/storage"
OWN = "/own"
HOME = "/home/p2m"
CACHE = "/cache"
GPU = "nvidia.com/gpu"

CONTAINER_SECURITY: Body = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def metadata(kind: Kind, name: str, resource: Prompt2Model, labels: dict[str, str] | None = None) -> Body:
    """apiVersion, kind and metadata of an object that belongs to a resource; the caller adds the owner.

    The operator finds its objects by its own labels, so these go before the user's.
    """
    meta = resource.metadata
    own = {APP_NAME: MANAGER, APP_INSTANCE: meta.name, MANAGED_BY: MANAGER, RESOURCE: meta.name}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": meta.namespace, "labels": own | (labels or {}) | own},
    }


def owned_by(body: Body, owner: Prompt2Model | StageRun) -> Body:
    """The manifest with an owner reference: the object goes when its owner goes, whoever is up."""
    reference = {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    body["metadata"]["ownerReferences"] = [reference]
    return body


def pod_security(settings: Settings) -> Body:
    """Pod Security `restricted`."""
    user = settings.run_as_user
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def scheduling(resource: Prompt2Model, settings: Settings) -> Body:
    """Fields of a pod's spec that say where it runs: the resource's before the chart's."""
    own, chart = resource.spec.scheduling, settings.scheduling
    secrets = own.image_pull_secrets or settings.images.pull_secrets
    fields: Body = {
        "nodeSelector": own.node_selector or chart.node_selector,
        "tolerations": [t.dump() for t in own.tolerations] or chart.tolerations,
        "priorityClassName": own.priority_class_name or chart.priority_class_name,
        "runtimeClassName": own.runtime_class_name or chart.runtime_class_name,
        "imagePullSecrets": [{"name": name} for name in secrets],
    }
    if (affinity := same_node(resource, settings)) is not None:
        fields["affinity"] = affinity
    return {key: value for key, value in fields.items() if value}


def same_node(resource: Prompt2Model, settings: Settings) -> Body | None:
    """A ReadWriteOnce claim is mounted on one node: all pods of the resource that mount it go there."""
    if storage_uri(resource, settings) is not None or settings.storage.access_mode == "ReadWriteMany":
        return None
    term = {
        "labelSelector": {"matchLabels": {RESOURCE: resource.metadata.name}},
        "topologyKey": "kubernetes.io/hostname",
    }
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def compute(defaults: ContainerResources, own: Resources | None = None) -> Body:
    """A container's resources: what the resource asks for as request and limit, the chart's for the rest."""
    requests, limits = dict(defaults.requests), dict(defaults.limits)
    if own is not None and own.cpu:
        requests["cpu"] = own.cpu
        limits.pop("cpu", None)
    if own is not None and own.memory:
        requests["memory"] = limits["memory"] = own.memory
    if own is not None and own.gpu:
        requests[GPU] = limits[GPU] = str(own.gpu)
    return {key: value for key, value in (("requests", requests), ("limits", limits)) if value}


def added_environment(pod: ContainerResources) -> list[Body]:
    """What the chart adds to a container's environment; it stands last, and has none of the operator's own names."""
    return [variable.dump() for variable in pod.env]


def times(own: Resources, count: int) -> Resources:
    """The compute of so many in one pod."""
    quantities = {name: _times(getattr(own, name), count) for name in ("cpu", "memory")}
    return own.model_copy(update={**quantities, "gpu": own.gpu * count})


def _times(quantity: str | None, count: int) -> str | None:
    found = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", quantity or "")
    return quantity if found is None or count == 1 else f"{Decimal(found[1]) * count:f}{found[2]}"


def storage_uri(resource: Prompt2Model, settings: Settings) -> str | None:
    """The root's URI where results do not lie on a claim."""
    own, chart = resource.spec.storage, settings.storage
    if own.uri is not None:
        return own.uri.rstrip("/")
    return chart.uri.rstrip("/") if chart.uri is not None and own.claim is None else None


def storage_secret(resource: Prompt2Model, settings: Settings) -> str | None:
    """The Secret with the credentials for the URI."""
    own, chart = resource.spec.storage, settings.storage
    if own.secret is not None:
        return own.secret
    return chart.secret if own.uri is None and own.claim is None else None


def claim_name(resource: Prompt2Model, settings: Settings) -> str | None:
    """The claim that results lie on; None where they lie at a URI."""
    if storage_uri(resource, settings) is not None:
        return None
    return resource.spec.storage.claim or f"{resource.metadata.name}-storage"


def folder_uri(resource: Prompt2Model, settings: Settings) -> str:
    """<root>/<namespace>/<name>, as pods see it."""
    root = storage_uri(resource, settings) or STORAGE
    return f"{root}/{resource.metadata.namespace}/{resource.metadata.name}"


def literal(text: str) -> str:
    """The text as an argument or environment value that reaches the container unchanged.

    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables
    """
    return text.replace("$", "$$")


def claim(resource: Prompt2Model, settings: Settings, kind: Kind, defaults: StorageDefaults) -> Body | None:
    """The claim that the operator makes; None where the resource names its own storage."""
    if storage_uri(resource, settings) is not None or resource.spec.storage.claim is not None:
        return None
    body = metadata(kind, f"{resource.metadata.name}-storage", resource)
    body["spec"] = {
        "accessModes": [defaults.access_mode],
        "resources": {"requests": {"storage": resource.spec.storage.size}},
    }
    if defaults.class_name is not None:
        body["spec"]["storageClassName"] = defaults.class_name
    return owned_by(body, resource) if resource.spec.retention.storage == "Delete" else body


def volumes(resource: Prompt2Model, settings: Settings, *, shared: bool = True) -> tuple[list[Body], list[Body]]:
    """Volumes and mounts: what may be written to, and the claim (`shared`) where there is one."""
    found: list[Body] = [{"name": name, "emptyDir": {}} for name in ("tmp", "home", "cache")]
    mounts = [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "home", "mountPath": HOME},
        {"name": "cache", "mountPath": CACHE},
    ]
    name = claim_name(resource, settings)
    if shared and name is not None:
        found.append({"name": "storage", "persistentVolumeClaim": {"claimName": name}})
        mounts.append({"name": "storage", "mountPath": STORAGE})
    return found, mounts


def environment(resource: Prompt2Model, settings: Settings) -> tuple[list[Body], list[Body]]:
    """`env` and `envFrom` of every container that reads storage or a hub."""
    hub = settings.hugging_face
    on_claim = hub.cache_on_claim and claim_name(resource, settings) is not None
    values = {
        "HOME": HOME,
        "HF_HOME": f"{STORAGE}/.huggingface" if on_claim else f"{CACHE}/huggingface",
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_OFFLINE": "1" if hub.offline else None,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "RAY_USAGE_STATS_ENABLED": "0",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "TOKENIZERS_PARALLELISM": "false",
        "MPLCONFIGDIR": "/tmp/matplotlib",
    }
    env = [{"name": name, "value": value} for name, value in values.items() if value is not None]
    secret = storage_secret(resource, settings)
    return env, [{"secretRef": {"name": secret}}] if secret else []
