"""What `retention` asks to be removed is removed after the deletion, whoever was away at that moment."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from prompt2model_operator.clients.mlflow_api import MlflowApi
from prompt2model_operator.kinds import CONFIGMAP, JOB, PROMPT2MODEL, RESOURCE_UID, ROLE, STAGERUN
from prompt2model_operator.settings import StorageDefaults
from tests.memory_cluster import KEY, SETTINGS, Cluster, KilledError
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

GONE = {"storage": {"claim": "shared"}, "retention": {"storage": "Delete"}}
IN_S3 = SETTINGS.model_copy(update={"storage": StorageDefaults(uri="s3://models/p2m", secret="s3")})


class Registry(MlflowApi):
    """An MLflow that is away until it is told to come; what it was asked to remove."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9")
        self.away, self.removed = True, 0

    async def tidy(self, namespace: str, name: str, *, unregister: bool) -> bool:
        self.removed += unregister and not self.away
        return not self.away


def notes(cluster: Cluster) -> list[dict[str, Any]]:
    return [body for body in cluster.of(CONFIGMAP) if body["metadata"]["labels"].get(ROLE) == "retention"]


def cleanups(cluster: Cluster) -> list[dict[str, Any]]:
    return [job for job in cluster.of(JOB) if job["metadata"]["labels"].get(ROLE) == "cleanup"]


def settle(cluster: Cluster) -> None:
    """Looks until the storage is cleared and the note gone."""
    asyncio.run(cluster.look())
    (job,) = cleanups(cluster)
    assert notes(cluster), "it stays until the Job is done"
    cluster.end(job)
    asyncio.run(cluster.look())
    assert not notes(cluster)


def test_the_note_is_written_before_anything_is_made() -> None:
    cluster = Cluster(GONE)
    asyncio.run(cluster.look())
    made = [what for what in cluster.api.writes if what[0] == "create"]
    assert [kind for _, kind, _ in made][:2] == ["ConfigMap", "StageRun"]
    (note,) = notes(cluster)
    assert "ownerReferences" not in note["metadata"] and "Say it." not in json.dumps(note)
    written = len(cluster.api.writes)
    asyncio.run(cluster.look())
    cluster.start()
    asyncio.run(cluster.look())
    assert len(cluster.api.writes) == written


@pytest.mark.parametrize("spec", [{}, {"retention": {"storage": "Delete"}}, {"storage": {"claim": "shared"}}])
def test_what_goes_with_its_owner_or_is_kept_needs_no_note(spec: dict[str, Any]) -> None:
    cluster = Cluster(spec)
    asyncio.run(cluster.run(outputs))
    cluster.delete(seen=True)
    asyncio.run(cluster.look())
    assert not notes(cluster) and not cleanups(cluster)


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "operator-down"])
def test_storage_that_is_not_the_resources_own_is_cleared(seen: bool) -> None:
    cluster = Cluster(GONE)
    asyncio.run(cluster.run(outputs))
    cluster.delete(seen=seen)
    settle(cluster)
    command = cleanups(cluster)[0]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[-1] == "/storage/team-a/dates"


