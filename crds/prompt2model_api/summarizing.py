"""A resource's status, recomputed whole from what is observed: conditions first, the phase derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prompt2model_api.candidates import FILE, dataset_shortlist, students_to_show
from prompt2model_api.conditions import Condition, ConditionType, Failure, FailureState
from prompt2model_api.estimate import estimate, total
from prompt2model_api.gates import GateState, compared_score
from prompt2model_api.graph import GRAPH
from prompt2model_api.names import stage_folder
from prompt2model_api.results import Choice, Interval, Spent, StageOutputs
from prompt2model_api.retrying import failure_text
from prompt2model_api.snapshot import Snapshot
from prompt2model_api.sources import known_sources
from prompt2model_api.stage_run import STARTING_RAY, Stage, StageRun, StageRunPhase, StageRunStatus
from prompt2model_api.stage_states import UNDER_WAY
from prompt2model_api.status import (
    DiscoveredStatus,
    ModelStatus,
    Phase,
    Prompt2ModelStatus,
    ServiceStatus,
    UsedLicenses,
)
from prompt2model_api.texts import MESSAGE_LIMIT, cut, told

Steps = dict[Stage, "Step"]
Verdict = tuple[Literal["True", "False", "Unknown"], str, str]


@dataclass(frozen=True)
class Step:
    """One stage as `decide` found it: its stage run where it has one, the status to be, the gate before it.

    missing: the user's file without which its stage run is not made.
    """

    stage: Stage
    run: StageRun | None = None
    status: StageRunStatus | None = None
    gate: GateState | None = None
    missing: Failure | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the result is there."""
        return self.status is not None and self.status.phase is StageRunPhase.SUCCEEDED

    @property
    def stuck(self) -> bool:
        """Whether the stage cannot start until something outside is fixed."""
        if self.missing is not None:
            return True
        status = self.status
        if status is None or status.phase is not StageRunPhase.RUNNING or status.failure is None:
            return False
        return status.failure.state is FailureState.BLOCKED

    @property
    def outputs(self) -> StageOutputs | None:
        """What the stage handed on, if it succeeded."""
        return self.status.result.outputs if self.succeeded and self.status and self.status.result else None


def summarize(snapshot: Snapshot, now: datetime, steps: Steps, score: GateState | None) -> Prompt2ModelStatus:
    """The whole status."""
    verdicts = _verdicts(snapshot, steps, score)
    old = snapshot.resource.status or Prompt2ModelStatus()
    outputs = {stage: step.outputs for stage, step in steps.items()}
    evaluated = outputs.get(Stage.EVALUATE)
    scores = (evaluated.scores or []) if evaluated else old.scores
    compared = compared_score(snapshot.resource.spec, scores)
    return Prompt2ModelStatus(
        phase=_phase(snapshot, steps, verdicts, score),
        conditions=_conditions(verdicts, old, snapshot.resource.metadata.generation, now),
        observed_generation=snapshot.resource.metadata.generation,
        progress=_progress(snapshot, steps),
        estimate=total(estimate(snapshot.resource.spec, outputs)),
        discovered=_discovered(snapshot, steps),
        choice=_choice(steps),
        licenses=_licenses(steps),
        sources=known_sources(snapshot),
        spent=_spent(snapshot),
        scores=scores,
        score=_shown(compared.student) if compared else "",
        teacher_score=_shown(compared.teacher) if compared else "",
        model=_model(snapshot, steps, score),
        service=_service(snapshot, old),
        run_url=snapshot.run_url or old.run_url,
    )


def _choice(steps: Steps) -> Choice | None:
    """The dataset that the choice gate decided for."""
    decisions = [step.gate.decision for step in steps.values() if step.gate is not None]
    return next((one.dataset for one in decisions if one is not None and one.dataset is not None), None)


def _licenses(steps: Steps) -> UsedLicenses | None:
    """Of the dataset and the student that the gates decided for; where a stage looked one up, what it found."""
    found: dict[str, str] = {}
    for name, stage in (("dataset", Stage.PREPARE), ("student", Stage.TRAIN)):
        step = steps.get(stage)
        decision = step.gate.decision if step is not None and step.gate is not None else None
        known = step.outputs.license if step is not None and step.outputs is not None else None
        if known := known or getattr(decision, f"{name}_license", None):
            found[name] = known
    return UsedLicenses(**found) if found else None


def _service(snapshot: Snapshot, old: Prompt2ModelStatus) -> ServiceStatus | None:
    """The service as it was last seen: where its Deployment is gone, this is all that says what it is made of again."""
    if (service := snapshot.service) is not None:
        return ServiceStatus(url=service.url, digest=service.digest)
    return old.service if snapshot.resource.spec.service.enabled else None


