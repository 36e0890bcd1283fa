"""The operator's events: one for each change that a person should know, and one for each failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_operator.kinds import ATTEMPT, EVENT, JOB, STAGERUN
from tests.memory_cluster import KEY, Cluster
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

WRONG_KEY = Failure(state=FailureState.BLOCKED, reason="WrongKey", message="401", remedy="Set another key.")
QUICK = {"retries": {"attempts": 2, "backoffSeconds": 1}}


def warnings(cluster: Cluster) -> list[dict[str, Any]]:
    return [body for body in cluster.of(EVENT) if body["type"] == "Warning"]


def fail_newest(cluster: Cluster, said: Failure | None = None) -> None:
    """The newest attempt's Job ends without a result, with or without a word of the stage."""
    job = max(cluster.of(JOB), key=lambda body: int(body["metadata"]["labels"][ATTEMPT]))
    if said is not None:
        attempt = int(job["metadata"]["labels"][ATTEMPT])
        cluster.report_failure(cluster.of(STAGERUN)[0]["metadata"]["name"], attempt, said)
    cluster.end(job, well=False)


def wait_for_image(cluster: Cluster) -> None:
    """The newest attempt's pod cannot pull its image."""
    (job,) = cluster.of(JOB)
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    status = {"containerStatuses": [{"name": "stage", "image": "x:1", "state": {"waiting": waiting}}]}
    meta = {"name": "p", "namespace": KEY[0], "labels": job["metadata"]["labels"]}
    cluster.api.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})


def test_events_tell_of_changes_alone() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    told = {body["reason"] for body in cluster.of(EVENT)}
    assert {"DiscoverStarted", "DiscoverSucceeded", "TrainSucceeded", "Ready"} <= told
    written = len(cluster.of(EVENT))
    cluster.start()
    asyncio.run(cluster.run(outputs))
    assert len(cluster.of(EVENT)) == written


def test_a_failed_attempt_has_one_event_that_names_stage_attempt_and_reason() -> None:
    cluster = Cluster(QUICK)

    async def scenario() -> None:
        await cluster.look()
        fail_newest(cluster)
        await cluster.look()
        (first,) = warnings(cluster)
        assert first["reason"] == "DiscoverFailed" and ", attempt 1: " in first["message"]
        assert cluster.condition("Ready")["reason"] in first["message"]
        await asyncio.sleep(1.1)
        await cluster.look()
        fail_newest(cluster)
        await cluster.look()

    asyncio.run(scenario())
    assert cluster.phase() == "Failed"
    assert sorted(event["reason"] for event in warnings(cluster)) == ["DiscoverFailed", "DiscoverGivenUp"]


def test_a_blocked_attempt_has_one_event_however_often_it_is_looked_at() -> None:
    cluster = Cluster(QUICK)

    async def scenario() -> None:
        for _ in range(2):
            await cluster.look()
            fail_newest(cluster, WRONG_KEY)
            await cluster.look()
            await asyncio.sleep(1.1)

    asyncio.run(scenario())
    assert cluster.phase() == "Blocked" and sorted(cluster.attempts("discover")) == ["1", "2"]
    (event,) = warnings(cluster)
    assert event["reason"] == "DiscoverBlocked" and "WrongKey: 401. Set another key." in event["message"]


def test_an_attempt_that_waits_for_its_image_has_one_event_also_when_it_is_ended_for_it() -> None:
    cluster = Cluster({**QUICK, "deadlines": {"heartbeatSeconds": 30}})

    async def scenario() -> None:
        await cluster.look()
        wait_for_image(cluster)
        await cluster.look()
        (event,) = warnings(cluster)
        assert event["reason"] == "ImagePull" and "no such image" in event["message"]
        fail_newest(cluster)
        await cluster.look()

    asyncio.run(scenario())
    assert cluster.phase() == "Blocked" and cluster.condition("Ready")["reason"] == "ImagePull"
    assert len(warnings(cluster)) == 1


def test_a_failure_that_no_stage_run_has_is_told_by_the_resource() -> None:
    cluster = Cluster()
    cluster.api.refused = {STAGERUN.plural}
    asyncio.run(cluster.look())
    (event,) = warnings(cluster)
    assert event["reason"] == "Refused" and "exceeded quota" in event["message"]
