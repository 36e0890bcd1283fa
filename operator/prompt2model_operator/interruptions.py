"""Whether the machine ended an attempt: an eviction, a preemption, a lost node. Nothing is wrong with its work then."""

from __future__ import annotations

import re
from typing import Any

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.texts import because, cut
from prompt2model_operator.manifests.stage_jobs import DISRUPTED

Body = dict[str, Any]

GOES_ON = "Nothing has to be changed: it is tried again and goes on from what it has kept."
OWN_LIMIT = re.compile(r"exceed(s|ed) (the|its local)")
"""What the kubelet says of a pod that it evicts because of a storage limit of the pod's own."""


def interruption_of_pod(pod: Body) -> Failure | None:
    """Whether the machine ended the pod, or is about to."""
    status = pod.get("status") or {}
    said = status.get("message", "")
    for condition in status.get("conditions") or []:
        if condition.get("type") == DISRUPTED and condition.get("status") == "True":
            return _because(DISRUPTIONS.get(condition.get("reason", ""), ENDED), condition.get("message") or said)
    if status.get("reason") == "Evicted" and OWN_LIMIT.search(said) is None:
        return _because(EVICTED, said)
    return None


def interrupted_job(message: str) -> Failure:
    """Of a Job that ended because the machine ended its pod."""
    return _because(ENDED, message)


def _interrupted(reason: str, message: str) -> Failure:
    return Failure(state=FailureState.RETRYING, reason=reason, message=message, remedy=GOES_ON)


def _because(failure: Failure, said: str) -> Failure:
    return failure.model_copy(update={"message": cut(because(failure.message, said))})


ENDED = _interrupted("Interrupted", "The cluster ended the pod")
EVICTED = _interrupted("Evicted", "The pod was evicted")
DISRUPTIONS = {
    "PreemptionByScheduler": _interrupted("Preempted", "A pod of higher priority took the pod's place"),
    "DeletionByTaintManager": _interrupted("NodeLost", "The pod's node does not answer, or has a taint"),
    "DeletionByPodGC": _interrupted("NodeLost", "The pod's node is gone"),
    "EvictionByEvictionAPI": _interrupted("Evicted", "The pod was evicted, as `kubectl drain` does"),
    "TerminationByKubelet": _interrupted("Evicted", "The node is short of a resource, or shuts down"),
}
"""By the reason of the condition DisruptionTarget. Source: kubernetes.io/docs/concepts/workloads/pods/disruptions"""
