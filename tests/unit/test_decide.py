"""`decide` as a machine: hypothesis plays a world that starts, ends, fails and edits, and the promises must hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_api import graph
from prompt2model_api.conditions import FailureState
from prompt2model_api.decide import decide
from prompt2model_api.results import StageOutputs, StageResult
from prompt2model_api.snapshot import (
    StopAttempt,
    Workload,
)
from prompt2model_api.stage_run import Progress, Stage, StageRunPhase
from prompt2model_api.status import Phase
from tests.decide_world import SHA, START, World, failure, resource

pytestmark = pytest.mark.unit

FLOW = list(graph.stages_of(resource().spec))


def test_goes_from_prompt_to_service_in_the_order_of_the_flow() -> None:
    world = World(resource())
    assert world.to_the_end() is Phase.READY
    assert world.made == FLOW


def test_nothing_is_started_for_a_finished_resource() -> None:
    world = World(resource())
    world.to_the_end()
    outcome = world.step()
    assert outcome.actions == []
    assert outcome.status == world.resource.status


@pytest.mark.parametrize(
    ("edit", "again"),
    [
        ({"training": {"learningRate": 1e-3}}, [Stage.TRAIN, Stage.EVALUATE]),
        ({"evaluation": {"maxRows": 7}}, [Stage.EVALUATE]),
        ({"service": {"replicas": {"min": 2, "max": 2}}}, []),
        ({"training": {"checkpointEvery": 9, "workers": 2, "resources": {"gpu": 1}}}, []),
        ({"retries": {"attempts": 9}, "deadlines": {"stageSeconds": 60}}, []),
        ({"datasets": {"choice": {"none": True}}}, [Stage.PREPARE, Stage.TRAIN, Stage.EVALUATE]),
        ({"student": {"name": "org/other"}}, [Stage.TRAIN, Stage.EVALUATE]),
        ({"seed": 5}, [Stage.GENERATE, Stage.PREPARE, Stage.TRAIN, Stage.EVALUATE]),
        ({"prompt": "y"}, FLOW),
    ],
)
def test_a_changed_field_runs_again_what_reads_it_and_what_follows(edit: dict[str, Any], again: list[Stage]) -> None:
    world = World(resource())
    world.to_the_end()
    world.made.clear()
    world.resource = world.resource.model_copy(update={"spec": resource(**edit).spec})
    assert world.to_the_end() is Phase.READY
    assert world.made == again


def test_an_edit_that_is_taken_back_finds_the_finished_work() -> None:
    world = World(resource())
    world.to_the_end()
    first = world.resource.spec
    world.resource = world.resource.model_copy(update={"spec": resource(training={"epochs": 9}).spec})
    world.to_the_end()
    world.made.clear()
    world.resource = world.resource.model_copy(update={"spec": first})
    assert world.to_the_end() is Phase.READY
    assert world.made == []


def test_the_old_service_answers_until_the_new_model_is_there() -> None:
    world = World(resource())
    world.to_the_end()
    old = world.service
    world.resource = world.resource.model_copy(update={"spec": resource(training={"epochs": 9}).spec})
    world.step()
    assert world.service == old
    for stage in (Stage.TRAIN, Stage.EVALUATE):
        (name,) = world.alive()
        assert stage.value in name
        assert world.service == old
        world.finish(name)
        world.step()
    assert world.service is not None and old is not None and world.service.digest != old.digest


def test_work_that_the_spec_no_longer_asks_for_is_stopped() -> None:
    world = World(resource())
    world.step()
    (name,) = world.alive()
    world.resource = world.resource.model_copy(update={"spec": resource(prompt="other").spec})
    outcome = world.step()
    assert StopAttempt(name, 1, "the spec no longer asks for it") in outcome.actions


def test_stopped_work_that_is_asked_for_again_is_tried_anew_and_is_not_late() -> None:
    world = World(resource())
    world.step()
    (name,) = world.alive()
    first = world.resource.spec
    world.resource = world.resource.model_copy(update={"spec": resource(prompt="other").spec})
    world.step()
    assert world.runs[name].status.phase is StageRunPhase.PENDING
    world.now += timedelta(days=1)
    world.resource = world.resource.model_copy(update={"spec": first})
    world.step()
    status = world.runs[name].status
    assert (status.phase, status.attempt, status.failures) == (StageRunPhase.RUNNING, 2, 0)
    assert (name, 2) in world.started and name in world.alive()


def test_manual_choices_stop_prepare_and_train_and_nothing_else() -> None:
    manual = resource(datasets={"selection": "Manual"}, student={"selection": "Manual"})
    world = World(manual)
    assert world.to_the_end() is Phase.AWAITING_CHOICE
    assert world.made == [Stage.DISCOVER, Stage.GENERATE]
    answered = {"datasets": {"selection": "Manual", "choice": {"none": True}}, "student": {"selection": "Manual"}}
    world.resource = world.resource.model_copy(update={"spec": resource(**answered).spec})
    assert world.to_the_end() is Phase.AWAITING_CHOICE
    assert world.made == [Stage.DISCOVER, Stage.GENERATE, Stage.PREPARE]
    answered["student"]["name"] = "org/t5"
    world.resource = world.resource.model_copy(update={"spec": resource(**answered).spec})
    assert world.to_the_end() is Phase.READY


def test_a_review_stops_prepare_until_these_examples_are_accepted() -> None:
    world = World(resource(generation={"review": "Required"}))
    assert world.to_the_end() is Phase.AWAITING_REVIEW
    assert world.made == [Stage.DISCOVER, Stage.GENERATE]
    wrong = resource(generation={"review": "Required", "accepted": "00000000"})
    world.resource = world.resource.model_copy(update={"spec": wrong.spec})
    assert world.to_the_end() is Phase.AWAITING_REVIEW
    right = resource(generation={"review": "Required", "accepted": SHA[:8]})
    world.resource = world.resource.model_copy(update={"spec": right.spec})
    assert world.to_the_end() is Phase.READY


def test_a_student_below_the_teacher_is_not_served() -> None:
    world = World(resource())
    assert world.to_the_end(student=10.0, teacher=20.0) is Phase.FAILED
    assert world.service is None
    conditions = {c.type.value: c for c in (world.resource.status.conditions if world.resource.status else [])}
    assert conditions["Ready"].reason == "ScoreTooLow"


def test_a_suspended_resource_starts_nothing_and_stops_what_lives() -> None:
    assert World(resource(suspend=True)).to_the_end() is Phase.SUSPENDED
    world = World(resource())
    world.step()
    world.resource = world.resource.model_copy(update={"spec": resource(suspend=True).spec})
    assert world.to_the_end() is Phase.SUSPENDED
    world.resource = world.resource.model_copy(update={"spec": resource().spec})
    assert world.to_the_end() is Phase.READY
    assert [name for name, _ in world.started].count(world.started[0][0]) == 2


def test_retries_back_off_then_fail_with_a_reason() -> None:
    world = World(resource(retries={"attempts": 3, "backoffSeconds": 10}))
    world.step()
    (name,) = world.alive()
    for attempt, wait in ((1, 10), (2, 20)):
        world.fail(name, failure(FailureState.RETRYING))
        outcome = world.step()
        assert outcome.status.phase is Phase.RETRYING
        assert outcome.wake_at == world.now + timedelta(seconds=wait)
        world.now += timedelta(seconds=wait)
        world.step()
        assert world.runs[name].status.attempt == attempt + 1
    world.fail(name, None)
    assert world.step().status.phase is Phase.FAILED
    assert world.step().wake_at is None


def test_blocked_work_is_looked_at_again_for_ever() -> None:
    world = World(resource(retries={"attempts": 1}))
    world.step()
    (name,) = world.alive()
    for _ in range(12):
        world.fail(name, failure(FailureState.BLOCKED))
        outcome = world.step()
        assert outcome.status.phase is Phase.BLOCKED
        assert outcome.wake_at is not None and outcome.wake_at <= world.now + timedelta(minutes=10)
        world.now = outcome.wake_at
        world.step()
    assert world.to_the_end() is Phase.READY


def test_an_attempt_that_cannot_start_says_why_and_goes_on_by_itself_when_it_is_mended() -> None:
    world = World(resource(retries={"attempts": 1}, deadlines={"startSeconds": 60, "heartbeatSeconds": 60}))
    world.step()
    (name,) = world.alive()
    world.workloads[name, 1] = Workload(name, 1, True, failure(FailureState.BLOCKED))
    outcome = world.step()
    assert outcome.status.phase is Phase.BLOCKED
    assert outcome.status.conditions[0].reason == "Test" and world.alive() == [name]
    world.workloads[name, 1] = Workload(name, 1, True)
    progress = Progress(attempt=1, at=START)
    run = world.runs[name]
    world.runs[name] = run.model_copy(update={"status": run.status.model_copy(update={"progress": progress})})
    assert world.step().status.phase is Phase.DISCOVERING
    world.workloads[name, 1] = Workload(name, 1, True, failure(FailureState.BLOCKED))
    world.now += timedelta(seconds=60)
    outcome = world.step()  # too long: the next attempt may find another image or another quota
    assert outcome.status.phase is Phase.BLOCKED and world.alive() == []
    assert world.runs[name].status.blocks == 1 and world.runs[name].status.phase is StageRunPhase.BLOCKED


def test_a_workload_that_lives_on_after_its_result_is_ended() -> None:
    world = World(resource())
    world.step()
    (name,) = world.alive()
    world.finish(name)
    run = world.runs[name]
    progress = Progress(attempt=1, at=START)
    world.runs[name] = run.model_copy(update={"status": run.status.model_copy(update={"progress": progress})})
    world.heard[name] = START
    world.workloads[name, 1] = Workload(name, 1, True)
    assert not any(isinstance(a, StopAttempt) for a in world.step().actions)
    world.now += timedelta(minutes=3)
    assert StopAttempt(name, 1, "its result is there") in world.step().actions


@pytest.mark.parametrize("minutes", [-11, 0, 11])
def test_a_heartbeat_counts_from_when_it_was_heard_and_not_by_the_clock_of_the_pod(minutes: int) -> None:
    world = World(resource(deadlines={"heartbeatSeconds": 600}))
    world.step()
    (name,) = world.alive()
    for _ in range(4):
        world.now += timedelta(minutes=9)
        world.heard[name] = world.now
        progress = Progress(attempt=1, at=world.now + timedelta(minutes=minutes))
        run = world.runs[name]
        world.runs[name] = run.model_copy(update={"status": run.status.model_copy(update={"progress": progress})})
        assert world.step().status.phase is Phase.DISCOVERING and world.alive() == [name]
    world.now += timedelta(minutes=10)
    assert world.step().status.phase is Phase.RETRYING
    assert world.runs[name].status.failure is not None
    assert world.runs[name].status.failure.reason == "HeartbeatLost"


def test_time_in_a_queue_is_not_the_attempts() -> None:
    world = World(resource(deadlines={"startSeconds": 60, "stageSeconds": 60}))
    world.step()
    (name,) = world.alive()
    world.workloads[name, 1] = Workload(name, 1, True, queued=True)
    world.now += timedelta(hours=9)
    assert world.step().status.phase is Phase.DISCOVERING and world.alive() == [name]
    world.workloads[name, 1] = Workload(name, 1, True)
    world.now += timedelta(seconds=59)
    assert world.step().status.phase is Phase.DISCOVERING
    world.now += timedelta(seconds=61)
    assert world.step().status.phase is Phase.RETRYING


@pytest.mark.parametrize(("limit", "reason"), [("stageSeconds", "DeadlineExceeded"), ("startSeconds", "HeartbeatLost")])
def test_a_silent_or_late_attempt_is_stopped_and_tried_again(limit: str, reason: str) -> None:
    world = World(resource(deadlines={limit: 60}))
    outcome = world.step()
    outcome = world.step()
    assert outcome.wake_at == START + timedelta(seconds=60)
    world.now = outcome.wake_at
    outcome = world.step()
    assert any(isinstance(a, StopAttempt) and a.why == reason for a in outcome.actions)
    assert outcome.status.phase is Phase.RETRYING


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [({}, 1800), ({"heartbeatSeconds": 60}, 1800), ({"heartbeatSeconds": 7200}, 7200), ({"startSeconds": 90}, 90)],
)
def test_until_its_first_sign_of_life_an_attempt_has_time_of_its_own(limits: dict[str, int], seconds: int) -> None:
    world = World(resource(deadlines=limits))
    world.step()
    (name,) = world.alive()
    world.now += timedelta(seconds=seconds - 1)
    assert world.step().status.phase is Phase.DISCOVERING
    world.say(name, 1)
    world.heard[name] = world.now
    world.now += timedelta(seconds=limits.get("heartbeatSeconds", 600) - 1)
    assert world.step().status.phase is Phase.DISCOVERING
    world.now += timedelta(seconds=1)
    assert world.step().status.phase is Phase.RETRYING


def test_a_foreign_result_is_not_accepted() -> None:
    world = World(resource())
    world.step()
    (name,) = world.alive()
    run = world.runs[name]
    foreign = StageResult(attempt=1, digest="0" * 64, sha256=SHA, outputs=StageOutputs())
    world.runs[name] = run.model_copy(update={"status": run.status.model_copy(update={"result": foreign})})
    world.step()
    assert world.runs[name].status.phase is StageRunPhase.RUNNING


@settings(max_examples=150, deadline=None)
@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(
                ["finish", "retry", "block", "interrupt", "vanish", "wait", "edit", "change", "ask", "suspend", "crash"]
            ),
            st.integers(0, 5),
        ),
        max_size=30,
    )
)
def test_whatever_happens_the_promises_hold_and_it_ends(events: list[tuple[str, int]]) -> None:
    """The assertions stand in World: started once finished, inputs first, one live attempt, the same answer twice."""
    world = World(resource(retries={"attempts": 100}))
    for event, number in events:
        world.step(apply_first=number if event == "crash" else None)
        alive = world.alive()
        if event == "edit":
            world.resource = world.resource.model_copy(
                update={"spec": resource(seed=number, retries={"attempts": 100}).spec}
            )
        elif event == "suspend":
            spec = world.resource.spec
            changed = spec.model_copy(update={"suspend": not spec.suspend})
            world.resource = world.resource.model_copy(update={"spec": changed})
        elif event == "change":
            world.bases = dict.fromkeys(Stage, str(number))
        elif event == "ask":
            world.retry = str(number)
        elif event == "wait":
            world.now += timedelta(minutes=number)
        elif alive:
            name = alive[number % len(alive)]
            match event:
                case "finish":
                    world.finish(name)
                case "retry":
                    world.fail(name, failure(FailureState.RETRYING))
                case "block":
                    world.fail(name, failure(FailureState.BLOCKED))
                case "interrupt":
                    world.fail(name, failure(FailureState.RETRYING, "NodeLost"))
                case "vanish":
                    world.workloads.pop((name, world.runs[name].status.attempt), None)
    spec = world.resource.spec.model_copy(update={"suspend": False})
    world.resource = world.resource.model_copy(update={"spec": spec})
    world.retry = "at last"  # for one that was interrupted too often
    for _ in range(3):
        world.now += timedelta(minutes=10)
        if world.to_the_end() is Phase.READY:
            return
    raise AssertionError(world.resource.status)


def test_only_the_fields_that_a_stage_reads_stand_in_its_digest() -> None:
    """Limits, budgets, retries, resources, secrets and scheduling change no digest."""
    read = {path for node in graph.GRAPH.values() for path in node.reads}
    for path in (
        "teacher.limits",
        "teacher.budget",
        "teacher.apiKeySecretRef",
        "training.resources",
        "retries",
        "storage",
    ):
        assert not any(r == path or r.startswith(path + ".") or path.startswith(r + ".") for r in read), path


def test_the_run_that_records_it_stands_in_the_status_once_it_is_known() -> None:
    world = World(resource())
    assert world.step().status.run_url is None
    known = replace(world.snapshot(), run_url="http://mlflow:5000/#/experiments/7/runs/abc")
    status = decide(known, world.now).status
    assert status.run_url == known.run_url
    later = replace(known, resource=world.resource.model_copy(update={"status": status}), run_url=None)
    assert decide(later, world.now).status.run_url == known.run_url
