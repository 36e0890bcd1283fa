"""What can be told of an attempt from its stage run's status and its workload."""

from __future__ import annotations

from datetime import datetime, timedelta

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.snapshot import Workload
from prompt2model_api.spec.running import Deadlines
from prompt2model_api.stage_run import StageRun

START_S = 1800


def is_attempt_of(workload: Workload, run: StageRun) -> bool:
    """Whether the workload is the stage run's attempt of now."""
    return workload.stage_run == run.metadata.name and workload.attempt == run.status.attempt


def is_heard(run: StageRun) -> bool:
    """Whether the attempt has given a sign of life."""
    progress = run.status.progress
    return progress is not None and progress.attempt == run.status.attempt


def has_result(run: StageRun) -> bool:
    """Only the result of the attempt that the status names, for this digest, counts."""
    result = run.status.result
    return result is not None and result.attempt <= run.status.attempt and result.digest == run.spec.digest


def late_at(run: StageRun, limits: Deadlines, heard: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """When the attempt passes its deadline, and when it counts as silent.

    Args:
        heard: when its heartbeat was last seen to change, by the clock of `now`; None where nobody noted it.
    """
    started = run.status.started_at or now
    last = max(started, heard or started)
    return started + timedelta(seconds=limits.stage_seconds), last + timedelta(seconds=_patience(run, limits))


def start_seconds(limits: Deadlines) -> int:
    """How long an attempt may take until its first sign of life."""
    return limits.start_seconds or max(START_S, limits.heartbeat_seconds)


def _patience(run: StageRun, limits: Deadlines) -> int:
    return limits.heartbeat_seconds if is_heard(run) else start_seconds(limits)


def too_long(run: StageRun, limits: Deadlines) -> Failure:
    """The attempt passed its deadline."""
    message = f"{run.spec.stage} took longer than {limits.stage_seconds} s."
    return _retrying("DeadlineExceeded", message, "Raise deadlines.stageSeconds.")


def silent(run: StageRun, limits: Deadlines) -> Failure:
    """The attempt stopped giving signs of life."""
    message = f"{run.spec.stage} gave no sign of life for {_patience(run, limits)} s."
    field = "heartbeatSeconds"
    if not is_heard(run):
        message, field = f"{message[:-1]} after its start.", "startSeconds"
    return _retrying("HeartbeatLost", message, f"See the attempt's log; raise deadlines.{field}.")


def no_result(run: StageRun) -> Failure:
    """The attempt ended, and nobody knows why."""
    return _retrying("NoResult", f"{run.spec.stage} ended without a result.", "See the attempt's log.")


def _retrying(reason: str, message: str, remedy: str) -> Failure:
    return Failure(state=FailureState.RETRYING, reason=reason, message=message, remedy=remedy)
