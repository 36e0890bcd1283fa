"""Ray that does not come up: its containers end, or the cluster is not ready, before the stage has given a sign of life.

Ray gives a node's processes 30 s to start, which no setting changes; on a busy machine that is too short, and the container
is started again. Nothing is wrong with the work then, so the attempt is Blocked and uses up none of its retries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_operator.last_words import ended_container, with_log

Body = dict[str, Any]

CONTAINER = "ray"
NODE_TYPE = "ray.io/node-type"
SLOW_S = 600.0
"""A Ray cluster may take this long without a word: an image may just be pulled."""
INITIALIZING = "Initializing"

BUSY = "It starts again by itself. If it stays so, give the machine less other work, or the pod more CPU."


def ray_not_started(rayjob: Body, pods: Iterable[Body], now: datetime, words: Mapping[str, str]) -> Failure | None:
    """Why the RayJob's cluster is not ready; None while that is no wonder yet.

    Args:
        rayjob: of an attempt that has not given a sign of life.
        pods: the attempt's.
        now: the time, with its zone.
        words: the ends of logs, by `last_words.Ended.id`.
    """
    for pod in pods:
        for status in (pod.get("status") or {}).get("containerStatuses") or []:
            end = None if status.get("ready") else ended_container(pod, status)
            if status.get("name") != CONTAINER or end is None or end.reason == "OOMKilled":
                continue
            node = "worker" if (pod["metadata"].get("labels") or {}).get(NODE_TYPE) == "worker" else "head"
            message = f"Ray's {node} ended with exit status {end.exit_code} before it was ready, in pod {end.name}."
            return not_started(*with_log(message, BUSY, end, words))
    status = rayjob.get("status") or {}
    since = status.get("startTime")
    if status.get("jobDeploymentStatus") != INITIALIZING or since is None:
        return None
    if now - datetime.fromisoformat(str(since)) < timedelta(seconds=SLOW_S):
        return None
    message = f"The Ray cluster of {rayjob['metadata']['name']} is not ready after {SLOW_S / 60:.0f} minutes."
    return not_started(message, f"{BUSY} `kubectl describe pods` says what its pods wait for.")


def not_started(message: str, remedy: str) -> Failure:
    """Blocked: the machine's trouble, which uses up no attempt."""
    return Failure(state=FailureState.BLOCKED, reason="RayDidNotStart", message=message, remedy=remedy)
