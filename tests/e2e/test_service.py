"""The objects of a service in a cluster: what is deleted is made again, what is changed is put back, what is not wanted goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from prompt2model_operator.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTIONBUDGET,
    NETWORKPOLICY,
    SERVICE,
    SERVICEMONITOR,
    Kind,
)
from tests.e2e.definitions import CRD, stand_in
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import MANY, Release
from tests.e2e.resources import Resource

pytestmark = [pytest.mark.e2e, pytest.mark.scale]

NAME = "held"
SPEC: Body = {
    "prompt": "Say it.",
    "storage": {"size": "1Mi"},
    "retention": {"storage": "Delete"},
    "service": {"replicas": {"min": 1, "max": 2}},
}
SETTINGS: Body = {"settings": {"service": {"networkPolicy": {"enabled": True}, "serviceMonitor": {"enabled": True}}}}
OBJECTS = {
    SERVICE: NAME,
    DISRUPTIONBUDGET: NAME,
    AUTOSCALER: NAME,
    NETWORKPOLICY: f"{NAME}-service",
    SERVICEMONITOR: NAME,
    DEPLOYMENT: NAME,
}
AGAIN_S = 60.0


@pytest.fixture(scope="module")
def held(many: Release, kube: Kube) -> Iterator[Resource]:
    """A resource whose service has every object that a setting can ask for, but for a route."""
    if kube.get(CRD, None, f"{SERVICEMONITOR.plural}.{SERVICEMONITOR.group}") is not None:
        pytest.fail("the cluster has the Prometheus operator: this test would remove its CRD")
    kube.create(CRD, stand_in(SERVICEMONITOR))
    many.install(SETTINGS)
    resource = Resource(kube, MANY, NAME)
    try:
        resource.apply(SPEC)
        resource.wait_ready(300)
        yield resource
        resource.delete()
        resource.wait_gone()
    finally:
        many.install()
        kube.delete(CRD, None, f"{SERVICEMONITOR.plural}.{SERVICEMONITOR.group}")


@pytest.mark.parametrize("kind", OBJECTS, ids=lambda kind: kind.kind)
def test_what_is_deleted_is_made_again(held: Resource, kube: Kube, kind: Kind) -> None:
    before = there(kube, kind)
    kube.delete(kind, MANY, OBJECTS[kind])
    wait_for(f"another {kind.kind}", lambda: another(kube, kind, before), AGAIN_S)
    held.wait_ready(120)


def test_what_is_deleted_while_the_operator_is_down_is_made_again(held: Resource, kube: Kube, many: Release) -> None:
    before = {kind: there(kube, kind) for kind in OBJECTS}
    with many.without(many.operator):
        for kind, name in OBJECTS.items():
            kube.delete(kind, MANY, name)
    for kind, body in before.items():
        wait_for(f"another {kind.kind}", lambda kind=kind, body=body: another(kube, kind, body), AGAIN_S)
    held.wait_ready(120)


def test_what_is_changed_is_put_back(held: Resource, kube: Kube) -> None:
    image = there(kube, DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"]
    kube.kubectl("set", "image", "-n", MANY, f"deployment/{NAME}", "service=theirs:1")
    kube.kubectl("patch", "-n", MANY, f"service/{NAME}", "-p", '{"spec": {"selector": {"app": "theirs"}}}')
    kube.kubectl("patch", "-n", MANY, f"hpa/{NAME}", "-p", '{"spec": {"maxReplicas": 9}}')
    kube.kubectl("scale", "-n", MANY, f"deployment/{NAME}", "--replicas=0")

    def put_back() -> None:
        deployment = there(kube, DEPLOYMENT)["spec"]
        found = (
            deployment["template"]["spec"]["containers"][0]["image"],
            deployment["replicas"],
            there(kube, AUTOSCALER)["spec"]["maxReplicas"],
            there(kube, SERVICE)["spec"]["selector"].get("app"),
        )
        if found != (image, 1, 2, None):
            raise NotYet(f"{found}")

    wait_for("all of it as it was", put_back, AGAIN_S)
    held.wait_ready(120)


def test_all_is_quiet_while_all_is_well(held: Resource, many: Release) -> None:
    held.wait_ready(120)
    assert writes(many) > 0
    before = writes(many)
    with suppress(AssertionError):  # the time passes; nothing else is waited for
        wait_for("a write", lambda: written(many, before), 30, every=5)
    assert writes(many) == before


def test_it_stays_ready_while_replicas_are_added(held: Resource, kube: Kube) -> None:
    held.wait_ready(120)
    held.apply({**SPEC, "service": {"replicas": {"min": 2, "max": 2}}})

    def scaled() -> None:
        conditions = {found["type"]: found for found in held.status()["conditions"]}
        assert conditions["Ready"]["status"] == "True", conditions["Ready"]
        if "2 of 2 replicas answer" not in conditions["Ready"]["message"]:
            raise NotYet(conditions["Ready"]["message"])

    wait_for("two replicas", scaled, AGAIN_S, every=0.1)
    held.apply(SPEC)
    held.wait_ready(120)


def test_an_autoscaler_that_is_not_wanted_goes(held: Resource, kube: Kube) -> None:
    held.apply({**SPEC, "service": {"replicas": {"min": 2, "max": 2}}})

    def fixed() -> None:
        replicas = there(kube, DEPLOYMENT)["spec"]["replicas"]
        if kube.get(AUTOSCALER, MANY, NAME) is not None or replicas != 2:
            raise NotYet(f"{replicas} replicas")

    wait_for("two replicas and no autoscaler", fixed, AGAIN_S)
    found = held.wait_condition("Ready", "Ready", "2 of 2 replicas answer")
    assert found["status"] == "True"
    held.apply(SPEC)
    held.wait_ready(120)


def there(kube: Kube, kind: Kind) -> Body:
    """An object of the service."""
    found = kube.get(kind, MANY, OBJECTS[kind])
    if found is None:
        raise NotYet(f"no {kind.kind}")
    return found


def another(kube: Kube, kind: Kind, before: Body) -> None:
    """Raises: NotYet while the object is not there, or still the one of before."""
    found = there(kube, kind)
    if found["metadata"]["uid"] == before["metadata"]["uid"]:
        raise NotYet(f"{kind.kind} is not gone yet")


def writes(release: Release) -> float:
    """How often the operator applied anything."""
    return sum(count for name, count in release.metrics().items() if 'verb="apply"' in name and "_total" in name)


def written(release: Release, before: float) -> None:
    """Raises: NotYet while nothing was applied."""
    if writes(release) == before:
        raise NotYet("nothing was applied")
