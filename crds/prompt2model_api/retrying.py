"""What becomes of a stage run whose attempt failed: on which count it goes, when it is tried again, when it is given up.

Three things end attempts, and each has a count of its own: the work itself (failures), the machine (interruptions), and
what a person has to fix outside (blocks). Progress since the last count starts all of them again; so does a person who
steps in.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Literal

from prompt2model_api.conditions import MACHINE_REASONS, Failure, FailureState
from prompt2model_api.spec.running import Retries
from prompt2model_api.stage_run import StageRunPhase, StageRunStatus
from prompt2model_api.texts import MESSAGE_LIMIT, cut, sentence, told

MOST_INTERRUPTIONS = 20
"""Attempts that the machine may end without progress between them: some two hours with the default back-off."""
LONGEST_BACKOFF = timedelta(minutes=10)
LEAST_PROGRESS = 0.01
"""Of the whole work. Less may be done again by the next attempt, so a failure that comes at once would never count."""

PROMISE = re.compile(r"\b(next attempt|tried again)\b", re.IGNORECASE)
"""What a remedy says of another attempt."""

NO_COUNTS = {"failures": 0, "interruptions": 0, "blocks": 0}


def is_interruption(failure: Failure) -> bool:
    """Whether the machine ended the attempt, and not the work itself."""
    return failure.state is FailureState.RETRYING and failure.reason in MACHINE_REASONS


def after_failure(
    status: StageRunStatus, failure: Failure, retries: Retries, now: datetime, how_to_retry: str = ""
) -> StageRunStatus:
    """The status once the attempt failed: tried again, looked at again until it is fixed, or ended.

    Args:
        status: that of the attempt.
        failure: why it ended.
        retries: the spec's.
        now: the time, with its zone.
        how_to_retry: a sentence for a stage run that is given up.
    """
    counts = {**NO_COUNTS, "furthest": _progress(status)} if _has_progressed(status) else {}
    status = status.model_copy(update=counts)
    count = _count(failure)
    number = getattr(status, count) + 1
    failure = _given_up(failure, number, retries, how_to_retry)
    wait = timedelta(seconds=retries.backoff_seconds) * 2 ** min(number - 1, 10)
    ended = failure.state is FailureState.FAILED
    update = {
        "phase": StageRunPhase(failure.state.value),
        count: number,
        "failure": failure,
        "retry_at": None if ended else now + min(wait, LONGEST_BACKOFF),
    }
    return status.model_copy(update=update)


def after_step_in(status: StageRunStatus) -> StageRunStatus:
    """The status once a person has stepped in: as if nothing had failed."""
    return status.model_copy(update={**NO_COUNTS, "phase": StageRunPhase.PENDING, "failure": None, "retry_at": None})


def failure_text(status: StageRunStatus, *, suspended: bool = False) -> str:
    """The failure with its remedy, and when the next attempt of a blocked stage run starts at the latest; empty where none is."""
    if (failure := status.failure) is None:
        return ""
    waits = status.phase is StageRunPhase.BLOCKED and status.retry_at is not None and not suspended
    again = f" Next try at {status.retry_at:%H:%M} UTC." if waits else ""
    return told(failure.message, f"{failure.remedy}{again}".strip())


def _count(failure: Failure) -> Literal["failures", "interruptions", "blocks"]:
    if failure.state is FailureState.BLOCKED:
        return "blocks"
    return "interruptions" if is_interruption(failure) else "failures"


def _progress(status: StageRunStatus) -> float:
    """How far the attempt came; 0 where it said nothing."""
    said = status.progress
    return said.done if said is not None and said.attempt == status.attempt else 0.0


def _has_progressed(status: StageRunStatus) -> bool:
    """Whether the attempt came further than those before it, by enough to count."""
    whole = status.progress.total if status.progress is not None else 0.0
    return whole > 0 and _progress(status) - status.furthest >= LEAST_PROGRESS * whole


def _given_up(failure: Failure, number: int, retries: Retries, how_to_retry: str) -> Failure:
    """The failure as it is where another attempt is due; Failed where there were enough."""
    most, note = retries.attempts, f" ({number} of {retries.attempts} attempts failed.)"
    if is_interruption(failure):
        most, note = MOST_INTERRUPTIONS, f" ({number} attempts in a row were interrupted before any progress.)"
    if failure.state is FailureState.RETRYING and number >= most:
        message = cut(sentence(failure.message), MESSAGE_LIMIT - len(note)) + note
        remedy = _without_promises(failure.remedy)
        failure = failure.model_copy(update={"state": FailureState.FAILED, "message": message, "remedy": remedy})
    if failure.state is FailureState.FAILED:
        failure = failure.model_copy(update={"remedy": told(failure.remedy, how_to_retry)})
    return failure


def _without_promises(remedy: str) -> str:
    """The remedy without its sentences on the next attempt: there is none."""
    return " ".join(part for part in re.split(r"(?<=[.!?]) +", remedy) if PROMISE.search(part) is None)
