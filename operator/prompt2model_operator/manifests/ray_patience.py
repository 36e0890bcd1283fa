"""Time for Ray to start on a busy machine, before the kubelet or Ray itself gives up."""

from __future__ import annotations

import math
from typing import Any

from prompt2model_api.graph import GRAPH
from prompt2model_api.stage_run import Stage
from prompt2model_operator.settings import Settings

Body = dict[str, Any]

RAY_WAIT = "RAY_gcs_server_port_wait_time_s"
"""How long Ray waits for its control service (GCS). Source: ray/_private/node.py"""
RAY_WAIT_S = 300
PROBE_S = 5
HEALTH: Body = {"path": "/api/healthz", "port": 52365}
"""What KubeRay's own probes ask of Ray's agent, which needs no token for it."""


def ray_startup_probe(settings: Settings) -> Body:
    """Until it has succeeded once, KubeRay's liveness probe waits."""
    failures = math.ceil(settings.ray.startup_seconds / PROBE_S)
    return {"httpGet": HEALTH, "periodSeconds": PROBE_S, "timeoutSeconds": 10, "failureThreshold": failures}


def ray_wait(stage: Stage, settings: Settings) -> list[Body]:
    """Environment of a container that starts Ray; the chart's env may set it otherwise."""
    own = {variable.name for variable in settings.pods.of(stage).env}
    return [{"name": RAY_WAIT, "value": str(RAY_WAIT_S)}] if GRAPH[stage].on_ray and RAY_WAIT not in own else []
