"""The one function that decides what happens next to a resource.

`decide` is pure: the same snapshot and time give the same answer. It walks the stage graph in the order of the flow. A
stage whose inputs are there and whose gates are open has a digest, hence a name; the stage run of that name is made,
started, retried or accepted. Work that no longer has a name in the graph is stopped. At the end stands the service.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from prompt2model_api import graph
from prompt2model_api.advancing import Advancing
from prompt2model_api.attempts import has_result
from prompt2model_api.base import Metadata
from prompt2model_api.gates import GateState, score_gate
from prompt2model_api.names import stage_run_name
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.snapshot import (
    Action,
    Deploy,
    MakeStageRun,
    Outcome,
    Snapshot,
    StopAttempt,
    Undeploy,
)
from prompt2model_api.sources import known_sources, missing_before
from prompt2model_api.stage_changes import why_it_runs
from prompt2model_api.stage_gates import deciding_gate, holding_gate
from prompt2model_api.stage_run import (
    Decision,
    Stage,
    StageRun,
    StageRunPhase,
    StageRunSpec,
    StageRunState,
)
from prompt2model_api.stage_states import AT_REST, UNDER_WAY, superseded
from prompt2model_api.summarizing import Step, summarize


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
    runs: Advancing = field(init=False)

    def __post_init__(self) -> None:
        self.runs = Advancing(self.snapshot, self.now, self.actions, self.wakes)

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
            self.steps[stage] = Step(stage, run=run, status=self.runs.advance(run), gate=gate)

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
                status = status.model_copy(update=AT_REST)
            self.runs.set_status(run, status, StageRunState.SUPERSEDED if name in gone else None)

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
        status = self.runs.hold(run, live, why) if run is not None else None
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
        self.steps[stage] = Step(stage, run=run, status=self.runs.start(run, 1), gate=gate)

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
