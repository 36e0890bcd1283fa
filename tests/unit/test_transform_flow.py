"""When the stage transform is part of a resource: the choice gate, `decide`, digests, the estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.conditions import FailureState
from prompt2model_api.estimate import estimate
from prompt2model_api.gates import score_gate
from prompt2model_api.graph import GRAPH, stages_of
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import DatasetCandidate, Interval, Scores, StageOutputs, StageResult
from prompt2model_api.snapshot import StopAttempt
from prompt2model_api.stage_run import Stage, StageRunPhase
from prompt2model_api.status import Phase
from prompt2model_stages.local.companions import ServiceProcess
from prompt2model_stages.local.planning import plan_table
from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.local.runner import Runner
from prompt2model_stages.reporting import ResultFile
from prompt2model_stages.storage import Folder
from tests.decide_world import SHA, World, failure, resource
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

TEACHER = {"baseURL": "https://llm.example/v1", "model": "m", "budget": {"unlimited": True}}
WITH, WITHOUT = list(Stage), [stage for stage in Stage if stage is not Stage.TRANSFORM]


def spec(transform: str = "Auto", teacher: Any = TEACHER, **datasets: Any) -> dict[str, Any]:
    return {"teacher": teacher, "datasets": {"transform": transform, **datasets}}


def candidate(**fields: Any) -> DatasetCandidate:
    return DatasetCandidate(name="org/d", revision="r1", input_columns=["a"], output_column="b", score=3.0, **fields)


def discovered(*candidates: DatasetCandidate) -> StageOutputs:
    return outputs(Stage.DISCOVER).model_copy(update={"dataset_candidates": list(candidates)})


NEAR, FITS, FAR = candidate(transformable=True), candidate(recommended=True), candidate()


def ran(world: World, found: StageOutputs) -> Phase:
    """Lets the world run to its end; discover found this."""
    world.step()
    (name,) = world.alive()
    run = world.runs[name]
    result = StageResult(attempt=1, digest=run.spec.digest, sha256=SHA, outputs=found)
    world.finish(name)
    world.runs[name] = run.model_copy(update={"status": run.status.model_copy(update={"result": result})})
    return world.to_the_end()


@pytest.mark.parametrize(
    ("fields", "found", "made"),
    [
        (spec("Auto"), NEAR, WITH),
        (spec("Auto"), FITS, WITHOUT),
        (spec("Auto"), FAR, WITHOUT),
        (spec("Always"), NEAR, WITH),
        (spec("Always"), FITS, WITH),
        (spec("Always"), FAR, WITHOUT),
        (spec("None"), NEAR, WITHOUT),
        (spec("Auto", None), NEAR, WITHOUT),  # the embedded teacher is too weak
        (spec("Always", enabled=False), NEAR, WITHOUT),
        (spec("Always", choice={"none": True}), NEAR, WITHOUT),
        (spec("Always", choice={"name": "org/x", "inputColumns": ["a"], "outputColumn": "b"}), FAR, WITH),
        (spec("Auto", choice={"name": "org/x", "inputColumns": ["a"], "outputColumn": "b"}), FAR, WITHOUT),
        (spec("Auto", choice={"name": "org/d", "inputColumns": ["a"], "outputColumn": "b"}), NEAR, WITH),
        (spec("Auto", choice={"name": "org/d", "inputColumns": ["a"], "outputColumn": "b"}), FITS, WITHOUT),
        # What was found of some columns says nothing of others.
        (spec("Auto", choice={"name": "org/d", "inputColumns": ["b"], "outputColumn": "a"}), NEAR, WITHOUT),
        (
            spec("Auto", choice={"name": "org/d", "config": "x", "inputColumns": ["a"], "outputColumn": "b"}),
            NEAR,
            WITHOUT,
        ),
    ],
)
def test_the_stage_is_there_where_a_dataset_is_chosen_to_be_rewritten(
    fields: dict[str, Any], found: DatasetCandidate, made: list[Stage]
) -> None:
    world = World(resource(**fields))
    assert ran(world, discovered(found)) is Phase.READY
    assert world.made == made
    prepare = next(run for run in world.runs.values() if run.spec.stage is Stage.PREPARE)
    assert ("transform" in prepare.spec.inputs) == (made == WITH)
    assert world.resource.status is not None and world.resource.status.choice is not None


def test_a_dataset_that_fits_is_taken_before_one_that_has_to_be_rewritten() -> None:
    made = Prompt2ModelSpec.model_validate({"prompt": "x", **spec("Auto")})
    other = candidate(recommended=True).model_copy(update={"name": "org/fits"})
    gate = dataset_gate(made, discovered(NEAR, other))
    assert gate.decision is not None and gate.decision.dataset is not None
    assert (gate.decision.dataset.name, gate.decision.transform) == ("org/fits", None)
    rewritten = dataset_gate(made, discovered(FAR, NEAR)).decision
    assert rewritten is not None and rewritten.transform and "rewritten" in rewritten.reason


def test_without_a_result_of_discover_the_stage_may_be_needed() -> None:
    made = Prompt2ModelSpec.model_validate({"prompt": "x", **spec("Auto")})
    assert list(stages_of(made)) == WITH
    assert list(stages_of(made, {Stage.DISCOVER: discovered(FAR)})) == WITHOUT
    assert estimate(made, {})[Stage.TRANSFORM].requests == 3001
    assert Stage.TRANSFORM not in estimate(made, {Stage.DISCOVER: discovered(FITS)})


def test_a_closed_choice_gate_keeps_the_stage_waiting_and_generate_goes_on() -> None:
    world = World(resource(**spec("Always", selection="Manual")))
    assert ran(world, discovered(FITS)) is Phase.AWAITING_CHOICE
    assert world.made == [Stage.DISCOVER, Stage.GENERATE]
    answered = spec("Always", choice={"name": "org/d", "inputColumns": ["a"], "outputColumn": "b"})
    world.resource = world.resource.model_copy(update={"spec": resource(**answered).spec})
    assert world.to_the_end() is Phase.READY
    assert world.made == WITH


def test_one_stage_asks_the_teacher_at_a_time() -> None:
    world = World(resource(**spec("Always")))
    world.step()
    world.finish(world.alive()[0])
    world.step()
    (generate,) = world.alive()
    assert "generate" in generate
    world.finish(generate)
    assert world.step().status.phase is Phase.TRANSFORMING
    (transform,) = world.alive()
    assert "transform" in transform

    more = resource(**spec("Always"), generation={"examples": 9})
    world.resource = world.resource.model_copy(update={"spec": more.spec})
    outcome = world.step()
    assert StopAttempt(transform, 1, "another stage has to end first") in outcome.actions
    (again,) = world.alive()
    assert "generate" in again and world.runs[transform].status.phase is StageRunPhase.PENDING
    world.finish(again)
    world.step()
    assert world.alive() == [transform] and world.runs[transform].status.attempt == 2
    world.finish(transform)
    assert world.to_the_end() is Phase.READY


def test_more_examples_leave_the_rewritten_rows_as_they_are() -> None:
    world = World(resource(**spec("Always")))
    world.to_the_end()
    world.made.clear()
    more = resource(**spec("Always"), generation={"examples": 9})
    world.resource = world.resource.model_copy(update={"spec": more.spec})
    assert world.to_the_end() is Phase.READY
    assert world.made == [stage for stage in WITHOUT if stage is not Stage.DISCOVER]


@pytest.mark.parametrize(
    ("edit", "again"),
    [
        (spec("Auto", choice={"name": "builtin:d", "inputColumns": ["a"], "outputColumn": "b"}), True),
        (spec("Always", maxRows=9), True),
        ({**spec("Always"), "training": {"epochs": 9}}, False),
        ({**spec("Always"), "evaluation": {"maxRows": 9}}, False),
    ],
)
def test_rows_are_rewritten_again_where_the_rows_or_the_teacher_change(edit: dict[str, Any], again: bool) -> None:
    world = World(resource(**spec("Always")))
    world.to_the_end()
    world.made.clear()
    world.resource = world.resource.model_copy(update={"spec": resource(**edit).spec})
    assert world.to_the_end() is Phase.READY
    # Auto uses a dataset of the task's own form as it is: the stage is gone, and prepare reads the raw rows.
    assert (Stage.TRANSFORM in world.made) == (again and edit["datasets"]["transform"] == "Always")
    assert (Stage.PREPARE in world.made) == again


def test_a_dataset_of_no_use_is_a_condition_that_says_what_to_do() -> None:
    world = World(resource(**spec("Always")))
    for _ in range(2):
        world.step()
        world.finish(world.alive()[0])
    world.step()
    world.fail(world.alive()[0], failure(FailureState.FAILED, "NothingTransformed"))
    status = world.step().status
    ready = {c.type.value: c for c in status.conditions}
    assert status.phase is Phase.FAILED and ready["DataReady"].reason == ready["Ready"].reason == "NothingTransformed"
    none = resource(**spec("Always", choice={"none": True}))
    world.resource = world.resource.model_copy(update={"spec": none.spec})
    assert world.to_the_end() is Phase.READY


def test_what_became_of_the_rows_is_told_with_the_data() -> None:
    world = World(resource(**spec("Always")))
    told = outputs(Stage.TRANSFORM).model_copy(update={"notes": ["2 of 3 rows of org/d are rewritten."]})
    for _ in range(3):
        world.step()
        world.finish(world.alive()[0])
    name = next(run.metadata.name for run in world.runs.values() if run.spec.stage is Stage.TRANSFORM)
    status = world.runs[name].status
    assert status.result is not None
    result = status.result.model_copy(update={"outputs": told})
    world.runs[name] = world.runs[name].model_copy(update={"status": status.model_copy(update={"result": result})})
    world.to_the_end()
    assert world.resource.status is not None
    conditions = {c.type.value: c for c in world.resource.status.conditions}
    assert "2 of 3 rows of org/d are rewritten." in conditions["DataReady"].message


def test_scores_on_rewritten_rows_do_not_compare_student_and_teacher() -> None:
    at = [Interval(value=v, low=v - 1, high=v + 1) for v in (50.0, 10.0, 90.0)]
    score = Scores(split="Transformed", metric="ExactMatch", rows=50, student=at[0], untrained=at[1], teacher=at[2])
    gate = score_gate(Prompt2ModelSpec(prompt="x"), [score])
    assert gate.open and gate.reason == "BeatsUntrained" and "the teacher wrote its labels" in gate.message


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (spec("Always", None), "name a teacher"),
        ({"evaluation": {"gate": {"split": "Transformed"}}}, "name another split"),
        ({**spec("Always"), "evaluation": {"gate": {"split": "Retrieved"}}}, "name Transformed"),
        ({**spec("Always", choice={"none": True}), "evaluation": {"gate": {"split": "Transformed"}}}, "no dataset is"),
        ({**spec("Auto", None), "evaluation": {"gate": {"split": "Transformed"}}}, "no teacher is named"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        resource(**fields)


@pytest.mark.parametrize(
    ("split", "found", "is_open"),
    [
        ("Transformed", NEAR, True),
        ("Transformed", FITS, False),
        ("Transformed", FAR, False),
        ("Retrieved", FITS, True),
        ("Retrieved", NEAR, False),
        ("Generated", FITS, True),
    ],
)
def test_a_split_that_the_dataset_cannot_give_is_told_at_the_choice_gate(
    split: str, found: DatasetCandidate, is_open: bool
) -> None:
    fields = {**spec("Auto"), "evaluation": {"gate": {"split": split}}}
    gate = dataset_gate(Prompt2ModelSpec.model_validate({"prompt": "x", **fields}), discovered(found))
    assert gate.open is is_open
    if not is_open:
        assert gate.failed and gate.reason == "GateSplitMissing" and "name another split" in gate.message
        world = World(resource(**fields))
        assert ran(world, discovered(found)) is Phase.FAILED
        assert Stage.PREPARE not in world.made and Stage.TRANSFORM not in world.made


@pytest.mark.parametrize("transform", ["None", "Auto"])
def test_no_dataset_for_the_gates_split_is_told_before_anything_is_paid(transform: str) -> None:
    world = World(resource(**spec(transform), evaluation={"gate": {"split": "Retrieved"}}))
    assert ran(world, discovered(FAR)) is Phase.FAILED
    assert world.made == [Stage.DISCOVER], "generate costs as well"
    assert told_by(world)["DataReady"] == told_by(world)["Ready"] == "GateSplitMissing"
    world.resource = world.resource.model_copy(update={"spec": resource(**spec(transform)).spec})
    assert world.to_the_end() is Phase.READY and world.made == WITHOUT


def told_by(world: World) -> dict[str, str]:
    """The reason of each condition."""
    assert world.resource.status is not None
    return {condition.type.value: condition.reason for condition in world.resource.status.conditions}


def test_no_student_is_told_before_anything_is_paid() -> None:
    world = World(resource(**spec("Always")))
    nobody = discovered(FITS).model_copy(update={"student_candidates": []})
    assert ran(world, nobody) is Phase.FAILED
    assert world.made == [Stage.DISCOVER]
    assert [told_by(world)[name] for name in ("DataReady", "Trained", "Ready")] == ["NoStudent"] * 3
    named = resource(**spec("Always"), student={"name": "org/t5"})
    world.resource = world.resource.model_copy(update={"spec": named.spec})
    assert world.to_the_end() is Phase.READY and world.made == WITH


def test_an_edit_that_closes_a_gate_stops_what_costs_and_one_that_opens_it_goes_on() -> None:
    world = World(resource())
    world.step()
    world.finish(world.alive()[0])
    world.step()
    (generate,) = world.alive()
    closed = resource(evaluation={"gate": {"split": "Transformed"}}, **spec("Auto"))
    same = {"teacher": None}  # the teacher is part of the digest
    closed = closed.model_copy(update={"spec": closed.spec.model_copy(update=same)})
    world.resource = world.resource.model_copy(update={"spec": closed.spec})
    outcome = world.step()
    assert outcome.status.phase is Phase.FAILED
    assert StopAttempt(generate, 1, "a gate is closed") in outcome.actions and world.alive() == []
    world.resource = world.resource.model_copy(update={"spec": resource().spec})
    world.step()
    assert world.alive() == [generate] and world.runs[generate].status.attempt == 2
    assert world.to_the_end() is Phase.READY


def test_rows_are_not_rewritten_before_the_review() -> None:
    asked = spec("Always")
    world = World(resource(**asked, generation={"review": "Required"}))
    assert world.to_the_end() is Phase.AWAITING_REVIEW
    assert world.made == [Stage.DISCOVER, Stage.GENERATE], "a person may edit the prompt yet"
    assert told_by(world)["DataReady"] == "AwaitingReview"
    assert world.resource.status is not None and world.resource.status.choice is not None
    accepted = resource(**asked, generation={"review": "Required", "accepted": SHA[:8]})
    world.resource = world.resource.model_copy(update={"spec": accepted.spec})
    assert world.to_the_end() is Phase.READY and world.made == WITH
    # Other examples have to be looked at again; the rows are rewritten already.
    world.made.clear()
    more = resource(**asked, generation={"review": "Required", "examples": 9})
    world.resource = world.resource.model_copy(update={"spec": more.spec})
    assert world.to_the_end() is Phase.AWAITING_REVIEW and world.made == [Stage.GENERATE]


@pytest.mark.parametrize("state", [FailureState.RETRYING, FailureState.BLOCKED])
def test_rows_that_wait_do_not_hide_what_failed(state: FailureState) -> None:
    """An attempt to rewrite failed, and would be made again; then the examples are written anew, and that is given up."""
    world, transform = failed_to_rewrite(state)
    world.resource = world.resource.model_copy(
        update={"spec": resource(**spec("Always"), generation={"examples": 9}).spec}
    )
    world.step()
    (generate,) = world.alive()
    waiting = world.runs[transform].status
    assert (waiting.phase, waiting.failure, waiting.retry_at) == (StageRunPhase.PENDING, None, None)
    world.fail(generate, failure(FailureState.FAILED, "TooFewExamples"))
    status = world.step().status
    assert status.phase is Phase.FAILED and told_by(world)["DataReady"] == told_by(world)["Ready"] == "TooFewExamples"
    world.resource = world.resource.model_copy(update={"spec": resource(**spec("Always")).spec})
    world.step()
    assert world.alive() == [transform], "it goes on once nothing has to end first"
    assert world.to_the_end() is Phase.READY


@pytest.mark.parametrize("state", [FailureState.RETRYING, FailureState.BLOCKED])
def test_rows_that_wait_do_not_hide_the_review(state: FailureState) -> None:
    world, transform = failed_to_rewrite(state)
    asked = resource(**spec("Always"), generation={"review": "Required"})
    world.resource = world.resource.model_copy(update={"spec": asked.spec})
    assert world.step().status.phase is Phase.AWAITING_REVIEW
    assert world.runs[transform].status.phase is StageRunPhase.PENDING and told_by(world)["Ready"] == "AwaitingReview"
    accepted = resource(**spec("Always"), generation={"review": "Required", "accepted": SHA[:8]})
    world.resource = world.resource.model_copy(update={"spec": accepted.spec})
    assert world.to_the_end() is Phase.READY


def test_failures_before_a_wait_count() -> None:
    world, transform = failed_to_rewrite(FailureState.RETRYING)
    world.resource = world.resource.model_copy(
        update={"spec": resource(**spec("Always"), generation={"examples": 9}).spec}
    )
    world.step()
    assert world.runs[transform].status.failures == 1


def failed_to_rewrite(state: FailureState) -> tuple[World, str]:
    """A world in which the first attempt of transform has failed, and the name of that stage run."""
    world = World(resource(**spec("Always")))
    for _ in range(2):
        world.step()
        world.finish(world.alive()[0])
    world.step()
    (transform,) = world.alive()
    world.fail(transform, failure(state, "TeacherAway"))
    assert world.step().status.phase is Phase(state.value)
    return world, transform


def test_an_edit_while_rows_are_rewritten_stops_it_until_the_new_examples_are_accepted() -> None:
    asked = spec("Always")
    world = World(resource(**asked))
    for _ in range(2):
        world.step()
        world.finish(world.alive()[0])
    world.step()
    (transform,) = world.alive()
    assert "transform" in transform
    review = resource(**asked, generation={"review": "Required"})
    world.resource = world.resource.model_copy(update={"spec": review.spec})
    assert StopAttempt(transform, 1, "a gate is closed") in world.step().actions
    assert world.to_the_end() is Phase.AWAITING_REVIEW
    accepted = resource(**asked, generation={"review": "Required", "accepted": SHA[:8]})
    world.resource = world.resource.model_copy(update={"spec": accepted.spec})
    assert world.to_the_end() is Phase.READY


def test_the_phase_tells_what_runs_beside_a_stage_that_failed() -> None:
    world = World(resource(**spec("Always")))
    for _ in range(2):
        world.step()
        world.finish(world.alive()[0])
    world.step()
    (transform,) = world.alive()
    world.fail(transform, failure(FailureState.FAILED, "NothingTransformed"))
    assert world.step().status.phase is Phase.FAILED
    more = resource(**spec("Always"), generation={"examples": 9})
    world.resource = world.resource.model_copy(update={"spec": more.spec})
    status = world.step().status
    assert (status.phase, status.progress) == (Phase.GENERATING, "generate")
    (generate,) = world.alive()
    world.fail(generate, failure(FailureState.RETRYING))
    assert world.step().status.phase is Phase.RETRYING
    world.next_attempt()
    world.finish(generate)
    assert world.step().status.phase is Phase.FAILED, "the rows are not rewritten again by themselves"
    assert told_by(world)["Ready"] == "NothingTransformed"


def planned(world: World, tmp_path: Path, **edit: Any) -> dict[str, str]:
    """What `p2m plan` says of each stage after an edit."""
    folder = RunFolder(tmp_path, "default", "dates")
    for run in world.runs.values():
        folder.write_stage_run(run)
        assert run.status.result is not None
        result = ResultFile(attempt=1, digest=run.spec.digest, outputs=run.status.result.outputs)
        result.write(Folder(str(folder.stage_path(run))))
    table = plan_table(resource(**edit), folder)
    stages, would = ([str(cell) for cell in column.cells] for column in table.columns[:2])
    return dict(zip(stages, would, strict=True))


def test_the_plan_keeps_no_result_of_another_digest(tmp_path: Path) -> None:
    world = World(resource(**spec("Always")))
    world.to_the_end()
    told = planned(world, tmp_path, **spec("Always", maxRows=500), generation={"examples": 9})
    assert told["discover"] == "keep its result"
    assert told["transform"] == told["prepare"] == "run again, after the stages before it"
    assert set(planned(world, tmp_path, **spec("Always")).values()) == {"keep its result"}


def test_the_report_leaves_out_what_an_edit_left_behind(tmp_path: Path) -> None:
    world = World(resource(**spec("Always")))
    world.to_the_end()
    world.resource = world.resource.model_copy(update={"spec": resource(**spec("None")).spec})
    world.to_the_end()
    folder = RunFolder(tmp_path, "default", "dates")
    for run in world.runs.values():
        folder.write_stage_run(run)
    runner = Runner(world.resource, folder, ServiceProcess(folder, 0), lambda *shown: None, lambda said: None)
    current = runner.current()
    assert Stage.TRANSFORM not in current and set(WITHOUT) == set(current)
    assert "transform" not in current[Stage.PREPARE].spec.inputs


def test_the_stage_is_known_by_its_node_alone() -> None:
    node = GRAPH[Stage.TRANSFORM]
    assert node.uses_teacher and node.asks_hub and not node.on_ray
    assert node.phase is Phase.TRANSFORMING
