"""What `kubectl get stageruns` shows: which stage run is current, and that a started attempt is blocked."""

from __future__ import annotations

import asyncio

import pytest

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.stage_run import StageRunPhase, StageRunState, StageRunStatus
from prompt2model_api.stage_states import state_of
from prompt2model_operator.kinds import JOB, POD, RAYJOB, STAGERUN
from tests.memory_cluster import Cluster
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit


def states(cluster: Cluster) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in cluster.of(STAGERUN):
        found.setdefault(run["spec"]["stage"], []).append(run["status"]["state"])
    return {stage: sorted(of) for stage, of in found.items()}


def test_an_edit_supersedes_what_it_makes_anew_and_all_that_read_it() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    assert set(map(tuple, states(cluster).values())) == {("Succeeded",)}
    cluster.edit(training={"learningRate": 1e-3})
    asyncio.run(cluster.look())
    found = states(cluster)
    assert found["train"] == ["Running", "Superseded"] and found["evaluate"] == ["Superseded"]
    assert found["discover"] == found["prepare"] == ["Succeeded"]
    asyncio.run(cluster.run(outputs))
    assert states(cluster)["evaluate"] == ["Succeeded", "Superseded"]


def test_what_an_edit_takes_back_is_current_again() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    cluster.edit(training={"learningRate": 1e-3})
    asyncio.run(cluster.run(outputs))
    edited = {run["metadata"]["name"] for run in cluster.of(STAGERUN) if run["status"]["state"] == "Succeeded"}
    cluster.edit(training={})
    asyncio.run(cluster.run(outputs))
    now = {run["metadata"]["name"] for run in cluster.of(STAGERUN) if run["status"]["state"] == "Succeeded"}
    assert len(now) == len(edited) == 5 and len(now & edited) == 3


def test_a_stage_that_is_switched_off_is_superseded() -> None:
    cluster = Cluster({"datasets": {"own": {"uri": "s3://b/own.csv"}}})
    asyncio.run(cluster.run(outputs))
    cluster.edit(generation={"enabled": False})
    asyncio.run(cluster.run(outputs))
    assert states(cluster)["generate"] == ["Superseded"]


@pytest.mark.parametrize("phase", StageRunPhase)
def test_a_state_for_every_phase(phase: StageRunPhase) -> None:
    assert state_of(StageRunStatus(phase=phase)) == phase.value


@pytest.mark.parametrize("state", [FailureState.BLOCKED, FailureState.RETRYING])
def test_a_running_attempt_that_waits_for_a_person_is_blocked(state: FailureState) -> None:
    failure = Failure(state=state, reason="SecretMissing", message="It is not there.")
    status = StageRunStatus(phase=StageRunPhase.RUNNING, attempt=1, failure=failure)
    blocked = state is FailureState.BLOCKED
    assert state_of(status) is (StageRunState.BLOCKED if blocked else StageRunState.RUNNING)


def test_a_pod_without_its_secret_is_blocked_in_the_table() -> None:
    cluster = Cluster()
    asyncio.run(cluster.look())
    (job,) = cluster.of(JOB)
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "key" not found'}
    status = {"phase": "Pending", "containerStatuses": [{"name": "stage", "state": {"waiting": waiting}}]}
    meta = {"name": "waits", "namespace": "team-a", "creationTimestamp": "2026-01-01T10:00:00Z"}
    meta |= {"labels": job["metadata"]["labels"], "ownerReferences": [{"uid": job["metadata"]["uid"]}]}
    cluster.api.put({"apiVersion": "v1", "kind": POD.kind, "metadata": meta, "spec": {}, "status": status})
    asyncio.run(cluster.look())
    (run,) = cluster.of(STAGERUN)
    assert (run["status"]["phase"], run["status"]["state"]) == ("Running", "Blocked")
    assert run["status"]["failure"]["reason"]


def test_a_run_whose_kind_has_come_is_no_more_blocked() -> None:
    cluster = Cluster({"retries": {"backoffSeconds": 600}})
    cluster.api.missing = {RAYJOB.plural}

    async def scenario() -> None:
        await cluster.work(outputs)
        assert states(cluster)["generate"] == ["Blocked"]
        cluster.api.missing = set()
        await cluster.arrivals.look([None])
        await cluster.look()

    asyncio.run(scenario())
    assert states(cluster)["generate"] == ["Running"]
