"""The service of a resource: its Deployment, and all objects of it together. Applied again whenever they differ."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.kinds import DEPLOYMENT, ROLE
from prompt2model_operator.manifests.common import (
    CONTAINER_SECURITY,
    HOME,
    added_environment,
    compute,
    environment,
    folder_uri,
    literal,
    metadata,
    owned_by,
    pod_security,
    same_node,
    scheduling,
    volumes,
)
from prompt2model_operator.manifests.service_parts import (
    PORT,
    autoscaler,
    disruption_budget,
    monitor,
    route,
    selector,
    service,
    service_policy,
)
from prompt2model_operator.settings import Settings

Body = dict[str, Any]

MODEL = "/model"
DIGEST = "prompt2model.dev/digest"
TRAIN = "prompt2model.dev/train"
EVALUATE = "prompt2model.dev/evaluate"
MODEL_SHA256 = "prompt2model.dev/model-sha256"
MOVED = "prompt2model.dev/moved-from"
"""Annotation of the template: node and pod that the only replica left before the node was drained."""
APPLIED = "prompt2model.dev/applied"
"""Annotation: a hash of the object's manifest, so that what is there already is not applied again."""


@dataclass(frozen=True)
class ServedModel:
    """What a service answers with: the folders of the stage runs, the digest of evaluate, the model's SHA-256."""

    train: str
    evaluate: str
    digest: str
    sha256: str


def served_model(deployment: Body) -> ServedModel | None:
    """The model that a Deployment was made for, by its annotations."""
    notes = deployment["metadata"].get("annotations") or {}
    if any(name not in notes for name in (TRAIN, EVALUATE, DIGEST, MODEL_SHA256)):
        return None
    return ServedModel(notes[TRAIN], notes[EVALUATE], notes[DIGEST], notes[MODEL_SHA256])


def moved_from(deployment: Body | None) -> str:
    """The annotation MOVED of a Deployment's template."""
    notes = deployment["spec"]["template"]["metadata"].get("annotations") or {} if deployment is not None else {}
    return str(notes.get(MOVED, ""))


def is_rolled_out(deployment: Body) -> bool:
    """Whether every pod of the newest template is ready and no other is left."""
    status, meta = deployment.get("status") or {}, deployment["metadata"]
    wanted = deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= meta.get("generation", 0) and counts == [wanted] * 3


def service_objects(resource: Prompt2Model, served: ServedModel, settings: Settings, moved: str = "") -> list[Body]:
    """All objects of the service, the Deployment last, each with the hash of its manifest in its annotations.

    Args:
        moved: the value of the template's annotation MOVED; another one starts the pods anew.
    """
    made = [service(resource), disruption_budget(resource, waits=can_move(resource, settings))]
    if is_autoscaled(resource):
        made.append(autoscaler(resource, settings.service.autoscaling))
    if settings.service.network_policy.enabled:
        made.append(service_policy(resource, settings.service.network_policy))
    if settings.service.http_route is not None:
        made.append(route(resource, settings.service.http_route))
    if settings.service.service_monitor.enabled:
        made.append(monitor(resource, settings.service.service_monitor))
    return [_marked(owned_by(body, resource)) for body in [*made, _deployment(resource, served, settings, moved)]]


def can_move(resource: Prompt2Model, settings: Settings) -> bool:
    """Whether a replica can start on another node while the old one answers, and the operator sees that it must."""
    return settings.watch_nodes and same_node(resource, settings) is None


def is_autoscaled(resource: Prompt2Model) -> bool:
    """Whether an autoscaler says how many replicas there are."""
    replicas = resource.spec.service.replicas
    return replicas.max > replicas.min


def wanted_replicas(resource: Prompt2Model, deployment: Body) -> int:
    """How many replicas the Deployment must have; an autoscaler's number stays, unless it is below the least.

    The autoscaler itself leaves a Deployment alone that somebody scaled to none.
    """
    least = resource.spec.service.replicas.min
    return max(least, deployment["spec"].get("replicas", 1)) if is_autoscaled(resource) else least


def replicas_manifest(resource: Prompt2Model, replicas: int) -> Body:
    """The number of the Deployment's replicas, and nothing else."""
    meta = {"name": resource.metadata.name, "namespace": resource.metadata.namespace}
    spec = {"replicas": replicas}
    return {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.kind, "metadata": meta, "spec": spec}