def _verdicts(snapshot: Snapshot, steps: Steps, score: GateState | None) -> dict[ConditionType, Verdict]:
    suspended = snapshot.resource.spec.suspend
    found = {condition: _work_verdict(steps, condition, suspended) for condition in _conditions_of_work()}
    found[ConditionType.DEPLOYED] = _deployed_verdict(snapshot, steps, score)
    if snapshot.tracked is not None:
        tracked: Verdict = ("True", "Recorded", "MLflow has everything.")
        behind: Verdict = ("False", "Behind", "MLflow does not have everything yet; it is recorded when it answers.")
        found[ConditionType.TRACKED] = tracked if snapshot.tracked else behind
    if snapshot.tracking_problem:
        rest = ": the work goes on, and is recorded when it answers."
        message = cut(snapshot.tracking_problem, MESSAGE_LIMIT - len(rest)) + rest
        found[ConditionType.TRACKED] = ("False", "MLflowAway", message)
    found[ConditionType.READY] = _ready_verdict(snapshot, found, score)
    return found


def _conditions_of_work() -> list[ConditionType]:
    """The conditions that stages make true, in the order of the flow."""
    return list(dict.fromkeys(node.condition for node in GRAPH.values()))


def _work_verdict(steps: Steps, condition: ConditionType, suspended: bool) -> Verdict:
    """Of all stages of the condition: the first that has no result yet speaks, unless the last one's gate is closed."""
    stages = [stage for stage in steps if GRAPH[stage].condition is condition]
    waits = steps[stages[-1]].gate
    for stage in stages:
        if not steps[stage].succeeded:
            return (
                _stage_verdict(steps, stage, suspended)
                if waits is None or waits.open
                else ("False", waits.reason, waits.message)
            )
    notes = [note for stage in stages[:-1] for note in (steps[stage].outputs or StageOutputs()).notes or []]
    status, reason, message = _stage_verdict(steps, stages[-1], suspended)
    return (status, reason, cut(" ".join([message, *notes]).strip()))


def _stage_verdict(steps: Steps, stage: Stage, suspended: bool) -> Verdict:
    step = steps[stage]
    if step.gate is not None and not step.gate.open:
        return ("False", step.gate.reason, step.gate.message)
    status = step.status
    if step.missing is not None:
        return ("False", step.missing.reason, told(step.missing.message, step.missing.remedy))
    if status is None:
        return ("Unknown", "Waiting", "Waits for the stages before it.")
    if step.succeeded:
        return ("True", "Succeeded", _said(step))
    if status.failure is not None and (status.phase.value in ("Retrying", "Blocked", "Failed") or step.stuck):
        return ("False", status.failure.reason, failure_text(status, suspended=suspended))
    return ("Unknown", status.phase.value, f"Attempt {status.attempt}.")


def _deployed_verdict(snapshot: Snapshot, steps: Steps, score: GateState | None) -> Verdict:
    if not snapshot.resource.spec.service.enabled:
        return ("False", "Disabled", "service.enabled is false.")
    if score is not None and not score.open:
        return ("False", score.reason, score.message)
    service = snapshot.service
    if service is None or score is None or service.digest != _evaluated(steps):
        return (
            "Unknown",
            "Waiting",
            "An earlier model answers." if service and service.ready else "Waits for the model.",
        )
    if service.failure is not None:
        return ("False", service.failure.reason, told(service.failure.message, service.failure.remedy))
    if service.ready:
        return ("True", "Answering", cut(f"{score.message} {service.message}".strip()))
    if service.lost:
        return ("False", "NotAnswering", service.message)
    return ("Unknown", "Starting", service.message or "The service has not reproduced its golden requests yet.")


def _ready_verdict(snapshot: Snapshot, found: dict[ConditionType, Verdict], score: GateState | None) -> Verdict:
    """Sums the conditions up. A closed score gate counts with and without a service: phase and exit code follow it."""
    deployed = [ConditionType.DEPLOYED] if snapshot.resource.spec.service.enabled else []
    for condition in [*_conditions_of_work(), *deployed]:
        status, reason, message = found[condition]
        if status != "True":
            return ("False" if status == "False" else "Unknown", reason, message)
    if score is None:
        return ("Unknown", "Waiting", "Waits for the scores.")
    if not score.open:
        return ("False", score.reason, score.message)
    return ("True", "Ready", found[ConditionType.DEPLOYED][2] if deployed else score.message)


def _phase(snapshot: Snapshot, steps: Steps, verdicts: dict[ConditionType, Verdict], score: GateState | None) -> Phase:
    phases = [step.status.phase for step in steps.values() if step.status]
    gates = [step.gate for step in steps.values() if step.gate and not step.gate.open]
    # Beside a stage that failed, another one may run again after an edit.
    given_up = StageRunPhase.FAILED in phases and not any(phase in UNDER_WAY for phase in phases)
    if given_up or any(gate.failed for gate in [*gates, *([score] if score else [])]):
        return Phase.FAILED
    if verdicts[ConditionType.READY][0] == "True":
        return Phase.READY
    if snapshot.resource.spec.suspend:
        return Phase.SUSPENDED
    if StageRunPhase.BLOCKED in phases or any(step.stuck for step in steps.values()):
        return Phase.BLOCKED
    if StageRunPhase.RETRYING in phases:
        return Phase.RETRYING
    if gates:
        return Phase(gates[0].reason)
    running = [step.stage for step in steps.values() if step.status and step.status.phase is StageRunPhase.RUNNING]
    if running:
        return GRAPH[running[-1]].phase
    if snapshot.service is not None and snapshot.service.failure is not None and score is not None:
        return Phase.BLOCKED
    return Phase.DEPLOYING if score is not None and score.open else Phase.PENDING


