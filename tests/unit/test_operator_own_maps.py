"""Own data in ConfigMaps: named when it is missing, never run without, and its work kept when it is removed afterwards."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_operator import own_maps
from prompt2model_operator.kinds import CONFIGMAP, JOB, PROMPT2MODEL, STAGERUN
from tests.memory_cluster import KEY, Cluster
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

OWN = {"datasets": {"own": {"configMap": {"name": "mine", "key": "rows.csv"}}}, "retries": {"backoffSeconds": 1}}
ROWS = "input,output\na,b\n"


@pytest.fixture(autouse=True)
def read_at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_maps, "EVERY_S", 0.0)


def put(cluster: Cluster, rows: str = ROWS, key: str = "rows.csv") -> None:
    meta = {"name": "mine", "namespace": KEY[0]}
    cluster.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {key: rows}})


def remove(cluster: Cluster) -> None:
    cluster.api.remove(CONFIGMAP, KEY[0], "mine")


def look(cluster: Cluster) -> None:
    asyncio.run(cluster.look())


def finish(cluster: Cluster) -> str:
    return asyncio.run(cluster.run(outputs))


def runs(cluster: Cluster, stage: str = "") -> list[dict[str, Any]]:
    return [run for run in cluster.of(STAGERUN) if run["spec"]["stage"] == stage or not stage]


def until_discovered(cluster: Cluster) -> None:
    look(cluster)
    cluster.finish(outputs)
    assert [run["spec"]["stage"] for run in runs(cluster)] == ["discover"]


def test_a_missing_one_is_named_before_anything_is_started_and_the_run_goes_on_when_it_is_there() -> None:
    cluster = Cluster(OWN)
    look(cluster)
    condition = cluster.condition("Ready")
    assert cluster.phase() == "Blocked" and condition["reason"] == "ConfigMapMissing"
    assert "datasets.own.configMap: there is no ConfigMap mine in namespace team-a." in condition["message"]
    assert "Create it with key rows.csv" in condition["message"] and not runs(cluster)
    put(cluster, key="other.csv")
    look(cluster)
    assert cluster.condition("Ready")["reason"] == "ConfigMapKeyMissing" and not runs(cluster)
    put(cluster)
    assert finish(cluster) == "Ready"
    (prepare,) = runs(cluster, "prepare")
    assert prepare["spec"]["sources"] == {"datasets.own": hashlib.sha256(ROWS.encode()).hexdigest()}


def test_it_is_read_again_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_maps, "EVERY_S", 30.0)
    cluster = Cluster(OWN)
    look(cluster)
    put(cluster)
    look(cluster)
    assert not runs(cluster), "it was read just now"

    async def woken() -> tuple[str, str]:
        cluster.worker._memories[KEY].own = own_maps.OwnMaps()
        await cluster.look()
        cluster.waker.wake(KEY)
        return await cluster.waker.next()

    assert asyncio.run(woken()) == KEY
    assert runs(cluster) and 0 < cluster.worker._memories[KEY].own.seconds_left() <= 30


def test_binary_content_counts_too() -> None:
    content = b"PAR1\x00\xff"
    body = {"binaryData": {"rows.parquet": base64.b64encode(content).decode()}, "data": {"a": "é"}}
    assert own_maps.content_of(body, "rows.parquet") == content and own_maps.content_of(body, "a") == "é".encode()
    assert own_maps.content_of(body, "b") is None and own_maps.content_of({}, "b") is None


@pytest.mark.parametrize("restarted", [False, True], ids=["same operator", "restarted"])
def test_removed_before_prepare_it_is_waited_for_and_nothing_is_done_twice(restarted: bool) -> None:
    cluster = Cluster(OWN)
    put(cluster)
    until_discovered(cluster)
    remove(cluster)
    if restarted:
        cluster.start()
    look(cluster)
    assert cluster.phase() == "Blocked" and cluster.condition("DataReady")["reason"] == "ConfigMapMissing"
    assert not runs(cluster, "prepare")
    put(cluster)
    assert finish(cluster) == "Ready"
    assert [len(runs(cluster, stage)) for stage in ("discover", "generate", "prepare", "train")] == [1, 1, 1, 1]
    assert runs(cluster, "prepare")[0]["spec"]["sources"]


@pytest.mark.parametrize("restarted", [False, True], ids=["same operator", "restarted"])
def test_removed_afterwards_what_was_made_of_it_stays(restarted: bool) -> None:
    cluster = Cluster(OWN)
    put(cluster)
    finish(cluster)
    known = runs(cluster)
    remove(cluster)
    if restarted:
        cluster.start()
    assert finish(cluster) == "Ready" and runs(cluster) == known
    put(cluster)
    assert finish(cluster) == "Ready" and runs(cluster) == known
    put(cluster, "input,output\nc,d\n")
    assert finish(cluster) == "Ready"
    assert [len(runs(cluster, stage)) for stage in ("discover", "prepare", "train")] == [1, 2, 2]


def test_work_starts_on_what_is_there_now_and_not_on_what_was_read_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_maps, "EVERY_S", 3600.0)
    cluster = Cluster(OWN)
    put(cluster)
    until_discovered(cluster)
    remove(cluster)
    look(cluster)
    assert cluster.condition("DataReady")["reason"] == "ConfigMapMissing" and len(runs(cluster)) == 1


def test_removed_afterwards_an_edit_that_reads_it_anew_waits_before_anything_is_paid() -> None:
    cluster = Cluster(OWN)
    put(cluster)
    finish(cluster)
    known = runs(cluster)
    remove(cluster)
    cluster.edit(prompt="Say it otherwise.")
    look(cluster)
    assert cluster.phase() == "Blocked" and cluster.condition("Discovered")["reason"] == "ConfigMapMissing"
    assert [run["spec"] for run in runs(cluster)] == [run["spec"] for run in known]


def test_a_pod_that_waits_for_its_mount_is_named_and_an_attempt_that_works_is_left_alone() -> None:
    cluster = Cluster(OWN)
    put(cluster)
    until_prepare(cluster)
    (prepare,) = runs(cluster, "prepare")
    remove(cluster)
    look(cluster)
    assert cluster.phase() == "Blocked" and cluster.condition("Ready")["reason"] == "ConfigMapMissing"
    heard = {"attempt": 1, "done": 1, "total": 5, "at": "2026-01-01T00:00:00Z"}
    cluster.api.put({**prepare, "status": {**prepare["status"], "progress": heard}})
    look(cluster)
    assert cluster.phase() == "Preparing" and len(cluster.of(JOB)) == 2


def until_prepare(cluster: Cluster) -> None:
    until_discovered(cluster)
    look(cluster)
    cluster.finish(outputs)
    look(cluster)
    assert len(runs(cluster, "prepare")) == 1


def test_no_attempt_follows_while_it_is_missing() -> None:
    cluster = Cluster(OWN)
    put(cluster)
    until_prepare(cluster)
    (prepare,) = runs(cluster, "prepare")
    remove(cluster)
    crashed = Failure(state=FailureState.RETRYING, reason="Crashed", message="It crashed.")
    cluster.report_failure(prepare["metadata"]["name"], 1, crashed)
    cluster.end(next(job for job in cluster.of(JOB) if "prepare" in job["metadata"]["name"]), well=False)

    async def scenario() -> None:
        await cluster.look()
        await asyncio.sleep(1.1)
        await cluster.look()
        assert cluster.phase() == "Blocked" and cluster.condition("DataReady")["reason"] == "ConfigMapMissing"
        assert runs(cluster, "prepare")[0]["status"]["attempt"] == 1
        put(cluster)
        assert await cluster.run(outputs) == "Ready"

    asyncio.run(scenario())
    assert runs(cluster, "prepare")[0]["status"]["attempt"] == 2


def test_a_suspended_resource_says_it_too() -> None:
    cluster = Cluster({**OWN, "suspend": True})
    look(cluster)
    assert cluster.phase() == "Suspended" and cluster.condition("Ready")["reason"] == "ConfigMapMissing"
    assert cluster.of(PROMPT2MODEL)[0]["status"]["estimate"]["requests"] > 0
