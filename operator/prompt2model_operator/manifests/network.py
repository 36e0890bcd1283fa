"""Who may talk to the Ray pods of a resource: each other, and KubeRay's operator."""

from __future__ import annotations

from typing import Any

from prompt2model_api.graph import GRAPH
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.kinds import NETWORKPOLICY, RESOURCE, ROLE, STAGE
from prompt2model_operator.manifests.common import metadata, owned_by
from prompt2model_operator.settings import Settings

Body = dict[str, Any]


def ray_policy(resource: Prompt2Model, settings: Settings) -> Body:
    """Closes Ray's dashboard, its job API and its ports to everybody else.

    KubeRay's operator is named by its namespace as well as by its label: everybody may give a pod a label.
    """
    body = metadata(NETWORKPOLICY, f"{resource.metadata.name}-ray", resource)
    mine = {"podSelector": {"matchLabels": {RESOURCE: resource.metadata.name}}}
    kuberay = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": settings.ray.operator_namespace}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "kuberay-operator"}},
    }
    stages = {"key": STAGE, "operator": "In", "values": [stage.value for stage, node in GRAPH.items() if node.on_ray]}
    body["spec"] = {
        "podSelector": {
            "matchLabels": {RESOURCE: resource.metadata.name, ROLE: "stage"},
            "matchExpressions": [stages],
        },
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [mine]}, {"from": [kuberay]}],
    }
    return owned_by(body, resource)
