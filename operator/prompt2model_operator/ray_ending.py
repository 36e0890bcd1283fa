"""Why a RayJob ended, out of KubeRay's words, those of Ray in them, and those of the job's submitter."""

from __future__ import annotations

from typing import Any

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.graph import GRAPH
from prompt2model_api.ray_texts import HEAD_LOST, memory_shortage
from prompt2model_api.stage_run import Stage
from prompt2model_api.texts import because, cut
from prompt2model_operator.interruptions import GOES_ON
from prompt2model_operator.ray_starting import not_started

Body = dict[str, Any]

ENDED = ("Complete", "Failed")
LATE = "PreRunningDeadlineExceeded"
REASONS = {
    "AppFailed": "The Ray job failed",
    "DeadlineExceeded": "The Ray job took too long",
    "SubmissionFailed": "The job could not be submitted",
    "JobDeploymentStatusTransitionGracePeriodExceeded": "The Ray head was lost",
}


def rayjob_ended(body: Body, stage: Stage) -> tuple[bool, Failure | None]:
    """Whether the RayJob is over, and what KubeRay says of it."""
    status = body.get("status") or {}
    if status.get("jobDeploymentStatus") not in ENDED:
        return False, None
    if status.get("jobDeploymentStatus") == "Complete":
        return True, None
    said = str(status.get("message", ""))
    if status.get("reason") == LATE:
        remedy = "It is tried again by itself. The chart's settings.ray.preRunningDeadlineSeconds gives it more time."
        return True, not_started(cut(because("The Ray cluster was not ready in time", said)), remedy)
    if (known := _known(said, stage)) is not None:
        return True, known
    what = REASONS.get(status.get("reason", ""), status.get("reason") or "The Ray job failed")
    remedy = "It is tried again from what is kept. The attempt's log is in storage as log-<attempt>.txt."
    message = cut(because(what, said))
    return True, Failure(state=FailureState.RETRYING, reason="RayJobFailed", message=message, remedy=remedy)


def told_by_ray(failure: Failure | None, why: Failure | None, stage: Stage) -> Failure | None:
    """What the pods show; where that is only a process that ended, the cause that Ray or the submitter's log names.

    Args:
        failure: of the pods.
        why: what KubeRay says.
        stage: whose RayJob it is.
    """
    if failure is None or failure.reason != "Crashed":
        return failure
    if why is not None and why.reason in ("OutOfMemory", "RayHeadLost"):
        return why
    return _known(failure.message, stage) or failure


def _known(said: str, stage: Stage) -> Failure | None:
    """A cause that Ray's own words name."""
    if (shortage := memory_shortage(said)) is not None:
        remedy = f"Give {stage.value} more memory ({_memory_of(stage)})."
        return Failure(state=FailureState.RETRYING, reason="OutOfMemory", message=shortage, remedy=remedy)
    if HEAD_LOST.search(said) is not None:
        message = (
            "Ray's head went away while the job ran: its pod was deleted, its process ended, or its node was lost."
        )
        return Failure(state=FailureState.RETRYING, reason="RayHeadLost", message=message, remedy=GOES_ON)
    return None


def _memory_of(stage: Stage) -> str:
    """Where a stage's memory is written."""
    chart = f"the chart's settings.pods.{stage.value}.limits.memory"
    own = GRAPH[stage].resources
    return f"spec.{own}.memory, or {chart}" if own else chart
