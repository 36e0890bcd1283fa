"""What the PROGRESS column says of the running stage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_api.stage_run import STARTING_RAY, Progress, Stage
from tests.decide_world import START, World, failure, resource

pytestmark = pytest.mark.unit


def at(stage: Stage) -> tuple[World, str]:
    """A world whose newest stage run is of this stage and has just been started."""
    world = World(resource())
    for _ in range(20):
        world.step()
        found = [name for name in world.alive() if world.runs[name].spec.stage is stage]
        if found:
            return world, found[0]
        for name in world.alive():
            world.finish(name)
    raise AssertionError(f"{stage} is never started")


def say(world: World, name: str, **fields: object) -> str:
    run = world.runs[name]
    progress = Progress.model_validate({"attempt": 1, "at": START, **fields})
    world.runs[name] = run.model_copy(update={"status": run.status.model_copy(update={"progress": progress})})
    return world.step().status.progress


@pytest.mark.parametrize("stage", [Stage.GENERATE, Stage.TRAIN])
def test_a_stage_on_ray_says_that_ray_starts_until_it_has(stage: Stage) -> None:
    world, name = at(stage)
    assert world.step().status.progress == f"{stage.value} starting Ray"  # no pod of the stage has said a word
    assert say(world, name, message="starting") == f"{stage.value} starting Ray"
    told = {"done": 40, "total": 100, "unit": "steps"}
    assert say(world, name, message=f"{STARTING_RAY} for org/t5", **told) == f"{stage.value} starting Ray"
    assert say(world, name, message="loading org/t5", **told) == f"{stage.value} 40 %"


def test_another_attempt_starts_ray_again() -> None:
    world, name = at(Stage.TRAIN)
    assert say(world, name, done=40, total=100) == "train 40 %"
    world.fail(name, failure(FailureState.RETRYING))
    world.next_attempt()
    assert world.step().status.progress == "train starting Ray"


def test_one_that_is_queued_or_cannot_start_does_not_start_ray() -> None:
    world, name = at(Stage.TRAIN)
    workload = world.workloads[name, 1]
    world.workloads[name, 1] = replace(workload, queued=True)
    assert world.step().status.progress == "train"
    world.workloads[name, 1] = replace(workload, failure=failure(FailureState.BLOCKED, "ImagePull"))
    assert world.step().status.progress == "train"


def test_a_stage_without_ray_names_itself() -> None:
    world, _ = at(Stage.PREPARE)
    assert world.step().status.progress == "prepare"


def test_the_stage_run_says_it_in_its_own_column() -> None:
    told = Progress(attempt=1, done=0, total=60, unit="examples", message=STARTING_RAY, at=START)
    assert told.summary == STARTING_RAY
    asked = Progress(attempt=1, done=0, total=60, unit="examples", message="asking the teacher", at=START)
    assert asked.summary == "0/60 examples"
