"""Ray that does not come up: the condition has the end of its log, no attempt is used up, and it goes on once it is fixed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.kube import Kube
from tests.e2e.release import FAULTS, Release
from tests.e2e.resources import RUN_S, Resource, small_example

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

NOWHERE = "/proc/nowhere"


@pytest.fixture
def starting(release: Release, kube: Kube) -> Iterator[Resource]:
    """A resource that is not there yet, and removed at the end."""
    resource = Resource(kube, FAULTS, "starting")
    resource.delete()
    resource.wait_gone()
    yield resource
    resource.delete()
    resource.wait_gone()


def test_a_ray_head_that_ends_at_its_start_is_blocked_and_keeps_its_last_words(
    starting: Resource, release: Release
) -> None:
    broken = {"settings": {"pods": {"generate": {"env": [{"name": "RAY_TMPDIR", "value": NOWHERE}]}}}}
    release.install(broken)
    try:
        starting.apply(small_example({"retries": {"attempts": 1}, "deadlines": {"startSeconds": 60}}))
        found = starting.wait_condition("Ready", "RayDidNotStart", NOWHERE, within=RUN_S)
        assert "-c ray --previous`" in found["message"] or "-c ray`" in found["message"]
        given_up = starting.wait_run("generate", phase="Blocked", within=RUN_S)
        assert given_up["status"]["blocks"] >= 1 and given_up["status"].get("failures", 0) == 0
        assert NOWHERE in given_up["status"]["failure"]["message"]
    finally:
        release.install()
    starting.wait_run("generate", phase="Succeeded", within=RUN_S)
