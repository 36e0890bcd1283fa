"""Deletion in each phase, also with the operator down: nothing is left, nothing hangs.

One claim of the tests' own outlives each resource, so that the next one finds what the stages before its phase have made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from prompt2model_operator.kinds import CLAIM
from tests.e2e.kube import Kube, NotYet, wait_for
from tests.e2e.release import FAULTS, Release
from tests.e2e.resources import RUN_S, Resource, small_example

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

GONE_S = 120.0


@pytest.fixture(scope="module")
def kept(kube: Kube, installed: Release) -> Iterator[str]:
    """A claim that belongs to no resource."""
    name = "kept"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    meta = {"name": name, "namespace": FAULTS}
    kube.create(CLAIM, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec})
    yield name
    kube.delete(CLAIM, FAULTS, name)


@pytest.mark.parametrize("operator", ["up", "down"])
@pytest.mark.parametrize("phase", ["discover", "generate", "prepare", "train", "evaluate", "deploy"])
def test_deleted_in_each_phase_nothing_is_left(
    phase: str, operator: str, kept: str, release: Release, kube: Kube
) -> None:
    resource = Resource(kube, FAULTS, f"gone-{operator}")
    storage = {"claim": kept, "size": None}
    resource.apply(small_example({"storage": storage, "retention": {"storage": "Keep"}}))
    if phase == "deploy":
        wait_for("a service that starts", lambda: _starts(resource), RUN_S, every=0.2)
    else:
        wait_for(f"{phase} at work", lambda: _runs(resource, phase), RUN_S, every=0.2)
    with release.without(release.operator) if operator == "down" else nullcontext():
        resource.delete()
        resource.wait_gone(GONE_S)


def _runs(resource: Resource, stage: str) -> None:
    """Its newest stage run is of this stage, and a container of it runs."""
    pods = resource.pods(f"prompt2model.dev/stage={stage},prompt2model.dev/role=stage")
    states = [status.get("state", {}) for pod in pods for status in pod["status"].get("containerStatuses", [])]
    if not any("running" in state for state in states):
        raise NotYet(f"{[(pod['metadata']['name'], pod['status'].get('phase')) for pod in pods]}")


def _starts(resource: Resource) -> None:
    if resource.deployment() is None:
        raise NotYet(f"no service yet: {resource.status().get('phase')}")
