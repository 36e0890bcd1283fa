"""One stage run after one look: its attempt is watched, retried, stopped or accepted; what failed is tried again, or given up.

A part of `decide`, and as pure: it looks at the snapshot, and notes actions and when to look again. retrying.py counts failures.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from prompt2model_api.attempts import (
    has_result,
    is_attempt_of,
    is_heard,
    late_at,
    no_result,
    silent,
    start_seconds,
    too_long,
)
from prompt2model_api.conditions import Failure
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.retrying import after_failure, after_step_in, is_interruption
from prompt2model_api.snapshot import Action, SetStageRunStatus, Snapshot, StartAttempt, StopAttempt, Workload
from prompt2model_api.sources import missing_before, missing_for
from prompt2model_api.stage_run import Stage, StageRun, StageRunPhase, StageRunState, StageRunStatus
from prompt2model_api.stage_states import AT_REST, UNDER_WAY, state_of

LINGER = timedelta(minutes=3)
"""How long a workload may live on after its result."""


@dataclass(frozen=True)
class Advancing:
    """Brings stage runs a step further.

    snapshot: one look at the resource.
    now: the time, with its zone.
    actions: what is to be done is added, in order.
    wakes: when to look again is added.
    """

    snapshot: Snapshot
    now: datetime
    actions: list[Action]
    wakes: list[datetime]

    @property
    def spec(self) -> Prompt2ModelSpec:
        """What the user wrote."""
        return self.snapshot.resource.spec

    def advance(self, run: StageRun) -> StageRunStatus:
        """The stage run's status after this look."""
        live = [w for w in self.snapshot.workloads if w.stage_run == run.metadata.name and w.alive]
        if has_result(run):
            self._let_end(run, live)
            return self.set_status(
                run, run.status.model_copy(update={"phase": StageRunPhase.SUCCEEDED, "failure": None})
            )
        if not self.spec.suspend and self._is_to_be_tried_anew(run):
            run = self._step_in(run)
        status = run.status
        if status.phase is StageRunPhase.FAILED:
            return self.set_status(run, status)
        if self.spec.suspend:
            return self.pause(run, live, "spec.suspend")
        for workload in live:
            if workload.attempt != status.attempt or status.phase is not StageRunPhase.RUNNING:
                self.actions.append(
                    StopAttempt(workload.stage_run, workload.attempt, "another attempt takes its place")
                )
        if status.phase is StageRunPhase.RUNNING:
            return self._watch(run)
        if live:
            return self.set_status(run, status)
        if (missing := missing_before(self.snapshot, run.spec.stage)) is not None:
            return self._wait(run, missing)
        if status.retry_at is not None and status.retry_at > self.now and not self._is_fixed(status):
            self.wakes.append(status.retry_at)
            return self.set_status(run, status)
        if self._is_fixed(status):
            run = run.model_copy(update={"status": status.model_copy(update={"failure": None})})
        return self.start(run, status.attempt + 1)

    def pause(self, run: StageRun, live: list[Workload], why: str) -> StageRunStatus:
        """The status of a stage run of a suspended resource; live: its attempts, which are stopped."""
        self._stop(live, why)
        if run.status.phase is not StageRunPhase.RUNNING:
            return self.set_status(run, run.status)
        return self.set_status(run, run.status.model_copy(update={"phase": StageRunPhase.PENDING}))

    def hold(self, run: StageRun, live: list[Workload], why: str) -> StageRunStatus:
        """The status of a stage run that waits for a gate or another stage; live: its attempts, which are stopped.

        It does not go on by itself, so it says nothing of a next attempt: what it waits for is what the resource tells. What
        failed before still counts.
        """
        self._stop(live, why)
        if run.status.phase not in UNDER_WAY:
            return self.set_status(run, run.status)
        return self.set_status(run, run.status.model_copy(update=AT_REST))

    def start(self, run: StageRun, attempt: int) -> StageRunStatus:
        """The status of a stage run whose attempt is started."""
        update = {"phase": StageRunPhase.RUNNING, "attempt": attempt, "started_at": self.now, "retry_at": None}
        made_of = self._ingredients(run.spec.stage)
        status = self.set_status(run, run.status.model_copy(update=update | made_of))
        self.actions.append(StartAttempt(run.metadata.name, attempt))
        self.wakes.append(self.now + timedelta(seconds=start_seconds(self.spec.deadlines)))
        return status

    def set_status(self, run: StageRun, status: StageRunStatus, state: StageRunState | None = None) -> StageRunStatus:
        """The status with its state, which is written where it changed; state: where the status alone does not tell it."""
        status = status.model_copy(update={"state": state or state_of(status)})
        if status != run.status:
            self.actions.append(SetStageRunStatus(run.metadata.name, status))
        return status

    def _stop(self, live: list[Workload], why: str) -> None:
        """Ends attempts."""
        for workload in live:
            self.actions.append(StopAttempt(workload.stage_run, workload.attempt, why))

    def _is_to_be_tried_anew(self, run: StageRun) -> bool:
        """Whether a person asks for it, or what attempts are made of is no longer what the last one was made of."""
        if self.snapshot.retry is not None and self.snapshot.retry != run.status.retry:
            return True
        if run.status.phase is StageRunPhase.RUNNING and not self._is_stuck(run):
            return False  # it works with what it has
        made_of, now = run.status.basis, self.snapshot.bases.get(run.spec.stage)
        return made_of is not None and now is not None and made_of != now

    def _is_fixed(self, status: StageRunStatus) -> bool:
        """Whether what blocked the stage run is known to be fixed."""
        failure = status.failure if status.phase is StageRunPhase.BLOCKED else None
        fixed_at = self.snapshot.fixed.get(failure.reason) if failure is not None else None
        return fixed_at is not None and (status.started_at is None or status.started_at < fixed_at)

    def _is_stuck(self, run: StageRun) -> bool:
        """Whether the attempt waits for something outside before it can start."""
        workload = next((w for w in self.snapshot.workloads if is_attempt_of(w, run)), None)
        waits = workload is not None and workload.alive and workload.failure is not None
        return waits and not is_heard(run)

    def _step_in(self, run: StageRun) -> StageRun:
        """The stage run as if nothing had failed; an attempt that works goes on."""
        status = after_step_in(run.status).model_copy(update=self._ingredients(run.spec.stage))
        if run.status.phase is StageRunPhase.RUNNING and not self._is_stuck(run):
            # Its basis stays: it is still made of what it was made of.
            kept = {"phase": StageRunPhase.RUNNING, "failure": run.status.failure, "basis": run.status.basis}
            status = status.model_copy(update=kept)
        self.set_status(run, status)
        return run.model_copy(update={"status": status})

    def _ingredients(self, stage: Stage) -> dict[str, str | None]:
        """What a new attempt is made of, for its status."""
        return {"basis": self.snapshot.bases.get(stage), "retry": self.snapshot.retry}

    def _wait(self, run: StageRun, missing: Failure) -> StageRunStatus:
        """No attempt is started until the missing file is there; then one is, at once."""
        update = {"phase": StageRunPhase.BLOCKED, "failure": missing, "retry_at": None}
        return self.set_status(run, run.status.model_copy(update=update))

    def _let_end(self, run: StageRun, live: list[Workload]) -> None:
        """A workload whose result is there ends by itself; one that does not is ended, so that nothing is held for ever."""
        until = self.snapshot.heard.get(run.metadata.name, self.now) + LINGER
        for workload in live:
            if self.now >= until:
                self.actions.append(StopAttempt(workload.stage_run, workload.attempt, "its result is there"))
            else:
                self.wakes.append(until)

    def _watch(self, run: StageRun) -> StageRunStatus:
        """A running attempt: still well, lost, or ended without a result."""
        status = run.status
        workload = next((w for w in self.snapshot.workloads if is_attempt_of(w, run)), None)
        missing = missing_for(self.snapshot, run.spec.stage)
        if workload is None and missing is not None:
            return self._wait(run, missing)
        if workload is None:
            # Written down and then not made, or removed by somebody: its name is the same, so making it is safe.
            status = self.set_status(run, status.model_copy(update=self._ingredients(run.spec.stage)))
            self.actions.append(StartAttempt(run.metadata.name, status.attempt))
            return status
        if not workload.alive:
            return self._fail(run, workload.failure or no_result(run))
        if workload.failure is not None and is_interruption(workload.failure):
            self.actions.append(StopAttempt(run.metadata.name, status.attempt, workload.failure.reason))
            return self._fail(run, workload.failure)
        if workload.queued:
            return self.set_status(
                run, status.model_copy(update={"started_at": self.now.replace(second=0, microsecond=0)})
            )
        stuck = workload.failure or (None if is_heard(run) else missing)
        if (late := self._late(run, stuck)) is not None:
            self.actions.append(StopAttempt(run.metadata.name, status.attempt, late.reason))
            return self._fail(run, late)
        # What keeps the attempt from starting; where nothing does, the last attempt's failure until this one is heard of.
        kept = None if is_heard(run) else status.failure
        return self.set_status(run, status.model_copy(update={"failure": stuck or kept}))

    def _late(self, run: StageRun, stuck: Failure | None) -> Failure | None:
        """Whether the attempt passed its deadline or stopped giving signs of life; else when to look again."""
        limits = self.spec.deadlines
        deadline, silence = late_at(run, limits, self.snapshot.heard.get(run.metadata.name), self.now)
        if self.now >= deadline:
            return too_long(run, limits)
        if self.now >= silence:
            return stuck or silent(run, limits)
        self.wakes.append(min(deadline, silence))
        return None

    def _fail(self, run: StageRun, failure: Failure) -> StageRunStatus:
        """Writes a failure down: tried again, looked at again until it is fixed, or ended."""
        how = self.snapshot.how_to_retry
        status = self.set_status(run, after_failure(run.status, failure, self.spec.retries, self.now, how))
        ended = run.model_copy(update={"status": status})
        again = self.now if self._is_to_be_tried_anew(ended) else status.retry_at
        if again is not None:
            self.wakes.append(again)
        return status
