"""What is wrong with a pod, by its status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_operator.failures import failure_of_pod, failure_of_pods, refused_pods

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def pod(status: dict[str, Any], at: str = "2026-01-01T11:00:00Z") -> dict[str, Any]:
    return {"metadata": {"name": "p", "creationTimestamp": at}, "status": status}


def container(state: dict[str, Any], last: dict[str, Any] | None = None, init: bool = False) -> dict[str, Any]:
    key = "initContainerStatuses" if init else "containerStatuses"
    return pod({key: [{"name": "stage", "image": "x:1", "state": state, "lastState": last or {}}]})


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": "because"}}


STORAGE = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "


def disrupted(reason: str) -> dict[str, Any]:
    """As a drain leaves it: told first, then the container ends with what it makes of SIGTERM."""
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "because"}
    ended = {"name": "stage", "image": "x:1", "state": {"terminated": {"reason": "Error", "exitCode": 143}}}
    return pod({"conditions": [condition], "containerStatuses": [ended]})


def unschedulable(ago_s: float, message: str = "0/1 nodes") -> dict[str, Any]:
    since = (NOW - timedelta(seconds=ago_s)).isoformat()
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod({"conditions": [{**condition, "lastTransitionTime": since}]})


@pytest.mark.parametrize(
    ("seen", "reason", "state"),
    [
        (container(waiting("ImagePullBackOff")), "ImagePull", FailureState.BLOCKED),
        (container(waiting("ErrImageNeverPull"), init=True), "ImagePull", FailureState.BLOCKED),
        (container(waiting("CreateContainerConfigError")), "ContainerStart", FailureState.BLOCKED),
        (container({"terminated": {"reason": "OOMKilled", "exitCode": 137}}), "OOMKilled", FailureState.RETRYING),
        (
            container(waiting("CrashLoopBackOff"), {"terminated": {"reason": "OOMKilled", "exitCode": 137}}),
            "OOMKilled",
            FailureState.RETRYING,
        ),
        (
            container(waiting("CrashLoopBackOff"), {"terminated": {"reason": "Error", "exitCode": 1}}),
            "CrashLoop",
            FailureState.BLOCKED,
        ),
        (container({"terminated": {"reason": "Error", "exitCode": 2}}), "Crashed", FailureState.RETRYING),
        (pod({"reason": "Evicted", "message": "disk pressure"}), "Evicted", FailureState.RETRYING),
        (pod({"reason": "Evicted", "message": STORAGE}), "StorageExceeded", FailureState.RETRYING),
        *[
            (disrupted(reason), told, FailureState.RETRYING)
            for reason, told in (
                ("PreemptionByScheduler", "Preempted"),
                ("DeletionByTaintManager", "NodeLost"),
                ("DeletionByPodGC", "NodeLost"),
                ("EvictionByEvictionAPI", "Evicted"),
                ("TerminationByKubelet", "Evicted"),
                ("SomethingNew", "Interrupted"),
            )
        ],
        (unschedulable(20), "Unschedulable", FailureState.BLOCKED),
    ],
)
def test_is_named_with_what_to_do(seen: dict[str, Any], reason: str, state: FailureState) -> None:
    found = failure_of_pod(seen, NOW)
    assert found is not None and (found.reason, found.state) == (reason, state)
    assert found.message and found.remedy


def test_a_missing_image_says_how_to_bring_it_there() -> None:
    found = failure_of_pod(container(waiting("ErrImagePull")), NOW)
    assert found is not None and "`make images`" in found.remedy and "it goes on by itself" in found.remedy


@pytest.mark.parametrize(
    "seen",
    [
        pod({}),
        container({"running": {}}),
        container(waiting("ContainerCreating")),
        container({"terminated": {"reason": "Completed", "exitCode": 0}}),
        unschedulable(5),
    ],
)
def test_what_is_well_or_young_is_no_failure(seen: dict[str, Any]) -> None:
    assert failure_of_pod(seen, NOW) is None


def test_the_first_pod_that_failed_speaks() -> None:
    late = container(waiting("ImagePullBackOff"))
    late["metadata"]["creationTimestamp"] = "2026-01-01T11:30:00Z"
    early = container({"terminated": {"reason": "OOMKilled", "exitCode": 137}})
    found = failure_of_pods([late, early], NOW)
    assert found is not None and found.reason == "OOMKilled"


QUOTA = 'pods "d-785659bb7d-wgmn4" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0'


def workload(kind: str, status: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "w"}, "status": status}


def short_of(message: str) -> dict[str, Any]:
    """As the Deployment's controller and KubeRay write it."""
    return {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]}


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (workload("Job", {"startTime": "2026-01-01T11:59:00Z", "ready": 0}), "kubectl describe job w"),
        (workload("Deployment", short_of(QUOTA)), "the pod is forbidden: exceeded quota"),
        (workload("RayJob", {"rayClusterStatus": short_of(f"FailedCreateHeadPod\n{QUOTA}")}), "exceeded quota"),
    ],
)
def test_pods_that_are_refused_are_named(seen: dict[str, Any], words: str) -> None:
    found = refused_pods(seen, NOW)
    assert found is not None and (found.reason, found.state) == ("PodRefused", FailureState.BLOCKED)
    assert words in found.message and "wgmn4" not in found.message


@pytest.mark.parametrize(
    "seen",
    [
        workload("Job", {}),
        workload("Job", {"startTime": "2026-01-01T11:59:45Z"}),
        workload("Job", {"startTime": "2026-01-01T11:00:00Z", "active": 1}),
        workload("Job", {"startTime": "2026-01-01T11:00:00Z", "conditions": [{"type": "Complete", "status": "True"}]}),
        workload("Deployment", {"conditions": [{"type": "ReplicaFailure", "status": "False"}]}),
        workload("RayJob", {"jobDeploymentStatus": "Initializing"}),
    ],
)
def test_workloads_whose_pods_come_are_no_failure(seen: dict[str, Any]) -> None:
    assert refused_pods(seen, NOW) is None


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) didn't match pod affinity rules.",
            "ReadWriteMany",
        ),
        ("0/2 nodes are available: 2 node(s) had volume node affinity conflict.", "ReadWriteMany"),
        ("0/2 nodes are available: 2 Insufficient cpu.", "ask for less"),
    ],
)
def test_a_claim_that_binds_all_pods_to_one_node_is_named(message: str, remedy: str) -> None:
    found = failure_of_pod(unschedulable(20, message), NOW)
    assert found is not None and remedy in found.remedy and message in found.message
