"""What can be fixed outside: a condition names it within two minutes, and the run goes on once it is fixed, without an apply."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from prompt2model_operator.kinds import MANAGED_BY, MANAGER, POD, ROLE, SERVICE, Kind
from prompt2model_operator.manifests.common import GPU
from tests.e2e.clients import script_pod
from tests.e2e.kube import Kube, NotYet, wait_for
from tests.e2e.release import FAULTS, NAMESPACE, TEACHER, Release
from tests.e2e.resources import Resource, small_example
from tests.e2e.test_edits import another_rate

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

SECRET = Kind("", "v1", "secrets", "Secret")
QUOTA = Kind("", "v1", "resourcequotas", "ResourceQuota")
NODE = Kind("", "v1", "nodes", "Node")
GOES_ON_S = 240.0
KEY = "sk-right"


@pytest.fixture
def blocked(release: Release, kube: Kube) -> Iterator[Resource]:
    """A resource that is not there yet, and removed at the end."""
    resource = Resource(kube, FAULTS, "blocked")
    resource.delete()
    resource.wait_gone()
    yield resource
    resource.delete()
    resource.wait_gone()


def test_an_image_that_is_not_there(blocked: Resource, release: Release) -> None:
    release.install({"images": {"stages": "prompt2model-stages:none"}}, wait=False)
    try:
        blocked.apply(small_example({"deadlines": {"heartbeatSeconds": 60}}))
        found = blocked.wait_condition("Ready", "ImagePull", "prompt2model-stages:none")
        assert "goes on by itself" in found["message"]
        assert blocked.status()["phase"] == "Blocked"
    finally:
        release.install()
    blocked.wait_run("discover", phase="Succeeded", within=GOES_ON_S)


def test_keys_of_the_teacher_and_a_teacher_that_is_away(blocked: Resource, release: Release, kube: Kube) -> None:
    kube.delete(SECRET, FAULTS, "llm")
    teacher = {
        "baseURL": f"http://teacher.{FAULTS}.svc:8000/v1",
        "model": "SmolLM2-135M-Instruct",
        "apiKeySecretRef": {"name": "llm"},
        "limits": {"concurrency": 4},
        "budget": {"unlimited": True},
    }
    with teacher_behind_a_key(kube):
        blocked.apply(small_example({"teacher": teacher}))
        blocked.wait_condition("Discovered", "ContainerStart", 'secret "llm" not found')
        secret(kube, "another-key")
        blocked.wait_condition("Discovered", "ContainerStart", "couldn't find key api-key in Secret")
        secret(kube, "api-key", "sk-wrong")
        blocked.wait_condition("Discovered", "TeacherUnauthorized")
        assert "sk-wrong" not in str(blocked.seen()) + str(blocked.stage_runs())
    secret(kube, "api-key", KEY)
    blocked.wait_condition("Discovered", "TeacherUnreachable")
    with teacher_behind_a_key(kube):
        blocked.wait_run("discover", phase="Succeeded", within=GOES_ON_S)


def test_a_gpu_that_no_node_has(finished: Resource, kube: Kube) -> None:
    resource, served = finished, finished.status()["service"]["digest"]
    node = kube.list(NODE)[0]["metadata"]["name"]
    offer(kube, node, None)
    known = len(resource.stage_runs("train"))
    resource.edit({"training": {"learningRate": another_rate(), "resources": {"gpu": 1}}})
    try:
        found = resource.wait_condition("Trained", "Unschedulable", GPU)
        assert "goes on by itself" in found["message"]
        assert resource.status()["service"]["digest"] == served, "the old service answers on"
        offer(kube, node, "1")
        resource.wait_run("train", known, within=GOES_ON_S)
        wait_for("the training's worker on the node", lambda: _runs(resource), GOES_ON_S)
        # The node has no GPU and the image no CUDA: what was reserved for nothing is said, and no attempt is used up.
        found = resource.wait_condition(
            "Trained", "GPUNotUsable", "training.resources.gpu reserves 1 GPU", within=GOES_ON_S
        )
        assert "TORCH_INDEX" in found["message"]
    finally:
        resource.apply(small_example())
        offer(kube, node, None)
    resource.wait_ready()


def test_the_chart_s_teacher_away(blocked: Resource, release: Release) -> None:
    with release.without(TEACHER):
        blocked.apply(small_example())
        blocked.wait_condition("Discovered", "TeacherUnreachable")
    blocked.wait_run("discover", phase="Succeeded", within=GOES_ON_S)


def test_a_quota_that_takes_no_pod(blocked: Resource, kube: Kube) -> None:
    quota(kube)
    try:
        blocked.apply(small_example())
        blocked.wait_condition("Discovered", "PodRefused", "kubectl describe job blocked-discover")
        kube.delete(QUOTA, FAULTS, "none")
        wait_for("discover's pod", lambda: _works(blocked, "discover"), GOES_ON_S, every=0.5)
        quota(kube)
        blocked.wait_condition("DataReady", "PodRefused", "exceeded quota: none")
    finally:
        kube.delete(QUOTA, FAULTS, "none")
    blocked.wait_run("generate", phase="Succeeded", within=GOES_ON_S)


def quota(kube: Kube) -> None:
    """No pod more in the namespace; those that are there stay."""
    meta = {"name": "none", "namespace": FAULTS}
    kube.create(QUOTA, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": {"pods": "0"}}})


def secret(kube: Kube, key: str, value: str = "x") -> None:
    """The teacher's Secret, with this key alone."""
    kube.delete(SECRET, FAULTS, "llm")
    meta = {"name": "llm", "namespace": FAULTS}
    kube.create(SECRET, {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {key: value}})


def offer(kube: Kube, node: str, gpus: str | None) -> None:
    """A node that says it has GPUs. Source: kubernetes.io/docs/tasks/administer-cluster/extended-resource-node"""
    kube.patch(NODE, None, node, {"status": {"capacity": {GPU: gpus}, "allocatable": {GPU: gpus}}}, "status")


@contextmanager
def teacher_behind_a_key(kube: Kube) -> Iterator[None]:
    """The chart's teacher behind one that asks for a key. Its labels let it through the teacher's NetworkPolicy."""
    labels = {"app": "teacher", MANAGED_BY: MANAGER, ROLE: "stage"}
    upstream = f"http://{TEACHER}.{NAMESPACE}.svc:8080"
    meta = {"name": "teacher", "namespace": FAULTS}
    ports = [{"port": 8000, "targetPort": 8000}]
    spec = {"selector": {"app": "teacher"}, "ports": ports}
    kube.apply(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    kube.create(POD, script_pod(FAULTS, "teacher", "key_teacher.py", [upstream, KEY, "8000"], labels))
    try:
        yield
    finally:
        kube.delete(POD, FAULTS, "teacher")
        wait_for("the teacher gone", lambda: _gone(kube), 60)


def _gone(kube: Kube) -> None:
    if kube.get(POD, FAULTS, "teacher") is not None:
        raise NotYet("still there")


def _works(resource: Resource, stage: str) -> None:
    pods = resource.pods(f"prompt2model.dev/stage={stage}")
    if not any(pod["status"].get("phase") == "Running" for pod in pods):
        raise NotYet(f"{[pod['status'].get('phase') for pod in pods]}")


def _runs(resource: Resource) -> None:
    # The claim binds all pods to one node, so Ray's head trains as well.
    workers = resource.pods("prompt2model.dev/stage=train,ray.io/node-type=head")
    if not any(pod["status"].get("phase") == "Running" for pod in workers):
        raise NotYet(f"{[(p['metadata']['name'], p['status'].get('phase')) for p in workers]}")
