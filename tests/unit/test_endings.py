"""How a run ends: phase, conditions, exit code and sentence tell the same, whatever the gate and the service do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from prompt2model_api.base import Metadata, Metric
from prompt2model_api.conditions import Condition, ConditionType, Failure, FailureState
from prompt2model_api.decide import decide
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.results import Interval, Scores, StageOutputs, StageResult
from prompt2model_api.snapshot import Deploy, ObservedService, Snapshot, Undeploy
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_api.status import Phase
from prompt2model_stages.cli.commands import DONE, STOPPED, ending
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHA = "ab" * 32
BROKEN = Failure(state=FailureState.BLOCKED, reason="GoldenDiffers", message="It answers otherwise.", remedy="Look.")


def scored(student: float, teacher: float | None) -> StageOutputs:
    made = outputs(Stage.EVALUATE, student=student, teacher=teacher)
    return made.model_copy(update={"metric_reason": "ExactMatch: the outputs are short."})


GATES = {
    "open": scored(90, 20),
    "too low": scored(10, 20),
    "no baseline": scored(90, 0),
    "untrained compared": scored(90, None),
    "nothing tested": StageOutputs(scores=[]),
    "no scores": StageOutputs(),
    "nan": StageOutputs(
        scores=[
            Scores(
                split="Own",
                metric=Metric.EXACT_MATCH,
                rows=9,
                student=Interval(value=float("nan"), low=0, high=0),
                teacher=Interval(value=50, low=50, high=50),
            )
        ]
    ),
}
OPEN = ("open", "untrained compared")
REASONS = {"too low": "ScoreTooLow", "no baseline": "NotMeasured", "nothing tested": "NotMeasured",
           "no scores": "NotMeasured", "nan": "NotMeasured"}  # fmt: skip


def whole(enabled: bool, evaluated: StageOutputs, service: ObservedService | None, **spec: Any) -> Snapshot:
    """A resource whose stages are all done."""
    made = Prompt2Model(
        metadata=Metadata(name="dates"),
        spec=Prompt2ModelSpec.model_validate({"prompt": "x", "service": {"enabled": enabled}, **spec}),
    )
    runs: dict[str, StageRun] = {}
    for _ in range(8):
        snapshot = Snapshot(made, "/runs/default/dates", dict(runs), (), service)
        for action in decide(snapshot, NOW).actions:
            run = getattr(action, "stage_run", None)
            if isinstance(run, StageRun) and run.metadata.name not in runs:
                stage = run.spec.stage
                handed_on = evaluated if stage is Stage.EVALUATE else outputs(stage)
                result = StageResult(attempt=1, digest=run.spec.digest, sha256=SHA, outputs=handed_on)
                runs[run.metadata.name] = run.model_copy(
                    update={"status": run.status.model_copy(update={"attempt": 1, "result": result})}
                )
    return Snapshot(made, "/runs/default/dates", runs, (), service)


def digest_of(snapshot: Snapshot) -> str:
    return next(run.spec.digest for run in snapshot.stage_runs.values() if run.spec.stage is Stage.EVALUATE)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("service", ["none", "starting", "answering", "broken", "of an earlier model"])
def test_phase_conditions_exit_code_and_sentence_are_one_truth(enabled: bool, gate: str, service: str) -> None:
    snapshot = whole(enabled, GATES[gate], None)
    seen = {
        "none": None,
        "starting": ObservedService(digest_of(snapshot), ready=False),
        "answering": ObservedService(digest_of(snapshot), ready=True),
        "broken": ObservedService(digest_of(snapshot), ready=False, failure=BROKEN),
        "of an earlier model": ObservedService("0" * 64, ready=True),
    }[service]
    snapshot = whole(enabled, GATES[gate], seen)
    actions, status, _ = decide(snapshot, NOW)
    ready = condition(status.conditions, ConditionType.READY)
    code, sentence = ending(status)
    assert not sentence.startswith(f"{status.phase}:  ") and "  " not in sentence

    assert condition(status.conditions, ConditionType.EVALUATED).status == "True"
    if gate not in OPEN:
        assert (status.phase, ready.status, ready.reason, code) == (Phase.FAILED, "False", REASONS[gate], STOPPED)
        assert ready.message and sentence == f"Failed: {ready.message} ({REASONS[gate]})"
    elif not enabled or service == "answering":
        assert (status.phase, ready.status, code) == (Phase.READY, "True", DONE)
        assert sentence.startswith("Ready: ") and "student 90.0" in sentence
    elif service == "broken":
        assert (status.phase, ready.status, ready.reason, code) == (Phase.BLOCKED, "False", "GoldenDiffers", STOPPED)
        assert sentence == "Blocked: It answers otherwise. Look. (GoldenDiffers)"
    else:
        assert (status.phase, ready.status) == (Phase.DEPLOYING, "Unknown")
    assert (status.phase is Phase.READY) == (ready.status == "True")

    deployed = condition(status.conditions, ConditionType.DEPLOYED)
    assert (deployed.status == "True") == (enabled and gate in OPEN and service == "answering")
    assert any(isinstance(action, Deploy) for action in actions) == (
        enabled and gate in OPEN and service in ("none", "of an earlier model")
    )
    assert any(isinstance(action, Undeploy) for action in actions) == (not enabled and service != "none")


@pytest.mark.parametrize("suspend", [True, False])
def test_a_suspended_resource_with_a_closed_gate_is_failed_too(suspend: bool) -> None:
    status = decide(whole(False, GATES["too low"], None, suspend=False), NOW).status
    assert status.phase is Phase.FAILED
    snapshot = whole(False, GATES["too low"], None)
    spec = snapshot.resource.spec.model_copy(update={"suspend": suspend})
    again = Snapshot(snapshot.resource.model_copy(update={"spec": spec}), snapshot.storage, snapshot.stage_runs)
    status = decide(again, NOW).status
    assert (status.phase, ending(status)[0]) == (Phase.FAILED, STOPPED)


def test_the_reason_of_the_metric_and_what_was_cut_stand_in_the_conditions() -> None:
    made = GATES["open"].model_copy(update={"notes": ["One row was cut."]})
    status = decide(whole(True, made, None), NOW).status
    message = condition(status.conditions, ConditionType.EVALUATED).message
    assert message == "ExactMatch: the outputs are short. One row was cut."


def test_a_cut_instruction_stands_in_the_condition_of_the_data() -> None:
    snapshot = whole(True, GATES["open"], None)
    runs = dict(snapshot.stage_runs)
    run = next(run for run in runs.values() if run.spec.stage is Stage.PREPARE)
    result = run.status.result
    assert result is not None
    cut = result.model_copy(update={"outputs": StageOutputs(rows={"train": 3}, notes=["The instruction is cut."])})
    runs[run.metadata.name] = run.model_copy(update={"status": run.status.model_copy(update={"result": cut})})
    status = decide(Snapshot(snapshot.resource, snapshot.storage, runs), NOW).status
    message = condition(status.conditions, ConditionType.DATA_READY).message
    assert message.startswith("Rows: train 3.") and message.endswith("The instruction is cut.")


def condition(conditions: list[Condition], kind: ConditionType) -> Condition:
    return next(c for c in conditions if c.type is kind)
