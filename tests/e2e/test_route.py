"""The optional HTTPRoute, with a CRD of that name: no gateway runs here, so the object is looked at, not asked through."""

from __future__ import annotations

import pytest

from prompt2model_operator.kinds import HTTPROUTE
from tests.e2e.definitions import CRD, stand_in
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import MANY, Release
from tests.e2e.resources import Resource

pytestmark = [pytest.mark.e2e, pytest.mark.scale]

NAME = f"{HTTPROUTE.plural}.{HTTPROUTE.group}"
GATEWAY = {"name": "models", "namespace": "gateways"}
SPEC: Body = {"prompt": "Say it.", "storage": {"size": "1Mi"}, "retention": {"storage": "Delete"}}


def test_a_route_waits_for_the_gateway_api_and_goes_with_its_resource(many: Release, nobody: None, kube: Kube) -> None:
    assert kube.get(CRD, None, NAME) is None, "the cluster has the Gateway API: this test would remove it"
    many.install({"settings": {"service": {"httpRoute": {"parentRefs": [GATEWAY]}}}})
    resource = Resource(kube, MANY, "routed")
    try:
        resource.apply(SPEC)
        resource.wait_condition("Deployed", "GatewayAPIMissing", "Install the Gateway API's CRDs", within=180)
        kube.create(CRD, stand_in(HTTPROUTE))
        resource.wait_ready(180)
        route = kube.get(HTTPROUTE, MANY, "routed")
        assert route is not None and route["spec"]["parentRefs"] == [GATEWAY]
        (rule,) = route["spec"]["rules"]
        assert rule["matches"][0]["path"] == {"type": "PathPrefix", "value": f"/{MANY}/routed"}
        assert rule["backendRefs"] == [{"name": "routed", "port": 3000}]
        resource.apply({**SPEC, "service": {"enabled": False}})
        resource.wait_condition("Deployed", "Disabled")
        assert kube.get(HTTPROUTE, MANY, "routed") is None
        resource.apply(SPEC)
        resource.wait_ready(180)
        resource.delete()
        resource.wait_gone()
        wait_for("the garbage collector, which has to learn of the new kind first", lambda: no_route(kube), 120)
    finally:
        kube.delete(CRD, None, NAME)
        many.install()


def no_route(kube: Kube) -> None:
    """Raises: NotYet while the route is there."""
    if kube.get(HTTPROUTE, MANY, "routed") is not None:
        raise NotYet("it is there")