def _conditions(
    verdicts: dict[ConditionType, Verdict], old: Prompt2ModelStatus, generation: int, now: datetime
) -> list[Condition]:
    """In Kubernetes' form: the time is that of the last change of status, not of the last look."""
    before = {c.type: c for c in old.conditions}
    made = []
    for kind, (status, reason, message) in verdicts.items():
        same = kind in before and before[kind].status == status
        made.append(
            Condition(
                type=kind,
                status=status,
                reason=reason,
                message=message,
                observed_generation=generation,
                last_transition_time=before[kind].last_transition_time if same else now,
            )
        )
    return made


def _progress(snapshot: Snapshot, steps: Steps) -> str:
    for step in reversed(steps.values()):
        if step.status and step.status.phase is StageRunPhase.RUNNING:
            progress = step.status.progress
            if GRAPH[step.stage].on_ray and _is_starting_ray(snapshot, step, step.status):
                return f"{step.stage.value} {STARTING_RAY}"
            if progress is None or progress.total <= 0:
                return step.stage.value
            return f"{step.stage.value} {min(100, int(100 * progress.done / progress.total))} %"
    return ""


def _is_starting_ray(snapshot: Snapshot, step: Step, status: StageRunStatus) -> bool:
    """Whether the attempt waits for Ray: it is started and not heard of yet, or says so itself."""
    progress = status.progress
    if progress is not None and progress.attempt == status.attempt:
        return progress.total <= 0 or progress.message.startswith(STARTING_RAY)
    name = step.run.metadata.name if step.run is not None else ""
    started = [w for w in snapshot.workloads if (w.stage_run, w.attempt) == (name, status.attempt)]
    return not step.stuck and any(workload.alive and not workload.queued for workload in started)


def _spent(snapshot: Snapshot) -> Spent:
    """Over all stage runs that ended, those of earlier specs too."""
    total = Spent()
    for name in sorted(snapshot.stage_runs):
        result = snapshot.stage_runs[name].status.result
        total = total.plus(result.outputs.spent) if result else total
    return total


def _model(snapshot: Snapshot, steps: Steps, score: GateState | None) -> ModelStatus | None:
    trained = steps.get(Stage.TRAIN)
    if score is None or trained is None or trained.run is None or trained.outputs is None:
        return None
    meta, digest = snapshot.resource.metadata, trained.run.spec.digest
    return ModelStatus(
        name=f"{meta.namespace}.{meta.name}",
        digest=digest,
        uri=f"{snapshot.storage}/{stage_folder(Stage.TRAIN, digest)}/model",
        sha256=trained.outputs.model_sha256 or "",
    )


def _shown(interval: Interval | None) -> str:
    return f"{interval.value:.1f}" if interval else ""


def _evaluated(steps: Steps) -> str | None:
    step = steps.get(Stage.EVALUATE)
    return step.run.spec.digest if step and step.run else None


def _said(step: Step) -> str:
    """What a person should know of a stage that succeeded: what the gate decided, what was left out, what was chosen."""
    outputs = step.outputs or StageOutputs()
    counts = ", ".join(f"{split} {count}" for split, count in (outputs.rows or {}).items())
    parts = [
        f"Rows: {counts}." if counts else "",
        step.gate.message if step.gate else "",
        outputs.metric_reason or "",
        *(outputs.notes or []),
    ]
    return cut(" ".join(part for part in parts if part))


def _discovered(snapshot: Snapshot, steps: Steps) -> DiscoveredStatus | None:
    """What discover found, with few of the candidates; results of earlier versions have all of them."""
    step, spec = steps.get(Stage.DISCOVER), snapshot.resource.spec
    if step is None or step.run is None or step.outputs is None:
        return None
    outputs, choice = step.outputs, spec.datasets.choice
    named = choice.datasets() if choice else []
    datasets, _ = dataset_shortlist(outputs.dataset_candidates or [], named)
    students = students_to_show(outputs.student_candidates or [], spec.student.name)
    return DiscoveredStatus(
        instruction=outputs.instruction,
        language=outputs.language,
        demonstrations=outputs.demonstrations,
        dataset_candidates=datasets if outputs.dataset_candidates is not None else None,
        student_candidates=students if outputs.student_candidates is not None else None,
        candidates_file=f"{snapshot.storage}/{stage_folder(Stage.DISCOVER, step.run.spec.digest)}/{FILE}",
    )
