"""What stands around a service's Deployment: Service, autoscaler, disruption budget, network policy, route, monitor."""

from __future__ import annotations

from typing import Any

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.quantities import number_of
from prompt2model_operator.kinds import (
    AUTOSCALER,
    DISRUPTIONBUDGET,
    HTTPROUTE,
    NETWORKPOLICY,
    RESOURCE,
    ROLE,
    SERVICE,
    SERVICEMONITOR,
    Kind,
)
from prompt2model_operator.manifests.common import metadata
from prompt2model_operator.settings import Autoscaling, ServiceMonitoring, ServicePolicy

Body = dict[str, Any]

PORT = 3000
STEP_S = 60
"""One replica more or less in so many seconds, so that one busy minute does not lead to the most replicas."""


def selector(resource: Prompt2Model) -> dict[str, str]:
    """The labels of the service's pods and objects."""
    return {RESOURCE: resource.metadata.name, ROLE: "service"}


def service(resource: Prompt2Model) -> Body:
    """The address."""
    body = _part(SERVICE, resource)
    port = {"name": "http", "port": PORT, "targetPort": PORT}
    body["spec"] = {"selector": selector(resource), "ports": [port]}
    return body


def autoscaler(resource: Prompt2Model, settings: Autoscaling) -> Body:
    """Compares with an amount of CPU and not with the request: the default request is what an idle replica needs."""
    body = _part(AUTOSCALER, resource)
    own = resource.spec.service
    millicores = int(number_of(own.resources.cpu or settings.cpu) * 10 * settings.target_percent)
    target = {"type": "AverageValue", "averageValue": _cpu(max(1, millicores))}
    step = {"type": "Pods", "value": 1, "periodSeconds": STEP_S}
    body["spec"] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": resource.metadata.name},
        "minReplicas": own.replicas.min,
        "maxReplicas": own.replicas.max,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": settings.scale_up_seconds, "policies": [step]},
            "scaleDown": {"stabilizationWindowSeconds": settings.scale_down_seconds, "policies": [step]},
        },
    }
    return body


def disruption_budget(resource: Prompt2Model, *, waits: bool) -> Body:
    """What a drain may take. A pod that does not answer anyway never holds it back.

    Args:
        waits: at least half of the replicas stay, hence the only one: the operator moves it. Otherwise a drain takes one
            at a time, the only one too, because it could not end before.
    """
    body = _part(DISRUPTIONBUDGET, resource)
    body["spec"] = {
        **({"minAvailable": "50%"} if waits else {"maxUnavailable": 1}),
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(resource)},
    }
    return body


def service_policy(resource: Prompt2Model, settings: ServicePolicy) -> Body:
    """Who may ask the model; the kubelet's probes come from the node, which no policy keeps out."""
    body = _part(NETWORKPOLICY, resource, f"{resource.metadata.name}-service")
    peers = settings.allow_from or [{"podSelector": {}}]
    body["spec"] = {
        "podSelector": {"matchLabels": selector(resource)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": PORT, "protocol": "TCP"}], "from": peers}],
    }
    return body


def route(resource: Prompt2Model, spec: Body) -> Body:
    """Below /<namespace>/<name>, which is cut off before the service sees the path."""
    body = _part(HTTPROUTE, resource)
    path = f"/{resource.metadata.namespace}/{resource.metadata.name}"
    replace = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        "filters": [{"type": "URLRewrite", "urlRewrite": {"path": replace}}],
        "backendRefs": [{"name": resource.metadata.name, "port": PORT}],
    }
    body["spec"] = {**spec, "rules": [rule]}
    return body


def monitor(resource: Prompt2Model, settings: ServiceMonitoring) -> Body:
    """Tells the Prometheus operator where the service's metrics are."""
    body = _part(SERVICEMONITOR, resource)
    body["metadata"]["labels"] = {**settings.labels, **body["metadata"]["labels"]}
    endpoint = {"port": "http", "path": "/metrics", "interval": settings.interval}
    body["spec"] = {"selector": {"matchLabels": selector(resource)}, "endpoints": [endpoint]}
    return body


def _part(kind: Kind, resource: Prompt2Model, name: str | None = None) -> Body:
    return metadata(kind, name or resource.metadata.name, resource, {ROLE: "service"})


def _cpu(millicores: int) -> str:
    """As the API server writes it."""
    return f"{millicores}m" if millicores % 1000 else str(millicores // 1000)