def service_url(resource: Prompt2Model) -> str:
    """Where the service answers in the cluster."""
    return f"http://{resource.metadata.name}.{resource.metadata.namespace}.svc:{PORT}"


def _marked(body: Body) -> Body:
    """The manifest with its hash."""
    whole = json.dumps(body, sort_keys=True)
    notes = body["metadata"].setdefault("annotations", {})
    notes[APPLIED] = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return body


def _deployment(resource: Prompt2Model, served: ServedModel, settings: Settings, moved: str) -> Body:
    body = metadata(DEPLOYMENT, resource.metadata.name, resource, {ROLE: "service"})
    body["metadata"]["annotations"] = {
        TRAIN: served.train,
        EVALUATE: served.evaluate,
        DIGEST: served.digest,
        MODEL_SHA256: served.sha256,
    }
    labels = {**resource.spec.scheduling.labels, **body["metadata"]["labels"]}
    notes = {DIGEST: served.digest, **({MOVED: moved} if moved else {})}
    body["spec"] = {
        # No replicas: see replicas_manifest.
        "selector": {"matchLabels": selector(resource)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 2,
        "template": {
            "metadata": {"labels": labels, "annotations": notes},
            "spec": _pod(resource, served, settings),
        },
    }
    return body


def _pod(resource: Prompt2Model, served: ServedModel, settings: Settings) -> Body:
    found, mounts = volumes(resource, settings)
    storage_mounts = [m for m in mounts if m["name"] == "storage"]
    own_mounts = [m for m in mounts if m["name"] != "storage"]
    model = {"name": "model", "mountPath": MODEL}
    env, env_from = environment(resource, settings)
    common: Body = {
        "image": settings.images.service,
        "imagePullPolicy": settings.images.pull_policy,
        "securityContext": CONTAINER_SECURITY,
        "resources": compute(settings.pods.service, resource.spec.service.resources),
    }
    fetch: Body = {
        "name": "fetch",
        **common,
        "command": ["python", "-m", "prompt2model_stages.service.fetch", *_fetched(resource, served, settings)],
        "env": [*env, *added_environment(settings.pods.service)],
        "envFrom": env_from,
        "volumeMounts": [*own_mounts, *storage_mounts, model],
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(settings),
        "terminationGracePeriodSeconds": settings.service.termination_grace_seconds,
        "initContainers": [fetch],
        "containers": [_server(resource, served, settings, common, [*own_mounts, model])],
        "volumes": [*found, {"name": "model", "emptyDir": {}}],
        **scheduling(resource, settings),
    }


def _fetched(resource: Prompt2Model, served: ServedModel, settings: Settings) -> list[str]:
    root = literal(folder_uri(resource, settings))
    places = ["--model", f"{root}/{served.train}/model", "--golden", f"{root}/{served.evaluate}/golden.json"]
    return [*places, "--sha256", served.sha256, "--to", MODEL]


def _server(resource: Prompt2Model, served: ServedModel, settings: Settings, common: Body, mounts: list[Body]) -> Body:
    command = ["python", "-m", "prompt2model_stages.service", "--host", "0.0.0.0", "--port", str(PORT)]
    command += ["--model", f"{MODEL}/model", "--golden", f"{MODEL}/golden.json", "--sha256", served.sha256]
    command += ["--truncate"] if resource.spec.service.truncate else []
    port = {"path": "/readyz", "port": PORT}
    return {
        "name": "service",
        **common,
        "command": [*command, "--name", resource.metadata.name],
        "env": [
            {"name": "HOME", "value": HOME},
            {"name": "OMP_WAIT_POLICY", "value": "PASSIVE"},
            *added_environment(settings.pods.service),
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "startupProbe": {"httpGet": {"path": "/livez", "port": PORT}, "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {"httpGet": port, "periodSeconds": 5, "timeoutSeconds": 10, "failureThreshold": 3},
        "livenessProbe": {
            "httpGet": {"path": "/livez", "port": PORT},
            "periodSeconds": 15,
            "timeoutSeconds": 10,
            "failureThreshold": 4,
        },
        # A pod that is told to end leaves the Service's endpoints a moment later; until then it must still answer.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "volumeMounts": mounts,
    }
