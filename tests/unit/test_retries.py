"""When a failed stage is tried again: after a change or on demand, by the kind of failure, and after progress."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prompt2model_api.conditions import MACHINE_REASONS, Failure, FailureState
from prompt2model_api.retrying import MOST_INTERRUPTIONS
from prompt2model_api.snapshot import StopAttempt, Workload
from prompt2model_api.stage_run import Stage, StageRunPhase
from prompt2model_api.status import Phase
from prompt2model_api.texts import cut, told
from tests.decide_world import World, failure, resource

pytestmark = pytest.mark.unit

ONCE = {"retries": {"attempts": 1}}


def failed_world() -> tuple[World, str]:
    world = World(resource(**ONCE))
    world.bases = dict.fromkeys(Stage, "4Gi")
    world.step()
    (name,) = world.alive()
    world.fail(name, failure(FailureState.RETRYING, "OOMKilled"))
    assert world.step().status.phase is Phase.FAILED
    world.now += timedelta(days=1)
    assert world.step().status.phase is Phase.FAILED and world.alive() == []
    return world, name


def test_a_failed_stage_is_tried_anew_once_what_it_is_made_of_has_changed() -> None:
    world, name = failed_world()
    world.bases[Stage.TRAIN] = "8Gi"
    assert world.step().status.phase is Phase.FAILED, "another stage's memory is no matter of this one"
    world.bases[Stage.DISCOVER] = "8Gi"
    assert world.step().status.phase is Phase.DISCOVERING
    status = world.runs[name].status
    assert (status.attempt, status.failures, status.basis) == (2, 0, "8Gi") and world.alive() == [name]
    world.fail(name, failure(FailureState.RETRYING))
    assert world.step().status.phase is Phase.FAILED
    assert world.step().status.phase is Phase.FAILED, "a change counts once"


def test_a_failed_stage_is_tried_anew_for_each_new_value_of_the_annotation() -> None:
    world, name = failed_world()
    for value in ("1", "2"):
        world.retry = value
        assert world.step().status.phase is Phase.DISCOVERING
        world.fail(name, failure(FailureState.FAILED))
        assert world.step().status.phase is Phase.FAILED
        assert world.step().status.phase is Phase.FAILED, "a value counts once"
    world.retry = None
    assert world.step().status.phase is Phase.FAILED, "an annotation that is removed asks for nothing"
    world.retry = "3"
    assert world.to_the_end() is Phase.READY


def test_an_annotation_from_before_the_stage_asks_for_nothing() -> None:
    world = World(resource(**ONCE))
    world.retry = "1"
    world.step()
    (name,) = world.alive()
    world.fail(name, failure(FailureState.RETRYING))
    for _ in range(3):
        assert world.step().status.phase is Phase.FAILED


@pytest.mark.parametrize("state", [FailureState.BLOCKED, FailureState.RETRYING])
def test_what_waits_for_its_next_attempt_starts_at_once_after_a_change(state: FailureState) -> None:
    world = World(resource(retries={"backoffSeconds": 500}))
    world.bases = {Stage.DISCOVER: "a"}
    world.step()
    (name,) = world.alive()
    world.fail(name, failure(state))
    world.step()
    assert world.alive() == []
    world.bases = {Stage.DISCOVER: "b"}
    world.step()
    assert world.alive() == [name] and world.runs[name].status.attempt == 2


def test_a_change_while_the_attempt_works_lets_it_work_and_counts_when_it_fails() -> None:
    world = World(resource(**ONCE))
    world.bases = {Stage.DISCOVER: "4Gi"}
    world.step()
    (name,) = world.alive()
    world.bases = {Stage.DISCOVER: "8Gi"}
    assert world.step().actions == [] and world.runs[name].status.basis == "4Gi"
    world.fail(name, failure(FailureState.RETRYING))
    outcome = world.step()
    assert outcome.status.phase is Phase.FAILED and outcome.wake_at == world.now
    assert world.step().status.phase is Phase.DISCOVERING and world.runs[name].status.basis == "8Gi"


def test_an_attempt_that_cannot_start_gives_way_to_one_that_is_made_of_something_else() -> None:
    world = World(resource())
    world.bases = {Stage.DISCOVER: "image:1"}
    world.step()
    (name,) = world.alive()
    world.workloads[name, 1] = Workload(name, 1, True, failure(FailureState.BLOCKED, "ImagePull"))
    assert world.step().status.phase is Phase.BLOCKED
    world.bases = {Stage.DISCOVER: "image:2"}
    assert any(isinstance(action, StopAttempt) for action in world.step().actions)
    world.step()
    assert world.alive() == [name] and world.runs[name].status.attempt == 2


def test_a_suspended_resource_stays_suspended_whatever_changes() -> None:
    world, _ = failed_world()
    world.resource = world.resource.model_copy(update={"spec": resource(**ONCE, suspend=True).spec})
    world.retry = "1"
    world.step()
    assert world.alive() == []
    world.resource = world.resource.model_copy(update={"spec": resource(**ONCE).spec})
    assert world.step().status.phase is Phase.DISCOVERING


def test_a_stage_that_is_given_up_says_how_to_have_it_tried_again() -> None:
    world, name = failed_world()
    told = world.runs[name].status.failure
    assert told is not None and told.remedy.endswith("Annotate it.") and "(1 of 1 attempts failed.)" in told.message
    condition = world.step().status.conditions[0]
    assert condition.message.startswith("because") and condition.message.endswith("Annotate it.")


def test_what_blocks_uses_up_no_attempt() -> None:
    world = World(resource(retries={"attempts": 2}))
    world.step()
    (name,) = world.alive()
    for _ in range(5):
        world.fail(name, failure(FailureState.BLOCKED))
        world.next_attempt()
    world.fail(name, failure(FailureState.RETRYING))
    assert world.step().status.phase is Phase.RETRYING
    status = world.runs[name].status
    assert (status.failures, status.blocks) == (1, 5)


@pytest.mark.parametrize("reason", sorted(MACHINE_REASONS))
def test_what_the_machine_ends_uses_up_no_attempt_and_ends_all_the_same(reason: str) -> None:
    world = World(resource(retries={"attempts": 1}))
    world.step()
    (name,) = world.alive()
    for _ in range(MOST_INTERRUPTIONS - 1):
        world.fail(name, failure(FailureState.RETRYING, reason))
        world.next_attempt()
        assert world.alive() == [name]
    world.fail(name, failure(FailureState.RETRYING, reason))
    assert world.step().status.phase is Phase.FAILED
    status = world.runs[name].status
    assert status.failures == 0 and status.failure is not None
    assert f"({MOST_INTERRUPTIONS} attempts in a row were interrupted" in status.failure.message


def test_an_attempt_whose_pod_the_machine_ends_is_ended_at_once() -> None:
    world = World(resource(retries={"attempts": 1}))
    world.step()
    (name,) = world.alive()
    world.say(name, 10)
    world.workloads[name, 1] = Workload(name, 1, True, failure(FailureState.RETRYING, "NodeLost"))
    assert StopAttempt(name, 1, "NodeLost") in world.step().actions
    assert world.runs[name].status.phase is StageRunPhase.RETRYING


@pytest.mark.parametrize("reason", ["Crashed", "NodeLost"])
def test_progress_gives_the_attempts_back(reason: str) -> None:
    world = World(resource(retries={"attempts": 2}))
    world.step()
    (name,) = world.alive()
    for done in range(10, 100, 10):
        world.say(name, done)
        world.fail(name, failure(FailureState.RETRYING, reason))
        world.next_attempt()
        assert world.alive() == [name], done
        status = world.runs[name].status
        assert status.failures + status.interruptions == 1 and status.furthest == done


def test_without_progress_to_speak_of_it_ends() -> None:
    world = World(resource(retries={"attempts": 3}))
    world.step()
    (name,) = world.alive()
    for done in (50, 50, 50.5):
        world.say(name, done)
        world.fail(name, failure(FailureState.RETRYING))
        world.step()
        if world.runs[name].status.phase is StageRunPhase.RETRYING:
            world.next_attempt()
    assert world.runs[name].status.phase is StageRunPhase.FAILED
    assert world.runs[name].status.attempt == 3


def test_the_progress_of_an_earlier_attempt_is_not_this_one_s() -> None:
    world = World(resource(retries={"attempts": 2}))
    world.step()
    (name,) = world.alive()
    world.say(name, 50)
    world.fail(name, failure(FailureState.RETRYING))
    world.next_attempt()
    world.fail(name, failure(FailureState.RETRYING))
    assert world.step().status.phase is Phase.FAILED


def test_the_root_cause_of_a_long_message_is_kept() -> None:
    world = World(resource(**ONCE))
    world.step()
    (name,) = world.alive()
    long = "ValueError: the root cause. " + "at line 1 " * 99
    said = Failure(state=FailureState.RETRYING, reason="Crashed", message=long[:1024], remedy="See the log. " * 30)
    world.fail(name, said)
    condition = world.step().status.conditions[0]
    kept = world.runs[name].status.failure
    assert kept is not None
    assert kept.message.startswith("ValueError: the root cause.") and kept.message.endswith("(1 of 1 attempts failed.)")
    assert len(kept.message) <= 1024 and len(condition.message) <= 1024
    assert condition.message.startswith("ValueError: the root cause.") and condition.message.endswith("Annotate it.")


def test_texts_that_do_not_fit_lose_their_end() -> None:
    assert cut("as it is", 8) == "as it is"
    assert cut("one two three", 8) == "one two…"
    assert told("short", "do this", 100) == "short. do this."
    assert told("m" * 90, "do this", 60) == "m" * 50 + "… do this."
    both = told("m" * 90, "r" * 90, 60)
    assert len(both) == 60 and both.startswith("m" * 29 + "…") and both.endswith("…")
