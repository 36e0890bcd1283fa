"""The objects of a service: deleted, changed and unwanted ones, and what the status says of its replicas."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from prompt2model_operator import serving
from prompt2model_operator.handlers import is_news
from prompt2model_operator.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTIONBUDGET,
    HTTPROUTE,
    NETWORKPOLICY,
    POD,
    ROLE,
    SERVICE,
    SERVICEMONITOR,
    Kind,
)
from prompt2model_operator.manifests.differences import covers
from prompt2model_operator.manifests.service import DIGEST
from prompt2model_operator.settings import ServiceDefaults
from tests.memory_cluster import KEY, SETTINGS, Cluster
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

Body = dict[str, Any]
EVERYTHING = SETTINGS.model_copy(
    update={
        "service": ServiceDefaults.model_validate(
            {
                "httpRoute": {"parentRefs": [{"name": "gateway"}]},
                "networkPolicy": {"enabled": True},
                "serviceMonitor": {"enabled": True},
            }
        )
    }
)
SCALED = {"service": {"replicas": {"min": 2, "max": 4}}}
KINDS = (SERVICE, DISRUPTIONBUDGET, AUTOSCALER, NETWORKPOLICY, HTTPROUTE, SERVICEMONITOR, DEPLOYMENT)


def served(spec: Body | None = None, settings: Any = EVERYTHING) -> Cluster:
    """A cluster whose resource is Ready."""
    cluster = Cluster(spec, settings)
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    return cluster


def of_service(cluster: Cluster, kind: Kind) -> list[Body]:
    return [body for body in cluster.of(kind) if body["metadata"]["labels"].get(ROLE) == "service"]


def specs(cluster: Cluster) -> dict[str, list[Body]]:
    return {kind.kind: [body["spec"] for body in of_service(cluster, kind)] for kind in KINDS}


def remove(cluster: Cluster, kind: Kind) -> None:
    (body,) = of_service(cluster, kind)
    cluster.api.remove(kind, KEY[0], body["metadata"]["name"])


def change(cluster: Cluster, kind: Kind, **fields: Any) -> None:
    """Somebody else writes fields of the spec."""
    (body,) = of_service(cluster, kind)
    cluster.api.put({**body, "spec": {**body["spec"], **fields}})


@pytest.mark.parametrize("restarted", [False, True], ids=["seen", "while the operator was down"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_deleted_object_is_made_again(kind: Kind, restarted: bool) -> None:
    cluster = served(SCALED)
    before = specs(cluster)
    assert all(len(found) == 1 for found in before.values()), before
    remove(cluster, kind)
    if restarted:
        cluster.start()
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert specs(cluster) == before


CHANGES = (
    (SERVICE, {"selector": {"app": "theirs"}}),
    (DISRUPTIONBUDGET, {"maxUnavailable": 0}),
    (AUTOSCALER, {"maxReplicas": 9}),
    (NETWORKPOLICY, {"ingress": [{}]}),
    (HTTPROUTE, {"rules": []}),
    (SERVICEMONITOR, {"endpoints": []}),
    (DEPLOYMENT, {"strategy": {"type": "Recreate"}}),
)


@pytest.mark.parametrize(("kind", "fields"), CHANGES, ids=[kind.kind for kind, _ in CHANGES])
def test_a_changed_object_is_put_back(kind: Kind, fields: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HOLD_S", 0.0)
    cluster = served(SCALED)
    before = specs(cluster)
    change(cluster, kind, **fields)
    assert specs(cluster) != before
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert covers(specs(cluster)[kind.kind][0], before[kind.kind][0])


def test_what_others_add_stays_and_costs_no_write() -> None:
    cluster = served()
    (body,) = cluster.of(DEPLOYMENT)
    body = copy.deepcopy(body)
    body["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    body["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    cluster.api.put(body)
    written = len(cluster.api.writes)
    asyncio.run(cluster.run(outputs))
    assert len(cluster.api.writes) == written
    assert len(cluster.of(DEPLOYMENT)[0]["spec"]["template"]["spec"]["containers"]) == 2


@pytest.mark.parametrize("replicas", [{"min": 2, "max": 2}, {"min": 2, "max": 4}], ids=["fixed", "autoscaled"])
def test_a_service_scaled_to_none_comes_back(replicas: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HOLD_S", 0.0)
    cluster = served({"service": {"replicas": replicas}})
    change(cluster, DEPLOYMENT, replicas=0)
    cluster.roll_out(0)
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert cluster.of(DEPLOYMENT)[0]["spec"]["replicas"] == 2


def test_the_autoscalers_number_of_replicas_is_left_alone() -> None:
    cluster = served(SCALED)
    change(cluster, DEPLOYMENT, replicas=4)
    asyncio.run(cluster.run(outputs))
    cluster.edit(service={"replicas": {"min": 1, "max": 5}})
    asyncio.run(cluster.run(outputs))
    assert cluster.of(DEPLOYMENT)[0]["spec"]["replicas"] == 4


def test_a_fixed_number_of_replicas_has_no_autoscaler() -> None:
    cluster = served(SCALED)
    assert len(cluster.of(AUTOSCALER)) == 1
    cluster.edit(service={"replicas": {"min": 3, "max": 3}})
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert not cluster.of(AUTOSCALER) and cluster.of(DEPLOYMENT)[0]["spec"]["replicas"] == 3
    cluster.edit(service={"replicas": {"min": 3, "max": 6}})
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert len(cluster.of(AUTOSCALER)) == 1 and cluster.of(DEPLOYMENT)[0]["spec"]["replicas"] == 3


def test_what_a_setting_no_longer_asks_for_is_removed() -> None:
    cluster = served(SCALED)
    cluster.settings = SETTINGS
    cluster.start()
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    left = specs(cluster)
    assert [kind for kind, found in left.items() if not found] == ["NetworkPolicy", "HTTPRoute", "ServiceMonitor"]


def test_a_service_that_is_switched_off_leaves_nothing_although_its_deployment_was_gone_before() -> None:
    cluster = served(SCALED)
    remove(cluster, DEPLOYMENT)
    cluster.edit(service={"enabled": False})
    asyncio.run(cluster.run(outputs))
    assert not any(specs(cluster).values())


def test_a_deployment_deleted_while_it_is_trained_anew_serves_the_earlier_model_again() -> None:
    cluster = served()
    digest = cluster.of(DEPLOYMENT)[0]["metadata"]["annotations"][DIGEST]
    cluster.edit(training={"learningRate": 1e-3})
    asyncio.run(cluster.look())
    remove(cluster, DEPLOYMENT)
    asyncio.run(cluster.look())
    (again,) = cluster.of(DEPLOYMENT)
    assert again["metadata"]["annotations"][DIGEST] == digest
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert cluster.of(DEPLOYMENT)[0]["metadata"]["annotations"][DIGEST] != digest


def test_a_suspended_resource_does_not_get_its_deleted_deployment_back() -> None:
    cluster = served()
    cluster.edit(suspend=True)
    asyncio.run(cluster.look())
    remove(cluster, DEPLOYMENT)
    asyncio.run(cluster.run(outputs))
    assert not cluster.of(DEPLOYMENT)


def test_a_stranger_of_any_kind_is_left_alone() -> None:
    cluster = Cluster(settings=EVERYTHING)
    meta = {"name": "dates-service", "namespace": KEY[0]}
    theirs = {"apiVersion": NETWORKPOLICY.api_version, "kind": NETWORKPOLICY.kind, "metadata": meta, "spec": {"x": 1}}
    cluster.api.put(theirs)
    for _ in range(8):
        asyncio.run(cluster.look())
        cluster.finish(outputs)
    condition = cluster.condition("Ready")
    assert condition["reason"] == "NameTaken" and "NetworkPolicy dates-service" in condition["message"]
    assert cluster.api.objects[NETWORKPOLICY.plural, KEY[0], "dates-service"]["spec"] == {"x": 1}


def test_an_object_that_somebody_else_keeps_changing_is_applied_once_a_while() -> None:
    cluster = served()
    written = len(cluster.api.writes)
    for _ in range(5):
        change(cluster, DISRUPTIONBUDGET, maxUnavailable=0)
        asyncio.run(cluster.look())
    applied = [kind for verb, kind, _ in cluster.api.writes[written:] if verb == "apply"]
    assert applied.count("PodDisruptionBudget") <= 1


def test_an_object_that_the_api_server_always_alters_is_applied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with an admission webhook that writes a field of the manifest."""
    monkeypatch.setattr(serving, "HOLD_S", 0.0)
    cluster = Cluster()
    put = cluster.api.put

    def altered(body: Body) -> None:
        put(
            {**body, "spec": {**body["spec"], "maxUnavailable": "50%"}}
            if body["kind"] == DISRUPTIONBUDGET.kind
            else body
        )

    monkeypatch.setattr(cluster.api, "put", altered)
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert [kind for _, kind, _ in cluster.api.writes].count("PodDisruptionBudget") == 1


