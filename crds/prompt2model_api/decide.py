"""The one function that decides what happens next to a resource.

`decide` is pure: the same snapshot and time give the same answer. It walks the stage graph in the order of the flow. A
stage whose inputs are there and whose gates are open has a digest, hence a name; the stage run of that name is made,
started, retried or accepted. Work that no longer has a name in the graph is stopped. At the end stands the service.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from prompt2model_api import graph
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
from prompt2model_api.base import Metadata
from prompt2model_api.conditions import Failure
from prompt2model_api.gates import GateState, score_gate
from prompt2model_api.names import stage_run_name
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.retrying import after_failure, after_step_in, is_interruption
from prompt2model_api.snapshot import (
    Action,
    Deploy,
    MakeStageRun,
    Outcome,
    SetStageRunStatus,
    Snapshot,
    StartAttempt,
    StopAttempt,
    Undeploy,
    Workload,
)
from prompt2model_api.sources import known_sources, missing_before, missing_for
from prompt2model_api.stage_changes import why_it_runs
from prompt2model_api.stage_gates import deciding_gate, holding_gate
from prompt2model_api.stage_run import (
    Decision,
    Stage,
    StageRun,
    StageRunPhase,
    StageRunSpec,
    StageRunState,
    StageRunStatus,
)
from prompt2model_api.stage_states import UNDER_WAY, state_of, superseded
from prompt2model_api.summarizing import Step, summarize

LINGER = timedelta(minutes=3)
"""How long a workload may live on after its result."""


def decide(snapshot: Snapshot, now: datetime) -> Outcome:
    """What to do now, where the resource stands, and when to look again.

    Args:
        snapshot: one look at the resource, its stage runs, their workloads and the service.
        now: the time, with its zone.

    Returns:
        Actions in the order in which they must be applied; applying one twice does no harm. The status is whole and
        replaces the old one. wake_at is None where only a change from outside can make a difference.
    """
    walk = _walk(snapshot, now)
    walk.stop_what_nobody_wants()
    score = walk.deploy()
    status = summarize(snapshot, now, walk.steps, score)
    return Outcome(walk.actions, status, min(walk.wakes, default=None))


def outputs_that_stand(snapshot: Snapshot, now: datetime) -> dict[Stage, StageOutputs]:
    """What the finished stages handed on: those alone that the spec, with its own inputs, asks for as they are."""
    steps = _walk(snapshot, now).steps
    return {stage: step.outputs for stage, step in steps.items() if step.outputs is not None}


def _walk(snapshot: Snapshot, now: datetime) -> _Walk:
    walk = _Walk(snapshot, now)
    for stage in graph.GRAPH:
        walk.visit(stage)
    return walk


@dataclass
class _Walk:
    snapshot: Snapshot
    now: datetime
    actions: list[Action] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    steps: dict[Stage, Step] = field(default_factory=dict)
    digests: dict[Stage, str] = field(default_factory=dict)

    @property
    def spec(self) -> Prompt2ModelSpec:
        return self.snapshot.resource.spec

    @property
    def stages(self) -> dict[Stage, tuple[Stage, ...]]:
        """The stages that the resource needs, as far as it is known now."""
        return graph.stages_of(self.spec, self._so_far)

    def visit(self, stage: Stage) -> None:
        """Brings one stage a step further, where it is needed, its inputs are there and its gates are open."""
        before = self.stages.get(stage)
        if before is None:
            return
        gate = deciding_gate(self.spec, stage, self._so_far)
        if not all(self._done(s) for s in before):
            self.steps[stage] = Step(stage, gate=gate if gate is not None and gate.failed else None)
            return
        if gate is not None and not gate.open:
            self.steps[stage] = Step(stage, gate=gate)
            return
        decision = gate.decision if gate else None
        digest = graph.digest(self.spec, stage, self.digests, decision, known_sources(self.snapshot))
        self.digests[stage] = digest
        name = stage_run_name(self.snapshot.resource.metadata.name, stage, digest)
        run = self.snapshot.stage_runs.get(name)
        held = None if run is not None and has_result(run) else self._held(stage, run, gate)
        if held is not None:
            self.steps[stage] = held
        elif run is None and (missing := missing_before(self.snapshot, stage)) is not None:
            self.steps[stage] = Step(stage, gate=gate, missing=missing)
        elif run is None:
            self._make(stage, name, digest, decision, gate)
        else:
            self.steps[stage] = Step(stage, run=run, status=self._advance(run), gate=gate)

    def stop_what_nobody_wants(self) -> None:
        """Ends live attempts of work that the spec no longer asks for; asked for again, it is tried anew at once."""
        wanted = {step.run.metadata.name for step in self.steps.values() if step.run is not None}
        for workload in self.snapshot.workloads:
            if workload.alive and workload.stage_run not in wanted:
                self.actions.append(StopAttempt(workload.stage_run, workload.attempt, "the spec no longer asks for it"))
        gone = superseded(self.snapshot.stage_runs, wanted, self.digests, self.stages)
        for name, run in self.snapshot.stage_runs.items():
            if name in wanted:
                continue
            status = run.status
            if status.phase in UNDER_WAY:
                update = {"phase": StageRunPhase.PENDING, "failure": None, "retry_at": None}
                status = status.model_copy(update=update)
            self._set(run, status, StageRunState.SUPERSEDED if name in gone else None)

    def deploy(self) -> GateState | None:
        """Makes the service answer with the evaluated model, where it is good enough; returns the score gate."""
        service = self.snapshot.service
        if not self.spec.service.enabled and service is not None:
            self.actions.append(Undeploy())
        if not self._done(Stage.EVALUATE):
            return None
        outputs = self._outputs(Stage.EVALUATE)
        gate = score_gate(self.spec, outputs.scores or [])
        wanted = self.digests[Stage.EVALUATE]
        if (
            gate.open
            and self.spec.service.enabled
            and not self.spec.suspend
            and (not service or service.digest != wanted)
        ):
            evaluate, train = self.steps[Stage.EVALUATE].run, self.steps[Stage.TRAIN].run
            sha = self._outputs(Stage.TRAIN).model_sha256
            assert evaluate is not None and train is not None and sha is not None
            self.actions.append(Deploy(evaluate.metadata.name, train.metadata.name, wanted, sha))
        return gate

    def _held(self, stage: Stage, run: StageRun | None, gate: GateState | None) -> Step | None:
        """The step of a stage without a result that must not work now; an attempt of it is stopped, and starts again later."""
        closed = holding_gate(self.spec, stage, self._so_far)
        waits = not all(self._done(s) for s in graph.GRAPH[stage].waits_for if s in self.stages)
        if closed is None and not waits:
            return None
        live = [w for w in self.snapshot.workloads if run is not None and w.stage_run == run.metadata.name and w.alive]
        why = "another stage has to end first" if closed is None else "a gate is closed"
        status = self._pause(run, live, why) if run is not None else None
        if closed is not None and not (status is not None and status.phase is StageRunPhase.FAILED):
            gate = replace(closed, decision=gate.decision if gate is not None else None)
        return Step(stage, run=run, status=status, gate=gate)

    def _make(self, stage: Stage, name: str, digest: str, decision: Decision | None, gate: GateState | None) -> None:
        resource = self.snapshot.resource
        spec = StageRunSpec(
            resource=resource.metadata.name,
            stage=stage,
            digest=digest,
            storage=self.snapshot.storage,
            parameters=graph.parameters(self.spec, stage),
            inputs=graph.inputs(stage, self.digests),
            decision=decision,
            sources={p: s for p, s in self.snapshot.sources.items() if p in graph.GRAPH[stage].sources},
        )
        run = StageRun(metadata=Metadata(name=name, namespace=resource.metadata.namespace), spec=spec)
        self.steps[stage] = Step(stage, run=run, status=run.status, gate=gate)
        if self.spec.suspend:
            return
        self.actions.append(MakeStageRun(run, why_it_runs(spec, self.snapshot.stage_runs.values())))
        self.steps[stage] = Step(stage, run=run, status=self._start(run, 1), gate=gate)

    def _advance(self, run: StageRun) -> StageRunStatus:
        """The stage run's status after this look."""
        live = [w for w in self.snapshot.workloads if w.stage_run == run.metadata.name and w.alive]
        if has_result(run):
            self._let_end(run, live)
            return self._set(run, run.status.model_copy(update={"phase": StageRunPhase.SUCCEEDED, "failure": None}))
        if not self.spec.suspend and self._is_to_be_tried_anew(run):
            run = self._step_in(run)
        status = run.status
        if status.phase is StageRunPhase.FAILED:
            return self._set(run, status)
        if self.spec.suspend:
            return self._pause(run, live, "spec.suspend")
        for workload in live:
            if workload.attempt != status.attempt or status.phase is not StageRunPhase.RUNNING:
                self.actions.append(
                    StopAttempt(workload.stage_run, workload.attempt, "another attempt takes its place")
                )
        if status.phase is StageRunPhase.RUNNING:
            return self._watch(run)
        if live:
            return self._set(run, status)
        if (missing := missing_before(self.snapshot, run.spec.stage)) is not None:
            return self._wait(run, missing)
        if status.retry_at is not None and status.retry_at > self.now and not self._is_fixed(status):
            self.wakes.append(status.retry_at)
            return self._set(run, status)
        if self._is_fixed(status):
            run = run.model_copy(update={"status": status.model_copy(update={"failure": None})})
        return self._start(run, status.attempt + 1)

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
        self._set(run, status)
        return run.model_copy(update={"status": status})

    def _ingredients(self, stage: Stage) -> dict[str, str | None]:
        """What a new attempt is made of, for its status."""
        return {"basis": self.snapshot.bases.get(stage), "retry": self.snapshot.retry}

    def _wait(self, run: StageRun, missing: Failure) -> StageRunStatus:
        """No attempt is started until the missing file is there; then one is, at once."""
        update = {"phase": StageRunPhase.BLOCKED, "failure": missing, "retry_at": None}
        return self._set(run, run.status.model_copy(update=update))

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
            status = self._set(run, status.model_copy(update=self._ingredients(run.spec.stage)))
            self.actions.append(StartAttempt(run.metadata.name, status.attempt))
            return status
        if not workload.alive:
            return self._fail(run, workload.failure or no_result(run))
        if workload.failure is not None and is_interruption(workload.failure):
            self.actions.append(StopAttempt(run.metadata.name, status.attempt, workload.failure.reason))
            return self._fail(run, workload.failure)
        if workload.queued:
            return self._set(run, status.model_copy(update={"started_at": self.now.replace(second=0, microsecond=0)}))
        stuck = workload.failure or (None if is_heard(run) else missing)
        if (late := self._late(run, stuck)) is not None:
            self.actions.append(StopAttempt(run.metadata.name, status.attempt, late.reason))
            return self._fail(run, late)
        # What keeps the attempt from starting; where nothing does, the last attempt's failure until this one is heard of.
        kept = None if is_heard(run) else status.failure
        return self._set(run, status.model_copy(update={"failure": stuck or kept}))

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
        status = self._set(run, after_failure(run.status, failure, self.spec.retries, self.now, how))
        ended = run.model_copy(update={"status": status})
        again = self.now if self._is_to_be_tried_anew(ended) else status.retry_at
        if again is not None:
            self.wakes.append(again)
        return status

    def _pause(self, run: StageRun, live: list[Workload], why: str) -> StageRunStatus:
        for workload in live:
            self.actions.append(StopAttempt(workload.stage_run, workload.attempt, why))
        if run.status.phase is not StageRunPhase.RUNNING:
            return self._set(run, run.status)
        return self._set(run, run.status.model_copy(update={"phase": StageRunPhase.PENDING}))

    def _start(self, run: StageRun, attempt: int) -> StageRunStatus:
        update = {"phase": StageRunPhase.RUNNING, "attempt": attempt, "started_at": self.now, "retry_at": None}
        made_of = self._ingredients(run.spec.stage)
        status = self._set(run, run.status.model_copy(update=update | made_of))
        self.actions.append(StartAttempt(run.metadata.name, attempt))
        self.wakes.append(self.now + timedelta(seconds=start_seconds(self.spec.deadlines)))
        return status

    def _set(self, run: StageRun, status: StageRunStatus, state: StageRunState | None = None) -> StageRunStatus:
        status = status.model_copy(update={"state": state or state_of(status)})
        if status != run.status:
            self.actions.append(SetStageRunStatus(run.metadata.name, status))
        return status

    def _done(self, stage: Stage) -> bool:
        step = self.steps.get(stage)
        return step is not None and step.succeeded

    @property
    def _so_far(self) -> dict[Stage, StageOutputs | None]:
        """The outputs of the stages that have a result."""
        return {stage: step.outputs for stage, step in self.steps.items()}

    def _outputs(self, stage: Stage) -> StageOutputs:
        status = self.steps[stage].status
        assert status is not None and status.result is not None
        return status.result.outputs