def test_it_is_cleared_where_it_was_although_the_chart_names_another_place_by_now() -> None:
    cluster = Cluster({"retention": {"storage": "Delete"}}, settings=IN_S3)
    asyncio.run(cluster.look())
    cluster.delete(seen=False)
    cluster.restart(storage=StorageDefaults(uri="s3://elsewhere"))
    settle(cluster)
    container = cleanups(cluster)[0]["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][-1] == "s3://models/p2m/team-a/dates"
    assert container["envFrom"] == [{"secretRef": {"name": "s3"}}]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_it_is_cleared_all_the_same(after: bool) -> None:
    for number in range(100):
        cluster = Cluster(GONE)
        asyncio.run(cluster.look())
        cluster.delete(seen=True)
        cluster.api.die_at, cluster.api.die_after = len(cluster.api.writes) + number, after
        try:
            settle(cluster)
        except KilledError:
            cluster.start()
            finish_settling(cluster)
        else:
            assert number >= 2, "there was something to be killed at"
            return
    raise AssertionError("it does not end")


def finish_settling(cluster: Cluster) -> None:
    for _ in range(3):
        asyncio.run(cluster.look())
        for job in cleanups(cluster):
            cluster.end(job)
    assert cleanups(cluster) and not notes(cluster)


def test_an_api_server_that_refuses_the_job_is_asked_again() -> None:
    cluster = Cluster(GONE)
    asyncio.run(cluster.look())
    cluster.delete(seen=True)
    cluster.api.refused = {JOB.plural}
    asyncio.run(cluster.look())
    assert notes(cluster) and not cleanups(cluster)
    cluster.api.refused = set()
    settle(cluster)


def test_a_job_that_failed_is_made_again() -> None:
    cluster = Cluster(GONE)
    asyncio.run(cluster.look())
    cluster.delete(seen=True)
    asyncio.run(cluster.look())
    (job,) = cleanups(cluster)
    cluster.end(job, well=False)
    asyncio.run(cluster.look())
    assert notes(cluster)
    cluster.api.remove(JOB, KEY[0], job["metadata"]["name"])  # its time to live is over
    settle(cluster)


def test_a_registry_that_is_away_is_asked_until_it_answers() -> None:
    registry = Registry()
    cluster = Cluster({"retention": {"registry": "Delete"}}, mlflow=registry)
    asyncio.run(cluster.look())
    cluster.delete(seen=True)
    for _ in range(2):
        asyncio.run(cluster.look())
    assert notes(cluster) and not registry.removed
    cluster.start()
    registry.away = False
    asyncio.run(cluster.look())
    assert registry.removed == 1 and not notes(cluster) and not cleanups(cluster)


def test_the_note_follows_the_spec() -> None:
    cluster = Cluster({"storage": {"claim": "shared"}})
    for wanted in ("Keep", "Delete", "Keep", "Delete"):
        cluster.edit(retention={"storage": wanted})
        asyncio.run(cluster.look())
        assert len(notes(cluster)) == (wanted == "Delete")
    cluster.edit(retention={"storage": "Keep"})
    cluster.delete(seen=True)  # before the operator has looked at the edit
    asyncio.run(cluster.look())
    assert not notes(cluster) and not cleanups(cluster)


def test_what_a_new_resource_of_the_same_name_uses_is_kept() -> None:
    cluster = Cluster(GONE)
    asyncio.run(cluster.look())
    again(cluster, {"claim": "shared"})
    asyncio.run(cluster.look())
    (note,) = notes(cluster)
    assert not cleanups(cluster)
    assert note["metadata"]["labels"][RESOURCE_UID] == cluster.of(PROMPT2MODEL)[0]["metadata"]["uid"]


def test_what_a_new_resource_of_the_same_name_does_not_use_is_cleared() -> None:
    cluster = Cluster(GONE)
    asyncio.run(cluster.look())
    again(cluster, {"claim": "another"})
    asyncio.run(cluster.look())
    (job,) = cleanups(cluster)
    (claim,) = [v for v in job["spec"]["template"]["spec"]["volumes"] if "persistentVolumeClaim" in v]
    assert claim["persistentVolumeClaim"]["claimName"] == "shared" and len(notes(cluster)) == 2
    cluster.end(job)
    asyncio.run(cluster.look())
    assert len(notes(cluster)) == 1


def again(cluster: Cluster, storage: dict[str, str]) -> None:
    """Deleted while the operator is down, and applied again."""
    body = cluster.of(PROMPT2MODEL)[0]
    cluster.delete(seen=False)
    meta = {"name": KEY[1], "namespace": KEY[0]}
    cluster.api.put({**body, "metadata": meta, "status": {}, "spec": {**body["spec"], "storage": storage}})


def test_a_note_that_is_refused_is_named_and_nothing_is_started() -> None:
    cluster = Cluster(GONE)
    cluster.api.refused = {CONFIGMAP.plural}
    asyncio.run(cluster.look())
    condition = cluster.condition("Ready")
    assert condition["reason"] == "Refused" and "ConfigMap" in condition["message"]
    assert cluster.phase() == "Blocked" and not cluster.of(STAGERUN)
    cluster.api.refused = set()
    assert asyncio.run(cluster.run(outputs)) == "Ready"
