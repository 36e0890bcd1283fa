"""Kubernetes events on changes, and the metrics that go with them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from prompt2model_api.conditions import ConditionType, FailureState
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.retrying import failure_text
from prompt2model_api.snapshot import (
    Action,
    Deploy,
    MakeStageRun,
    SetStageRunStatus,
    StartAttempt,
    StopAttempt,
    Undeploy,
)
from prompt2model_api.stage_run import StageRun, StageRunPhase, StageRunStatus
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_api.texts import cut, told
from prompt2model_operator.kinds import EVENT, MANAGER
from prompt2model_operator.metrics import STAGE_FAILURES, STAGE_SECONDS, TEACHER_TOKENS, TEACHER_USD

Body = dict[str, Any]
logger = logging.getLogger(__name__)

PAST = {
    StageRunPhase.RUNNING: "Started",
    StageRunPhase.SUCCEEDED: "Succeeded",
    StageRunPhase.RETRYING: "Failed",
    StageRunPhase.BLOCKED: "Blocked",
    StageRunPhase.FAILED: "GivenUp",
}


def log_action(action: Action, runs: Mapping[str, StageRun], key: tuple[str, str]) -> None:
    """One line for what was done, with the names that a search starts from."""
    names = {"resource_namespace": key[0], "resource": key[1]}
    name = getattr(action, "name", None) or getattr(action, "evaluate", None)
    made: StageRun | None = getattr(action, "stage_run", None) or runs.get(name or "")
    if made is not None:
        names |= {"stage": made.spec.stage.value, "digest": made.spec.digest[:8]}
    match action:
        case MakeStageRun(run, why):
            logger.info("%s is to run: %s", run.metadata.name, why, extra=names)
        case SetStageRunStatus(run_name, status):
            why = f": {status.failure.reason}, {status.failure.message}" if status.failure is not None else ""
            logger.info("%s is %s, attempt %d%s", run_name, status.phase, status.attempt, why, extra=names)
        case StartAttempt(run_name, attempt):
            logger.info("%s: attempt %d is started", run_name, attempt, extra=names)
        case StopAttempt(run_name, attempt, why):
            logger.info("%s: attempt %d is ended: %s", run_name, attempt, why, extra=names)
        case Deploy():
            logger.info("the service is to answer with %s", action.train, extra=names)
        case Undeploy():
            logger.info("the service is removed", extra=names)


def stage_change(run: StageRun, new: StageRunStatus) -> tuple[str, str, str] | None:
    """Type, reason and message of the event for a stage run's new status; None where nothing happened that a person minds."""
    old = run.status
    if (old.phase, old.attempt) == (new.phase, new.attempt) or new.phase not in PAST:
        return None
    reason, attempt = (
        f"{run.spec.stage.value.capitalize()}{PAST[new.phase]}",
        f"{run.metadata.name}, attempt {new.attempt}",
    )
    if new.failure is None or new.phase is StageRunPhase.RUNNING:
        return "Normal", reason, f"{attempt}."
    if new.phase is StageRunPhase.BLOCKED and _was_blocked_by(old, new.failure.reason):
        return None  # told when the attempt began to wait
    return "Warning", reason, told(f"{attempt}: {new.failure.reason}: {new.failure.message}", new.failure.remedy)


def _was_blocked_by(status: StageRunStatus, reason: str) -> bool:
    failure = status.failure
    return failure is not None and failure.state is FailureState.BLOCKED and failure.reason == reason


def resource_change(
    old: Prompt2ModelStatus | None, new: Prompt2ModelStatus, runs: Iterable[StageRun] = ()
) -> tuple[str, str, str] | None:
    """The event for a resource whose Ready condition changed; None where the event of one of its stage runs tells it."""
    before = {c.type: (c.status, c.reason) for c in old.conditions} if old else {}
    now = next((c for c in new.conditions if c.type is ConditionType.READY), None)
    if now is None or before.get(ConditionType.READY) == (now.status, now.reason) or now.status == "Unknown":
        return None
    if now.status == "False" and now.message in _told_by_stages(runs):
        return None
    return ("Normal" if now.status == "True" else "Warning"), now.reason, now.message or now.reason


def _told_by_stages(runs: Iterable[StageRun]) -> set[str]:
    """The messages of failures that ended an attempt: each has an event of its own."""
    ended = (StageRunPhase.RETRYING, StageRunPhase.BLOCKED, StageRunPhase.FAILED)
    return {failure_text(run.status) for run in runs if run.status.phase in ended}


def count_stage_change(run: StageRun, new: StageRunStatus) -> None:
    """Counts a stage's end in the metrics."""
    stage, old = run.spec.stage.value, run.status
    if new.phase is old.phase:
        return
    if new.phase is StageRunPhase.SUCCEEDED and new.result is not None:
        spent = new.result.outputs.spent
        STAGE_SECONDS.labels(stage).observe(new.result.seconds)
        TEACHER_TOKENS.labels("prompt").inc(spent.prompt_tokens)
        TEACHER_TOKENS.labels("completion").inc(spent.completion_tokens)
        TEACHER_USD.inc(spent.usd or 0.0)
    elif new.failure is not None and new.phase is not StageRunPhase.RUNNING:
        STAGE_FAILURES.labels(stage, new.failure.reason).inc()


def event(resource: Prompt2Model, kind: str, reason: str, message: str) -> Body:
    """An event of the resource. Its name is that of what happened, so that it is told once."""
    meta, now = resource.metadata, datetime.now(UTC)
    mark = hashlib.sha256(f"{meta.uid} {reason} {message}".encode()).hexdigest()[:12]
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": f"{meta.name}.{mark}", "namespace": meta.namespace},
        "involvedObject": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
        },
        "type": kind,
        "reason": reason,
        "message": cut(message),
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
