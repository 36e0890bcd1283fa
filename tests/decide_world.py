"""A world around `decide`: it applies the actions as an operator would, and checks at each that it may be taken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prompt2model_api.base import Metadata
from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.decide import decide
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.results import StageResult
from prompt2model_api.snapshot import (
    Deploy,
    MakeStageRun,
    ObservedService,
    Outcome,
    SetStageRunStatus,
    Snapshot,
    StartAttempt,
    StopAttempt,
    Workload,
)
from prompt2model_api.stage_run import Progress, Stage, StageRun
from prompt2model_api.status import Phase
from tests.stage_outputs import outputs

START = datetime(2026, 1, 1, tzinfo=UTC)
SHA = "ab" * 32


def resource(**spec: Any) -> Prompt2Model:
    return Prompt2Model(metadata=Metadata(name="dates"), spec=Prompt2ModelSpec.model_validate({"prompt": "x", **spec}))


class World:
    """Applies actions as an operator would, and checks at each that it is one that may be taken."""

    def __init__(self, made: Prompt2Model) -> None:
        self.resource, self.now = made, START
        self.runs: dict[str, StageRun] = {}
        self.workloads: dict[tuple[str, int], Workload] = {}
        self.service: ObservedService | None = None
        self.heard: dict[str, datetime] = {}
        self.bases: dict[Stage, str] = {}
        self.retry: str | None = None
        self.started: list[tuple[str, int]] = []
        self.made: list[Stage] = []

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self.resource,
            "/runs/default/dates",
            dict(self.runs),
            tuple(self.workloads.values()),
            self.service,
            heard=dict(self.heard),
            bases=dict(self.bases),
            retry=self.retry,
            how_to_retry="Annotate it.",
        )

    def step(self, apply_first: int | None = None) -> Outcome:
        """One look; a crash after `apply_first` actions leaves the rest undone."""
        outcome = decide(self.snapshot(), self.now)
        assert outcome == decide(self.snapshot(), self.now), "the same input gives the same answer"
        for action in outcome.actions[:apply_first]:
            self.apply(action)
        self.resource = self.resource.model_copy(update={"status": outcome.status})
        return outcome

    def apply(self, action: object) -> None:
        match action:
            case MakeStageRun(run):
                assert run.metadata.name not in self.runs, "made once"
                self.check_inputs(run)
                self.runs[run.metadata.name] = run
                self.made.append(run.spec.stage)
            case SetStageRunStatus(name, status):
                self.runs[name] = self.runs[name].model_copy(update={"status": status})
            case StartAttempt(name, attempt):
                run = self.runs[name]
                assert run.status.result is None, "finished work is never started"
                assert run.status.attempt == attempt, "the attempt is written before the workload"
                live = [w for w in self.workloads.values() if w.stage_run == name and w.alive and w.attempt != attempt]
                assert not live, "at most one live attempt"
                self.workloads[name, attempt] = Workload(name, attempt, True)
                self.started.append((name, attempt))
            case StopAttempt(name, attempt):
                self.workloads[name, attempt] = Workload(name, attempt, False)
            case Deploy(digest=digest):
                self.service = ObservedService(digest=digest, ready=False)

    def check_inputs(self, run: StageRun) -> None:
        folders = {
            f"{r.spec.stage.value}-{r.spec.digest[:8]}" for r in self.runs.values() if r.status.result is not None
        }
        assert set(run.spec.inputs.values()) <= folders, "never a stage before its inputs"

    def finish(self, name: str, **kw: Any) -> None:
        run = self.runs[name]
        result = StageResult(
            attempt=run.status.attempt, digest=run.spec.digest, sha256=SHA, outputs=outputs(run.spec.stage, **kw)
        )
        self.runs[name] = run.model_copy(update={"status": run.status.model_copy(update={"result": result})})
        self.workloads[name, run.status.attempt] = Workload(name, run.status.attempt, False)

    def fail(self, name: str, failure: Failure | None) -> None:
        attempt = self.runs[name].status.attempt
        self.workloads[name, attempt] = Workload(name, attempt, False, failure)

    def say(self, name: str, done: float, total: float = 100) -> None:
        """A heartbeat of the attempt that is at work."""
        run = self.runs[name]
        progress = Progress(attempt=run.status.attempt, done=done, total=total, at=self.now)
        self.runs[name] = run.model_copy(update={"status": run.status.model_copy(update={"progress": progress})})

    def next_attempt(self) -> None:
        """Waits out the back-off, and looks again."""
        wake_at = self.step().wake_at
        assert wake_at is not None
        self.now = wake_at
        self.step()

    def alive(self) -> list[str]:
        return [w.stage_run for w in self.workloads.values() if w.alive]

    def to_the_end(self, **kw: Any) -> Phase:
        for _ in range(40):
            phase = self.step().status.phase
            if self.service is not None and not self.service.ready:
                self.service = ObservedService(digest=self.service.digest, ready=True)
                continue
            if not self.alive():
                return self.resource.status.phase if self.resource.status else phase
            for name in self.alive():
                self.finish(name, **kw)
        raise AssertionError("it does not end")


def failure(state: FailureState, reason: str = "Test") -> Failure:
    return Failure(state=state, reason=reason, message="because")