def test_one_object_that_is_refused_keeps_no_other_from_being_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HOLD_S", 0.0)
    cluster = served(SCALED)
    remove(cluster, SERVICE)
    remove(cluster, AUTOSCALER)
    cluster.api.refused = {SERVICE.plural}
    asyncio.run(cluster.look())
    assert of_service(cluster, AUTOSCALER)
    assert cluster.condition("Ready")["status"] == "False" and cluster.condition("Ready")["reason"] == "Refused"


def test_ready_stays_true_while_replicas_are_added() -> None:
    cluster = served()
    said = cluster.condition("Ready")
    assert said["status"] == "True" and said["message"].endswith("1 of 1 replicas answer with this model.")
    cluster.edit(service={"replicas": {"min": 1, "max": 3}})
    asyncio.run(cluster.look())
    change(cluster, DEPLOYMENT, replicas=3)
    cluster.roll_out(1)
    asyncio.run(cluster.look())
    said = cluster.condition("Ready")
    assert said["status"] == "True" and said["message"].endswith("1 of 3 replicas answer with this model.")


@pytest.mark.parametrize(("least", "ready", "status"), [(1, 0, "False"), (4, 2, "True"), (4, 1, "False")])
def test_ready_is_false_once_less_than_half_of_the_least_replicas_answer(least: int, ready: int, status: str) -> None:
    cluster = served({"service": {"replicas": {"min": least, "max": least}}})
    cluster.roll_out(ready)
    asyncio.run(cluster.look())
    said = cluster.condition("Ready")
    assert said["status"] == status and f"{ready} of {least} replicas answer" in said["message"]
    assert said["reason"] == ("Ready" if status == "True" else "NotAnswering")


