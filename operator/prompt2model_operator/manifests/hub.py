"""The hub's token, for the stages that ask the hub and no other pod."""

from __future__ import annotations

from typing import Any

from prompt2model_api.graph import GRAPH
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.spec.hugging_face import HUB_TOKEN
from prompt2model_api.stage_run import Stage
from prompt2model_operator.settings import Settings

Body = dict[str, Any]


def hub_token(stage: Stage, resource: Prompt2Model, settings: Settings) -> list[Body]:
    """HF_TOKEN: from the resource's Secret, without which the pod waits, else from the chart's, where the namespace has it."""
    if not GRAPH[stage].asks_hub:
        return []
    if (own := resource.spec.hugging_face.token_secret_ref) is not None:
        return [_from_secret({"name": own.name, "key": own.key})]
    if (name := settings.hugging_face.token_secret) is not None:
        return [_from_secret({"name": name, "key": HUB_TOKEN, "optional": True})]
    return []


def _from_secret(key: Body) -> Body:
    return {"name": HUB_TOKEN, "valueFrom": {"secretKeyRef": key}}
