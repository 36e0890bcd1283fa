"""`kubectl drain` of the node with a service's only replica. One node is there: the second test's pods tolerate its taint, so
that it plays the node that a replica moves to as well."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from prompt2model_operator.draining import TAINT
from prompt2model_operator.kinds import DEPLOYMENT, DISRUPTIONBUDGET
from prompt2model_operator.manifests.service import MOVED
from tests.e2e.clients import client
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import MANY, Release
from tests.e2e.resources import Resource
from tests.e2e.test_blocked import NODE

pytestmark = [pytest.mark.e2e, pytest.mark.scale]

NAME = "drained"
SPEC: Body = {"prompt": "Say it.", "storage": {"size": "1Mi"}, "retention": {"storage": "Delete"}}
SHARED: Body = {"watchNodes": True, "settings": {"storage": {"accessMode": "ReadWriteMany"}}}
TOLERANT: Body = {"settings": {"scheduling": {"tolerations": [{"key": TAINT, "operator": "Exists"}]}}}
OWN = f"prompt2model.dev/resource={NAME},prompt2model.dev/role=service"


@pytest.fixture
def drained(many: Release, nobody: None, kube: Kube) -> Iterator[Resource]:
    """A resource that each test applies, on a node that is open again at the end."""
    resource = Resource(kube, MANY, NAME)
    yield resource
    kube.kubectl("uncordon", node(kube))
    resource.delete()
    resource.wait_gone()
    many.install()


def test_without_another_node_it_answers_and_the_status_says_what_the_drain_waits_for(
    drained: Resource, many: Release, kube: Kube
) -> None:
    many.install(SHARED)
    drained.apply(SPEC)
    url = drained.wait_ready(300)["status"]["service"]["url"]
    assert (kube.get(DISRUPTIONBUDGET, MANY, NAME) or {})["spec"]["minAvailable"] == "50%"
    with client(kube, MANY, url) as asked:
        asked.wait_answers(2)
        said = drain(kube, within=25)
        assert said.returncode != 0 and "violate the pod's disruption budget" in said.stderr, said.stderr
        drained.wait_condition("Ready", "Ready", f"Node {node(kube)} is cordoned. The only replica is there")
        found = drained.wait_condition("Ready", "Ready", "No node takes the pod")
        assert found["status"] == "True" and "kubectl uncordon" in found["message"]
        told = asked.wait_answers(3)
        assert told["failed"] == [], told["failed"][:10]
        kube.kubectl("uncordon", node(kube))
        wait_for("one replica on the open node", lambda: alone(drained), 120)
    assert "cordoned" not in drained.wait_ready(60)["status"]["conditions"][-1]["message"]


def test_the_only_replica_moves_first_and_the_drain_ends(drained: Resource, many: Release, kube: Kube) -> None:
    many.install(SHARED, TOLERANT)
    drained.apply(SPEC)
    url = drained.wait_ready(300)["status"]["service"]["url"]
    (before,) = drained.pods(OWN)
    with client(kube, MANY, url) as asked:
        asked.wait_answers(2)
        said = drain(kube, within=120)
        assert said.returncode == 0, said.stderr
        after = wait_for("one other replica", lambda: alone(drained), 120)
        told = asked.wait_answers(3)
        assert told["failed"] == [], told["failed"][:10]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["metadata"]["annotations"][MOVED] == f"{node(kube)}/{before['metadata']['name']}"
    generation = (kube.get(DEPLOYMENT, MANY, NAME) or {})["metadata"]["generation"]
    drained.wait_condition("Ready", "Ready", "is cordoned")
    kube.kubectl("uncordon", node(kube))
    drained.wait_condition("Ready", "Ready", "1 of 1 replicas answer")
    assert (kube.get(DEPLOYMENT, MANY, NAME) or {})["metadata"]["generation"] == generation, "it moved more than once"


def test_a_replica_whose_storage_is_on_one_node_does_not_hold_a_drain_back(
    drained: Resource, many: Release, kube: Kube
) -> None:
    many.install({"watchNodes": True})
    drained.apply(SPEC)
    drained.wait_ready(300)
    kube.kubectl("cordon", node(kube))
    drained.wait_condition("Ready", "Ready", "cannot move while it answers")
    said = drain(kube, within=120)
    assert said.returncode == 0, said.stderr
    found = drained.wait_condition("Ready", "Unschedulable", "No node takes the pod")
    assert found["status"] == "False"
    kube.kubectl("uncordon", node(kube))
    drained.wait_ready(120)


def node(kube: Kube) -> str:
    """The cluster's node."""
    found: str = kube.list(NODE)[0]["metadata"]["name"]
    return found


def drain(kube: Kube, within: int) -> subprocess.CompletedProcess[str]:
    """Drains the node of the service's pods alone: everything else on it is needed."""
    options = [f"--pod-selector={OWN}", "--delete-emptydir-data", f"--timeout={within}s"]
    return kube.run("drain", node(kube), *options, within=within + 60)


def alone(resource: Resource) -> Body:
    """The service's only pod. Raises: NotYet while there is another, or it does not answer."""
    pods = resource.pods(OWN)
    ready = [c for pod in pods for c in pod["status"].get("conditions", []) if c["type"] == "Ready"]
    if len(pods) != 1 or [c["status"] for c in ready] != ["True"]:
        raise NotYet(f"{[pod['metadata']['name'] for pod in pods]} {ready}")
    return pods[0]
