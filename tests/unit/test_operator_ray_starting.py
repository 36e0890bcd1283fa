"""Ray that does not come up: Blocked with the end of its log, and no attempt is used up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_operator.failures import failure_of_pod
from prompt2model_operator.kinds import EVENT, POD, RAYJOB, STAGERUN
from prompt2model_operator.last_words import LINES, LONGEST, ended_containers, read_last_words
from prompt2model_operator.ray_starting import SLOW_S, ray_not_started
from tests.memory_cluster import KEY, Cluster, MemoryApi
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TIMED_OUT = "Exception: The current node timed out during startup."
KEY_OF_A_USER = "sk-proj-abcdefgh12345678"


def ended(reason: str = "Error", code: int = 1, start: int = 1) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, "containerID": f"containerd://{start}"}}


def ray_pod(state: dict[str, Any], last: dict[str, Any], *, node: str = "head", ready: bool = False) -> dict[str, Any]:
    container = {"name": "ray", "state": state, "lastState": last, "ready": ready}
    meta = {"name": f"d-{node}", "namespace": "team-a", "labels": {"ray.io/node-type": node}, "creationTimestamp": "1"}
    return {"metadata": meta, "status": {"containerStatuses": [container]}}


def rayjob(ago_s: float = 60, status: str = "Initializing") -> dict[str, Any]:
    since = (NOW - timedelta(seconds=ago_s)).isoformat()
    return {"metadata": {"name": "j"}, "status": {"jobDeploymentStatus": status, "startTime": since}}


RUNNING: dict[str, Any] = {"running": {}}
LOOPING = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(
    ("job", "pods", "words"),
    [
        (rayjob(), [ray_pod(RUNNING, ended())], "Ray's head ended with exit status 1"),
        (rayjob(), [ray_pod(LOOPING, ended())], "Ray's head ended with exit status 1"),
        (rayjob(), [ray_pod(ended(code=137), {})], "Ray's head ended with exit status 137"),
        (rayjob(), [ray_pod(RUNNING, {}), ray_pod(RUNNING, ended(), node="worker")], "Ray's worker ended"),
        (rayjob(SLOW_S + 1), [ray_pod(RUNNING, {})], "not ready after 10 minutes"),
        (rayjob(SLOW_S + 1), [], "not ready after 10 minutes"),
    ],
)
def test_ray_that_does_not_come_up_is_blocked(job: dict[str, Any], pods: list[dict[str, Any]], words: str) -> None:
    found = ray_not_started(job, pods, NOW, {})
    assert found is not None and (found.state, found.reason) == (FailureState.BLOCKED, "RayDidNotStart")
    assert words in found.message


@pytest.mark.parametrize(
    ("job", "pods"),
    [
        (rayjob(), [ray_pod(RUNNING, {})]),
        (rayjob(), [ray_pod(RUNNING, ended(), ready=True)]),
        (rayjob(), [ray_pod(RUNNING, ended("OOMKilled", 137))]),
        (rayjob(SLOW_S + 1, "Running"), [ray_pod(RUNNING, {}, ready=True)]),
        ({"metadata": {"name": "j"}}, []),
    ],
)
def test_ray_that_is_young_or_up_or_lacks_memory_is_another_matter(
    job: dict[str, Any], pods: list[dict[str, Any]]
) -> None:
    assert ray_not_started(job, pods, NOW, {}) is None


def read(pods: list[dict[str, Any]], logs: dict[tuple[str, str, bool], str], known: dict[str, str]) -> dict[str, str]:
    api = MemoryApi()
    api.logs = logs
    found = asyncio.run(read_last_words(api, pods, known))
    assert api.logs_read == len({one.id for one in ended_containers(pods)} - set(known))
    return found


def test_the_log_before_the_restart_is_read_once_and_its_end_kept() -> None:
    pods = [ray_pod(LOOPING, ended())]
    log = "\n".join([*(f"line {i}" for i in range(200)), f"key {KEY_OF_A_USER}", TIMED_OUT])
    words = read(pods, {("d-head", "ray", True): log}, {})
    (text,) = words.values()
    assert text.endswith(f"| {TIMED_OUT}") and KEY_OF_A_USER not in text and len(text) <= LONGEST
    assert f"line {200 - LINES}" not in text
    assert read(pods, {}, words) == words
    assert read([ray_pod(LOOPING, ended(start=2))], {}, words) == {"containerd://2": ""}


def test_a_container_that_was_not_restarted_has_its_own_log() -> None:
    words = read([ray_pod(ended(), {})], {("d-head", "ray", False): TIMED_OUT}, {})
    assert words == {"containerd://1": TIMED_OUT}


def test_the_log_and_its_command_are_told_of_other_containers_too() -> None:
    for state, last, flag in ((LOOPING, ended(), " --previous"), (ended(), {}, "")):
        found = failure_of_pod(ray_pod(state, last), NOW, {"containerd://1": TIMED_OUT})
        assert found is not None and found.message.endswith(f"The end of its log: {TIMED_OUT}")
        assert f"`kubectl logs d-head -n team-a -c ray{flag}`" in found.remedy


def at_the_first_rayjob(deadlines: dict[str, int]) -> tuple[Cluster, dict[str, Any]]:
    cluster = Cluster({"retries": {"attempts": 1, "backoffSeconds": 1}, "deadlines": deadlines})

    async def go() -> None:
        for _ in range(9):
            await cluster.look()
            if cluster.of(RAYJOB):
                return
            cluster.finish(outputs)

    asyncio.run(go())
    (job,) = cluster.of(RAYJOB)
    return cluster, job


def with_head(cluster: Cluster, job: dict[str, Any], state: dict[str, Any], last: dict[str, Any]) -> None:
    """KubeRay has made the head of the RayJob."""
    head = ray_pod(state, last)
    head["metadata"]["labels"] |= job["metadata"]["labels"]
    cluster.api.put({"apiVersion": POD.api_version, "kind": "Pod", **head})


def status_of(cluster: Cluster, job: dict[str, Any]) -> dict[str, Any]:
    owner = job["metadata"]["ownerReferences"][0]["name"]
    found: dict[str, Any] = cluster.api.objects[STAGERUN.plural, KEY[0], owner]["status"]
    return found


def test_a_head_that_times_out_uses_up_no_attempt_and_its_cause_is_kept() -> None:
    cluster, job = at_the_first_rayjob({"startSeconds": 1})
    with_head(cluster, job, LOOPING, ended())
    cluster.api.logs["d-head", "ray", True] = f"api_key={KEY_OF_A_USER}\n{TIMED_OUT}\n"

    async def scenario() -> str:
        await cluster.look()
        told = cluster.condition("Ready")
        assert (cluster.phase(), told["reason"]) == ("Blocked", "RayDidNotStart")
        assert TIMED_OUT in told["message"] and KEY_OF_A_USER not in str(cluster.api.objects)
        assert "`kubectl logs d-head -n team-a -c ray --previous`" in told["message"]
        await asyncio.sleep(1.1)
        await cluster.look()
        given_up = status_of(cluster, job)
        assert (given_up["phase"], given_up.get("failures", 0), given_up["blocks"]) == ("Blocked", 0, 1)
        assert TIMED_OUT in given_up["failure"]["message"]
        assert any(TIMED_OUT in event["message"] for event in cluster.of(EVENT))
        await asyncio.sleep(1.1)
        return await cluster.run(outputs)

    assert asyncio.run(scenario()) == "Ready"


def test_a_rayjob_that_kuberay_gives_up_in_time_keeps_what_was_seen() -> None:
    cluster, job = at_the_first_rayjob({})
    with_head(cluster, job, LOOPING, ended())
    cluster.api.logs["d-head", "ray", True] = TIMED_OUT

    async def scenario() -> None:
        await cluster.look()
        cluster.api.remove(POD, KEY[0], "d-head")
        failed = {"jobDeploymentStatus": "Failed", "reason": "PreRunningDeadlineExceeded", "message": "too late"}
        cluster.api.put({**cluster.of(RAYJOB)[0], "status": failed})
        await cluster.look()

    asyncio.run(scenario())
    found = status_of(cluster, job)
    assert (found["phase"], found["failure"]["reason"], found.get("failures", 0)) == ("Blocked", "RayDidNotStart", 0)
    assert TIMED_OUT in found["failure"]["message"]


def test_a_rayjob_that_kuberay_gives_up_unseen_is_blocked_too() -> None:
    cluster, job = at_the_first_rayjob({})
    failed = {"jobDeploymentStatus": "Failed", "reason": "PreRunningDeadlineExceeded", "message": "too late"}
    cluster.api.put({**job, "status": failed})
    asyncio.run(cluster.look())
    found = status_of(cluster, job)
    assert (found["phase"], found["failure"]["reason"]) == ("Blocked", "RayDidNotStart")
    assert found["failure"]["message"] == "The Ray cluster was not ready in time: too late"


def test_a_head_that_ends_after_the_first_sign_of_life_is_the_works_own() -> None:
    cluster, job = at_the_first_rayjob({})
    with_head(cluster, job, LOOPING, ended())
    place = STAGERUN.plural, KEY[0], job["metadata"]["ownerReferences"][0]["name"]
    progress = {"attempt": 1, "at": datetime.now(UTC).isoformat()}
    body = cluster.api.objects[place]
    cluster.api.put({**body, "status": {**body["status"], "progress": progress}})
    asyncio.run(cluster.look())
    assert status_of(cluster, job)["failure"]["reason"] == "CrashLoop"
