"""How Ray's own words at the end of a job become a cause and what to do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError

from prompt2model_api.conditions import FailureState
from prompt2model_api.ray_texts import memory_shortage
from prompt2model_api.stage_run import Stage
from prompt2model_operator.kinds import EVENT, POD, RAYJOB
from prompt2model_operator.ray_ending import rayjob_ended
from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.train.ending import cause_of
from tests.memory_cluster import Cluster
from tests.unit.test_operator_ray_starting import at_the_first_rayjob, status_of

pytestmark = pytest.mark.unit

DUMP = """Unexpected error occurred: 1 worker(s) were killed due to the node running low on memory.
Memory on the node (IP: 10.244.0.7, ID: 3f1c) was 0.97GB used / 1.00GB limit (0.970000), which exceeds the threshold.
Object store memory usage: [- objects spillable: 0
- bytes spillable: 0
- objects unsealed: 0
Eviction Stats:
(global lru) capacity: 200000000]
OOM kill reason: the worker with the newest task"""
CLOSED = "RuntimeError: WebSocket connection closed unexpectedly with close code 1006"
USED = "0.97GB of 1.00GB were in use"


def rayjob(message: str) -> dict[str, Any]:
    return {"status": {"jobDeploymentStatus": "Failed", "reason": "AppFailed", "message": message}}


@pytest.mark.parametrize(
    ("stage", "field"),
    [(Stage.TRAIN, "spec.training.resources.memory"), (Stage.GENERATE, "settings.pods.generate.limits.memory")],
)
def test_a_worker_that_rays_memory_monitor_ends_is_out_of_memory(stage: Stage, field: str) -> None:
    _, found = rayjob_ended(rayjob(f"Job entrypoint failed. {DUMP}"), stage)
    assert found is not None and (found.state, found.reason) == (FailureState.RETRYING, "OutOfMemory")
    assert USED in found.message and "spillable" not in found.message and len(found.message) < 120
    assert field in found.remedy and "tried again" not in found.remedy


def test_a_shortage_without_amounts_is_one_too() -> None:
    assert memory_shortage("OOM kill reason: x") == "Ray ended a worker because its pod ran out of memory."
    assert memory_shortage("CUDA out of memory") is None


def test_the_training_names_the_shortage_without_the_dump() -> None:
    cause = cause_of(RuntimeError(DUMP), 0)
    assert isinstance(cause, StageError) and cause.failure.reason == "OutOfMemory"
    assert USED in cause.failure.message and "spillable" not in cause.failure.message


def test_an_end_of_rays_own_controller_has_its_cause() -> None:
    shortage, death = cause_of(OutOfMemoryError(DUMP), 0), cause_of(ActorDiedError(), 0)
    assert isinstance(shortage, StageError) and shortage.failure.reason == "OutOfMemory"
    assert "training.resources.memory" in shortage.failure.remedy
    assert isinstance(death, StageError) and death.failure.reason == "WorkerDied"


def task_error(cause: Exception) -> RayTaskError:
    """As Ray reports what an actor raised: its traceback in colors, and the error itself."""
    trace = (
        f'\x1b[36mray::Controller.run()\x1b[39m (pid=7)\n  File "x.py", line 3, in run\n{type(cause).__name__}: {cause}'
    )
    return RayTaskError("run", trace, cause)


def test_an_error_that_the_controller_raised_is_no_death_of_a_worker() -> None:
    plain, of_a_stage = cause_of(task_error(ValueError("no such split")), 0), failed("BadRows", "Rows.", "Look.")
    assert isinstance(plain, StageError)
    assert (plain.failure.reason, plain.failure.message) == ("TrainingFailed", "ValueError: no such split")
    assert cause_of(task_error(of_a_stage), 0) is of_a_stage
    died = cause_of(task_error(OutOfMemoryError(DUMP)), 0)
    assert isinstance(died, StageError) and died.failure.reason == "OutOfMemory"


def test_a_controller_that_never_came_up_is_no_death_of_a_worker() -> None:
    cause = cause_of(ActorDiedError(task_error(ImportError("no torch"))), 0)
    assert isinstance(cause, StageError)
    assert (cause.failure.reason, cause.failure.message) == ("TrainingFailed", "ImportError: no torch")


TRACEBACK = """Training failed due to controller error:
ray::execute._setup_torch_process_group() (pid=685, ip=10.244.0.37)
  File "/usr/lib/ray/train/torch/config.py", line 147, in _setup_torch_process_group
    dist.init_process_group(
RuntimeError: {}
"""


@pytest.mark.parametrize(
    "said",
    ["Distributed package doesn't have NCCL built in", "ProcessGroupNCCL is only supported with GPUs, no GPUs found!"],
)
def test_workers_that_cannot_use_the_gpus_that_they_reserve_are_blocked(said: str) -> None:
    cause = cause_of(RuntimeError(TRACEBACK.format(said)), 2)
    assert isinstance(cause, StageError)
    assert (cause.failure.state, cause.failure.reason) == (FailureState.BLOCKED, "GPUNotUsable")
    assert "training.resources.gpu reserves 2 GPU(s)" in cause.failure.message


def test_of_a_traceback_the_error_itself_is_told() -> None:
    cause = cause_of(RuntimeError(TRACEBACK.format("the port is taken")), 0)
    assert isinstance(cause, StageError)
    assert (cause.failure.reason, cause.failure.message) == ("TrainingFailed", "RuntimeError: the port is taken")


def test_another_end_keeps_its_words_on_one_line() -> None:
    _, found = rayjob_ended(rayjob("Job entrypoint\n failed."), Stage.TRAIN)
    assert found is not None and (found.reason, found.message) == (
        "RayJobFailed",
        "The Ray job failed: Job entrypoint failed.",
    )
    _, silent = rayjob_ended(rayjob(""), Stage.TRAIN)
    assert silent is not None and silent.message == "The Ray job failed"


def ended_rayjob(message: str, log: str) -> tuple[Cluster, dict[str, Any]]:
    """The only attempt of a stage on Ray, whose RayJob failed and whose submitter left a log."""
    cluster, job = at_the_first_rayjob({})
    container = {
        "name": "submitter",
        "state": {"terminated": {"reason": "Error", "exitCode": 1, "containerID": "c://1"}},
    }
    labels = {**job["metadata"]["labels"], "prompt2model.dev/role": "submitter"}
    meta = {"name": "submitter", "namespace": job["metadata"]["namespace"], "labels": labels, "creationTimestamp": "1"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"containerStatuses": [container]}}
    cluster.api.put({**pod, "apiVersion": POD.api_version})
    cluster.api.logs["submitter", "submitter", False] = log
    cluster.api.put({**cluster.of(RAYJOB)[0], **rayjob(message)})
    asyncio.run(cluster.look())
    return cluster, job


def test_a_lost_head_uses_up_no_attempt() -> None:
    cluster, job = ended_rayjob("", f"Traceback (most recent call last):\n{CLOSED}\n")
    found = status_of(cluster, job)
    assert (found["phase"], found["failure"]["reason"]) == ("Retrying", "RayHeadLost")
    assert (found.get("failures", 0), found["interruptions"]) == (0, 1)
    assert found["failure"]["message"].startswith("Ray's head went away")
    assert not any("WebSocket" in event["message"] for event in cluster.of(EVENT))


def test_a_shortage_goes_before_the_submitters_end_and_promises_nothing_once_given_up() -> None:
    cluster, job = ended_rayjob(DUMP, "exit 1")
    found = status_of(cluster, job)
    assert (found["phase"], found["failure"]["reason"]) == ("Failed", "OutOfMemory")
    assert found["failure"]["message"].endswith("in use. (1 of 1 attempts failed.)")


def test_a_stage_that_is_given_up_is_not_promised_another_attempt() -> None:
    cluster, job = ended_rayjob("Job entrypoint failed.", "exit 1")
    found = status_of(cluster, job)
    assert (found["phase"], found["failure"]["reason"]) == ("Failed", "Crashed")
    cluster, job = at_the_first_rayjob({})
    cluster.api.put({**cluster.of(RAYJOB)[0], **rayjob("Job entrypoint failed.")})
    asyncio.run(cluster.look())
    failure = status_of(cluster, job)["failure"]
    assert failure["reason"] == "RayJobFailed" and "from what is kept" not in failure["remedy"]
    assert "log-<attempt>.txt. It is tried again when its resources" in failure["remedy"]


@pytest.mark.parametrize(
    "said",
    [
        "input='My laptop is running low on memory' ValueError: unexpected column",
        "input='WebSocket connection closed unexpectedly, please help' ValueError: bad",
    ],
)
def test_a_users_text_in_the_log_is_no_cause(said: str) -> None:
    _, found = rayjob_ended(rayjob(f"Job entrypoint failed. {said}"), Stage.TRAIN)
    assert found is not None and found.reason == "RayJobFailed"
    cause = cause_of(ValueError(said), 0)
    assert isinstance(cause, StageError) and cause.failure.reason == "TrainingFailed"


def test_a_head_that_is_out_of_memory_is_not_only_lost() -> None:
    cluster, job = at_the_first_rayjob({})
    labels = {**job["metadata"]["labels"], "prompt2model.dev/role": "stage"}
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "containerID": "c://2"}}
    head = {
        "apiVersion": POD.api_version,
        "kind": POD.kind,
        "metadata": {
            "name": "head",
            "namespace": job["metadata"]["namespace"],
            "labels": labels,
            "creationTimestamp": "0",
        },
        "status": {"containerStatuses": [{"name": "ray", "state": ended}]},
    }
    cluster.api.put(head)
    cluster.api.put({**cluster.of(RAYJOB)[0], **rayjob(CLOSED)})
    asyncio.run(cluster.look())
    found = status_of(cluster, job)
    assert found["failure"]["reason"] == "OOMKilled" and "memory" in found["failure"]["remedy"]
    assert found.get("interruptions", 0) == 0


def test_a_broken_connection_to_storage_is_no_dead_worker() -> None:
    cause = cause_of(RuntimeError("writing s3://models/step-50: Connection reset by peer"), 0)
    assert isinstance(cause, StageError) and cause.failure.reason == "TrainingFailed"