def test_a_replica_that_does_not_start_is_named_while_the_others_answer() -> None:
    cluster = served()
    change(cluster, DEPLOYMENT, replicas=2)
    cluster.roll_out(1)
    pod = next(body for body in cluster.of(POD) if body["metadata"]["name"] == "dates-1")
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    status = {"containerStatuses": [{"name": "service", "image": "x:1", "state": waiting}]}
    cluster.api.put({**pod, "status": status})
    cluster.edit(service={"replicas": {"min": 1, "max": 2}})
    asyncio.run(cluster.look())
    said = cluster.condition("Ready")
    assert said["status"] == "True" and "A new replica does not start. Image x:1" in said["message"]


def test_an_autoscalers_own_status_wakes_nobody() -> None:
    meta = {"name": "dates", "namespace": "a", "resourceVersion": "1"}
    old = {"metadata": meta, "spec": {"maxReplicas": 2}, "status": {"currentReplicas": 1}}
    new = {**old, "metadata": {**meta, "resourceVersion": "2"}, "status": {"currentReplicas": 2}}
    assert not is_news(AUTOSCALER, old, new) and is_news(DEPLOYMENT, old, new)
    assert is_news(AUTOSCALER, old, {**new, "spec": {"maxReplicas": 3}})


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ({"a": 1, "default": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": []}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"requests": {"cpu": "500m"}}, {"requests": {"cpu": "0.5"}}, True),
        ({"requests": {"cpu": "501m"}}, {"requests": {"cpu": "0.5"}}, False),
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}, True),
        ({"env": [{"name": "A"}, {"name": "B", "value": "1"}]}, {"env": [{"name": "B", "value": "1"}]}, True),
        ({"env": [{"name": "B", "value": "2"}]}, {"env": [{"name": "B", "value": "1"}]}, False),
        ({"command": ["a", "b"]}, {"command": ["a"]}, False),
        ({"selector": {"a": "1", "b": "2"}}, {"selector": {"a": "1"}}, False),
        ({"labels": {"a": "1", "b": "2"}}, {"labels": {"a": "1"}}, True),
        ({"ports": [{"port": 3000, "protocol": "TCP"}]}, {"ports": [{"port": 3000}]}, True),
    ],
)
def test_what_counts_as_a_difference(found: Body, wanted: Body, same: bool) -> None:
    assert covers(found, wanted) is same
