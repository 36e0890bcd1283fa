"""A node that is drained: the service's only replica moves first, and the status says what happens."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from prompt2model_operator.draining import TAINT, read_cordons
from prompt2model_operator.kinds import DEPLOYMENT, DISRUPTIONBUDGET, NODE, POD
from prompt2model_operator.manifests.service import MOVED
from prompt2model_operator.settings import Settings, StorageDefaults
from prompt2model_operator.store import Store
from prompt2model_operator.waking import Waker
from tests.memory_cluster import KEY, SETTINGS, Cluster
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

Body = dict[str, Any]
SHARED = SETTINGS.model_copy(update={"watch_nodes": True, "storage": StorageDefaults(access_mode="ReadWriteMany")})
BEFORE, AFTER = "2026-01-01T09:00:00Z", "2026-01-01T11:00:00Z"
"""Before and after the service's pods are made."""


def served(settings: Settings = SHARED, **replicas: int) -> Cluster:
    cluster = Cluster({"service": {"replicas": replicas}} if replicas else None, settings)
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    return cluster


def cordon(cluster: Cluster, node: str = "node-1", at: str | None = AFTER) -> None:
    """As kubectl does it, and a moment later, with a time, the controller of nodes."""
    spec: Body = {"unschedulable": True}
    spec |= {"taints": [{"key": TAINT, "effect": "NoSchedule", "timeAdded": at}]} if at else {}
    cluster.api.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}, "spec": spec})


def uncordon(cluster: Cluster, node: str = "node-1") -> None:
    cluster.api.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}, "spec": {}})


def moved(cluster: Cluster) -> str | None:
    notes = cluster.of(DEPLOYMENT)[0]["spec"]["template"]["metadata"]["annotations"]
    found: str | None = notes.get(MOVED)
    return found


def said(cluster: Cluster) -> tuple[str, str]:
    condition = cluster.condition("Ready")
    return condition["status"], condition["message"]


def replacement(cluster: Cluster, **status: Any) -> None:
    """The pod that a rollout starts beside the old one."""
    old = copy.deepcopy(cluster.of(POD)[0])
    template = cluster.of(DEPLOYMENT)[0]["spec"]["template"]
    meta = {**old["metadata"], **template["metadata"], "name": "dates-new", "uid": ""}
    cluster.api.put({**old, "metadata": meta, "spec": template["spec"], "status": status})


def test_the_only_replica_of_a_cordoned_node_moves_once_and_answers_meanwhile() -> None:
    cluster = served()
    assert moved(cluster) is None
    cordon(cluster)
    asyncio.run(cluster.look())
    assert moved(cluster) == "node-1/dates-0"
    status, message = said(cluster)
    assert status == "True" and "Node node-1 is cordoned. The only replica is there and answers until" in message
    cluster.start()
    asyncio.run(cluster.look())
    assert moved(cluster) == "node-1/dates-0", "an operator that is new starts no second move"
    cluster.roll_out(1, "node-2")
    asyncio.run(cluster.look())
    assert moved(cluster) == "node-1/dates-0" and "cordoned" not in said(cluster)[1]
    uncordon(cluster)
    written = len(cluster.api.writes)
    asyncio.run(cluster.run(outputs))
    assert len(cluster.api.writes) == written


def test_where_no_other_node_is_the_replica_answers_and_the_status_says_what_the_drain_waits_for() -> None:
    cluster = served()
    cordon(cluster)
    asyncio.run(cluster.look())
    held = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}
    replacement(cluster, conditions=[{**held, "lastTransitionTime": AFTER}])
    asyncio.run(cluster.look())
    status, message = said(cluster)
    assert status == "True" and "No node takes the pod: 0/1 nodes are available" in message
    assert "add one, or `kubectl uncordon node-1`" in message


def test_a_pod_that_was_made_on_a_cordoned_node_is_not_moved() -> None:
    """It tolerates the node's taint, and would come back to it again and again."""
    cluster = served()
    cordon(cluster, at=BEFORE)
    asyncio.run(cluster.look())
    assert moved(cluster) is None and "Node node-1 is cordoned" in said(cluster)[1]


def test_of_several_replicas_none_moves_and_half_of_them_stay() -> None:
    cluster = served(min=2, max=2)
    cordon(cluster)
    asyncio.run(cluster.look())
    assert moved(cluster) is None
    assert "A drain replaces the replicas there one after another" in said(cluster)[1]
    assert cluster.of(DISRUPTIONBUDGET)[0]["spec"]["minAvailable"] == "50%"


@pytest.mark.parametrize(
    "settings",
    [SHARED.model_copy(update={"storage": StorageDefaults()}), SHARED.model_copy(update={"watch_nodes": False})],
    ids=["storage of one node", "nodes are not listed"],
)
def test_a_replica_that_cannot_move_does_not_hold_a_drain_back_for_ever(settings: Settings) -> None:
    cluster = served(settings)
    cordon(cluster)
    asyncio.run(cluster.look())
    assert moved(cluster) is None
    budget = cluster.of(DISRUPTIONBUDGET)[0]["spec"]
    assert budget["maxUnavailable"] == 1 and "minAvailable" not in budget
    assert ("its storage is mounted on one node only" in said(cluster)[1]) is settings.watch_nodes


def test_another_access_mode_changes_the_budget() -> None:
    cluster = served(SETTINGS)
    cluster.settings = SHARED
    cluster.start()
    asyncio.run(cluster.run(outputs))
    budget = cluster.of(DISRUPTIONBUDGET)[0]["spec"]
    assert budget["minAvailable"] == "50%" and "maxUnavailable" not in budget


def test_a_cordon_wakes_the_resources_whose_service_is_there() -> None:
    cluster = served()
    store, waker = Store(), Waker()
    for body in cluster.of(POD):
        store.put(POD, body)

    async def woken() -> tuple[str, str] | None:
        await read_cordons(cluster.api, store, waker)
        try:
            key = await asyncio.wait_for(waker.next(), 0.01)
        except TimeoutError:
            return None
        waker.done(key)
        return key

    async def scenario() -> None:
        cordon(cluster, "node-2")
        assert await woken() is None
        cordon(cluster, at=None)
        assert await woken() == KEY
        cordon(cluster)
        assert await woken() == KEY, "the taint came"
        assert store.get(NODE, ("", "node-1")) is not None
        assert await woken() is None, "nothing changed"
        uncordon(cluster)
        assert await woken() == KEY

    asyncio.run(scenario())
