"""What could be lost without a word: a new resource's files, a service, labels, errors, an opened policy."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from prompt2model_operator.kinds import (
    CONFIGMAP,
    DEPLOYMENT,
    JOB,
    NETWORKPOLICY,
    POD,
    PROMPT2MODEL,
    ROLE,
    SELECTOR,
)
from prompt2model_operator.settings import ServiceDefaults, ServicePolicy, StorageDefaults
from tests.memory_cluster import KEY, SETTINGS, Cluster
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

DELETE = {"retention": {"storage": "Delete"}}
IN_S3 = SETTINGS.model_copy(update={"storage": StorageDefaults(uri="s3://models/p2m", secret="s3")})


def look(cluster: Cluster, times: int = 1) -> None:
    for _ in range(times):
        asyncio.run(cluster.look())


def cleanups(cluster: Cluster) -> list[dict[str, Any]]:
    return [job for job in cluster.of(JOB) if job["metadata"]["labels"].get(ROLE) == "cleanup"]


def apply_again(cluster: Cluster, spec: dict[str, Any]) -> None:
    """Another resource of the same name."""
    meta = {"name": KEY[1], "namespace": KEY[0]}
    body = {"apiVersion": PROMPT2MODEL.api_version, "kind": PROMPT2MODEL.kind, "metadata": meta}
    cluster.api.put({**body, "spec": {"prompt": "Say it.", **spec}})


def test_a_new_resource_does_not_start_while_its_folder_is_still_being_cleared() -> None:
    cluster = Cluster(DELETE, settings=IN_S3)
    asyncio.run(cluster.run(outputs))
    cluster.delete(seen=True)
    look(cluster)
    (job,) = cleanups(cluster)
    labels = {"batch.kubernetes.io/job-name": job["metadata"]["name"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": KEY[0], "labels": labels}}
    cluster.api.put({**pod, "status": {"phase": "Running"}})
    apply_again(cluster, DELETE)
    look(cluster, 2)
    assert not cleanups(cluster), "what removes its files is ended"
    assert cluster.attempts("discover") == [], "its pod may go on for a moment"
    ready = cluster.condition("Ready")
    assert ready["reason"] == "StorageBusy" and job["metadata"]["name"] in ready["message"]
    cluster.api.remove(POD, KEY[0], "p")
    look(cluster)
    assert len(cluster.attempts("discover")) == 1


def test_results_in_two_places_are_both_cleared() -> None:
    cluster = Cluster(DELETE, settings=IN_S3)
    asyncio.run(cluster.run(outputs))
    cluster.restart(storage=StorageDefaults(uri="s3://elsewhere"))
    look(cluster, 2)
    cluster.delete(seen=True)
    look(cluster)
    cleared = {job["spec"]["template"]["spec"]["containers"][0]["command"][-1] for job in cleanups(cluster)}
    assert cleared == {"s3://models/p2m/team-a/dates", "s3://elsewhere/team-a/dates"}


def test_notes_that_are_read_anew_while_one_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster({"storage": {"claim": "shared"}, **DELETE})
    asyncio.run(cluster.run(outputs))
    delete = cluster.api.delete

    async def and_read(kind: Any, namespace: str, name: str) -> None:
        await delete(kind, namespace, name)
        if kind is CONFIGMAP:
            await cluster.retainer.read([None])

    cluster.api.delete = and_read  # type: ignore[method-assign]
    cluster.edit(retention={"storage": "Keep"})
    look(cluster)
    assert "ended with an error" not in caplog.text


def test_a_service_that_cannot_be_made_again_at_once_is_not_forgotten() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    cluster.edit(training={"learningRate": 1e-3})
    look(cluster)
    served = cluster.status()["service"]
    cluster.api.remove(DEPLOYMENT, *KEY)
    cluster.api.refused = {DEPLOYMENT.plural}
    look(cluster, 2)
    assert cluster.status()["service"] == served
    cluster.api.refused = set()
    look(cluster, 2)
    assert len(cluster.of(DEPLOYMENT)) == 1


def test_an_opened_network_policy_is_closed_again() -> None:
    policy = ServiceDefaults(network_policy=ServicePolicy(enabled=True))
    cluster = Cluster(settings=SETTINGS.model_copy(update={"service": policy}))
    asyncio.run(cluster.run(outputs))

    def own() -> dict[str, Any]:
        return next(body for body in cluster.of(NETWORKPOLICY) if body["metadata"]["name"].endswith("-service"))

    before = own()["spec"]["ingress"]
    opened = copy.deepcopy(own())
    opened["spec"]["ingress"][0]["from"][0]["namespaceSelector"] = {}
    cluster.api.put(opened)
    cluster.start()
    look(cluster, 2)
    assert own()["spec"]["ingress"] == before


def test_errors_after_the_deletion_are_retried_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster({"storage": {"claim": "shared"}, **DELETE})
    asyncio.run(cluster.run(outputs))
    cluster.delete(seen=True)
    cluster.api.refused = {JOB.plural}
    delays: list[float] = []
    monkeypatch.setattr(cluster.waker, "wake", lambda key, seconds=0.0: delays.append(seconds))
    look(cluster, 6)
    assert delays == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0]


def test_a_new_resource_has_none_of_the_old_ones_refusals() -> None:
    cluster = Cluster({"retries": {"backoffSeconds": 600}})
    cluster.api.refused = {JOB.plural}
    look(cluster, 3)
    assert cluster.condition("Discovered")["reason"] == "Refused"
    cluster.api.refused = set()
    cluster.api.remove(PROMPT2MODEL, *KEY)  # seen together with the new one: `kubectl replace --force`
    apply_again(cluster, {"retries": {"backoffSeconds": 600}})
    look(cluster, 3)
    assert len(cluster.attempts("discover")) == 1


@pytest.mark.parametrize(
    "label", ["app.kubernetes.io/managed-by", "prompt2model.dev/resource", "prompt2model.dev/role"]
)
def test_the_users_labels_do_not_hide_a_workload_from_the_operator(label: str) -> None:
    cluster = Cluster({"scheduling": {"labels": {label: "theirs", "team": "a"}}})
    look(cluster)
    (job,) = asyncio.run(cluster.api.list(JOB, None, SELECTOR)).items
    assert job["metadata"]["labels"]["team"] == "a" and "theirs" not in job["metadata"]["labels"].values()


def test_a_long_refusal_by_mlflow_does_not_end_the_look() -> None:
    cluster = Cluster()
    look(cluster)
    record = cluster.worker._memories[KEY].record
    record.tracked, record.problem = False, "denied " * 400
    look(cluster)
    assert cluster.worker._memories[KEY].errors == 0
    said = cluster.condition("Tracked")["message"]
    assert said.startswith("denied") and len(said) <= 1024 and said.endswith("recorded when it answers.")
