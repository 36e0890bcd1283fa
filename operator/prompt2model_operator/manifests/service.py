"""The service of a resource: Deployment, Service, autoscaler, disruption budget, route. Applied again whenever they change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTIONBUDGET,
    HTTPROUTE,
    RESOURCE,
    ROLE,
    SERVICE,
)
from prompt2model_operator.manifests.common import (
    CONTAINER_SECURITY,
    HOME,
    added_environment,
    compute,
    environment,
    folder_uri,
    metadata,
    owned_by,
    pod_security,
    scheduling,
    volumes,
)
from prompt2model_operator.settings import Settings

Body = dict[str, Any]

PORT = 3000
MODEL = "/model"
DIGEST = "prompt2model.dev/digest"
TRAIN = "prompt2model.dev/train"
EVALUATE = "prompt2model.dev/evaluate"
MODEL_SHA256 = "prompt2model.dev/model-sha256"
APPLIED = "prompt2model.dev/applied"
"""Annotation: a hash of the manifests, so that what is there already is not applied again."""


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


def is_rolled_out(deployment: Body) -> bool:
    """Whether every pod of the newest template is ready and no other is left."""
    status, meta = deployment.get("status") or {}, deployment["metadata"]
    wanted = deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= meta.get("generation", 0) and counts == [wanted] * 3


def service_objects(resource: Prompt2Model, served: ServedModel, settings: Settings) -> list[Body]:
    """All objects of the service, the Deployment last, with the hash of all of them in its annotations."""
    deployment = _deployment(resource, served, settings)
    others = [_service(resource), _disruption_budget(resource), _autoscaler(resource)]
    if settings.service.http_route is not None:
        others.append(_route(resource, settings.service.http_route))
    whole = json.dumps([*others, deployment], sort_keys=True)
    deployment["metadata"]["annotations"][APPLIED] = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return [owned_by(body, resource) for body in [*others, deployment]]


def service_url(resource: Prompt2Model) -> str:
    """Where the service answers in the cluster."""
    return f"http://{resource.metadata.name}.{resource.metadata.namespace}.svc:{PORT}"


def _selector(resource: Prompt2Model) -> dict[str, str]:
    return {RESOURCE: resource.metadata.name, ROLE: "service"}


def _deployment(resource: Prompt2Model, served: ServedModel, settings: Settings) -> Body:
    body = metadata(DEPLOYMENT, resource.metadata.name, resource, {ROLE: "service"})
    body["metadata"]["annotations"] = {
        TRAIN: served.train,
        EVALUATE: served.evaluate,
        DIGEST: served.digest,
        MODEL_SHA256: served.sha256,
    }
    labels = {**resource.spec.scheduling.labels, **body["metadata"]["labels"]}
    body["spec"] = {
        # No replicas: their number is the autoscaler's.
        "selector": {"matchLabels": _selector(resource)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 2,
        "template": {
            "metadata": {"labels": labels, "annotations": {DIGEST: served.digest}},
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
    root = folder_uri(resource, settings)
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


def _service(resource: Prompt2Model) -> Body:
    body = metadata(SERVICE, resource.metadata.name, resource, {ROLE: "service"})
    port = {"name": "http", "port": PORT, "targetPort": PORT}
    body["spec"] = {"selector": _selector(resource), "ports": [port]}
    return body


def _autoscaler(resource: Prompt2Model) -> Body:
    body = metadata(AUTOSCALER, resource.metadata.name, resource, {ROLE: "service"})
    replicas = resource.spec.service.replicas
    target = {"type": "Utilization", "averageUtilization": 80}
    body["spec"] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": resource.metadata.name},
        "minReplicas": replicas.min,
        "maxReplicas": replicas.max,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return body


def _disruption_budget(resource: Prompt2Model) -> Body:
    body = metadata(DISRUPTIONBUDGET, resource.metadata.name, resource, {ROLE: "service"})
    body["spec"] = {"maxUnavailable": 1, "selector": {"matchLabels": _selector(resource)}}
    return body


def _route(resource: Prompt2Model, spec: Body) -> Body:
    """Below /<namespace>/<name>, which is cut off before the service sees the path."""
    body = metadata(HTTPROUTE, resource.metadata.name, resource, {ROLE: "service"})
    path = f"/{resource.metadata.namespace}/{resource.metadata.name}"
    replace = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        "filters": [{"type": "URLRewrite", "urlRewrite": {"path": replace}}],
        "backendRefs": [{"name": resource.metadata.name, "port": PORT}],
    }
    body["spec"] = {**spec, "rules": [rule]}
    return body
