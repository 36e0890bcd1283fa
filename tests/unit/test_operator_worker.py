"""The operator's worker against a cluster in memory, killed at every write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_operator.kinds import (
    ATTEMPT,
    AUTOSCALER,
    CLAIM,
    DEPLOYMENT,
    EVENT,
    HTTPROUTE,
    JOB,
    PROMPT2MODEL,
    RAYJOB,
    RETRY,
    SERVICE,
    STAGERUN,
    Kind,
)
from prompt2model_operator.settings import ContainerResources, Images, PodDefaults, ServiceDefaults, Settings
from tests.memory_cluster import KEY, SETTINGS, Cluster, KilledError
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

TEACHER = {"baseURL": "http://llm/v1", "model": "m", "budget": {"tokens": 1_000_000}}


def end(cluster: Cluster) -> dict[str, Any]:
    """What a run leaves, without what differs from run to run."""
    kinds = (STAGERUN, JOB, RAYJOB, DEPLOYMENT, SERVICE, CLAIM)
    names = {kind.kind: [body["metadata"]["name"] for body in cluster.of(kind)] for kind in kinds}
    return {**names, "phase": cluster.phase(), "score": cluster.status().get("score")}


def test_goes_from_prompt_to_service() -> None:
    cluster = Cluster()
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    found = end(cluster)
    assert [name.split("-")[1] for name in found["StageRun"]] == [
        "discover",
        "evaluate",
        "generate",
        "prepare",
        "train",
    ]
    assert len(found["Job"]) == 3 and len(found["RayJob"]) == 2 and found["Deployment"] == ["dates"]
    assert found["PersistentVolumeClaim"] == ["dates-storage"]
    assert all(body["metadata"]["labels"][ATTEMPT] == "1" for body in [*cluster.of(JOB), *cluster.of(RAYJOB)])


def test_a_finished_resource_costs_no_write() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    written = len(cluster.api.writes)
    cluster.start()
    asyncio.run(cluster.look())
    assert len(cluster.api.writes) == written


def _writes() -> int:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    return len(cluster.api.writes)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_it_comes_to_the_same_end(after: bool) -> None:
    whole = Cluster()
    asyncio.run(whole.run(outputs))
    expected = end(whole)
    for number in range(_writes()):
        cluster = Cluster()
        cluster.api.die_at, cluster.api.die_after = number, after
        with pytest.raises(KilledError):
            asyncio.run(cluster.run(outputs))
        cluster.start()
        assert asyncio.run(cluster.run(outputs)) == "Ready"
        assert end(cluster) == expected, f"killed {'after' if after else 'before'} write {whole.api.writes[number]}"


def test_more_replicas_restart_nothing() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    template, before = cluster.of(DEPLOYMENT)[0]["spec"]["template"], end(cluster)
    cluster.edit(service={"replicas": {"min": 2, "max": 4}})
    asyncio.run(cluster.run(outputs))
    assert cluster.of(DEPLOYMENT)[0]["spec"]["template"] == template and end(cluster) == before
    assert ("apply", "HorizontalPodAutoscaler", "dates") in cluster.api.writes[-8:]


def test_another_learning_rate_runs_train_and_evaluate_again_and_replaces_the_service() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    old = cluster.of(DEPLOYMENT)[0]["metadata"]["annotations"]
    cluster.edit(training={"learningRate": 1e-3})
    asyncio.run(cluster.run(outputs))
    names = end(cluster)
    assert [len([n for n in names["StageRun"] if f"-{s}-" in n]) for s in ("prepare", "train", "evaluate")] == [1, 2, 2]
    assert cluster.of(DEPLOYMENT)[0]["metadata"]["annotations"] != old


def test_without_kuberay_it_says_so_and_goes_on_when_it_comes() -> None:
    cluster = Cluster({"retries": {"backoffSeconds": 1}})
    cluster.api.missing = {RAYJOB.plural}

    async def scenario() -> None:
        await cluster.work(outputs)
        assert cluster.phase() == "Blocked"
        assert cluster.condition("DataReady")["reason"] == "KubeRayMissing"
        cluster.api.missing = set()
        await asyncio.sleep(1.1)
        assert await cluster.run(outputs) == "Ready"

    asyncio.run(scenario())


def test_a_run_that_waits_for_kuberay_is_tried_again_as_soon_as_it_comes_and_says_when_it_is_otherwise() -> None:
    cluster = Cluster({"retries": {"backoffSeconds": 600}})
    cluster.api.missing = {RAYJOB.plural}

    async def scenario() -> None:
        await cluster.work(outputs)
        generate = next(run for run in cluster.of(STAGERUN) if run["spec"]["stage"] == "generate")
        again = datetime.fromisoformat(generate["status"]["retryAt"])
        assert f" Next try at {again:%H:%M} UTC." in cluster.condition("DataReady")["message"]
        assert not [event for event in cluster.of(EVENT) if event["reason"] == "KubeRayMissing"]
        await cluster.arrivals.look([None])
        assert await cluster.run(outputs) == "Blocked"
        cluster.api.missing = set()
        await cluster.arrivals.look([None])
        assert await cluster.run(outputs) == "Ready"

    asyncio.run(scenario())


def test_what_has_come_counts_also_after_a_pause_and_a_pause_promises_no_attempt() -> None:
    cluster = Cluster({"retries": {"backoffSeconds": 600}})
    cluster.api.missing = {RAYJOB.plural}

    async def scenario() -> None:
        await cluster.work(outputs)
        cluster.edit(suspend=True)
        await cluster.look()
        assert cluster.phase() == "Suspended"
        assert "Next try" not in cluster.condition("DataReady")["message"]
        cluster.api.missing = set()
        await cluster.arrivals.look([None])
        await cluster.look()
        cluster.edit(suspend=False)
        assert await cluster.run(outputs) == "Ready"

    asyncio.run(scenario())


def test_a_kind_that_is_there_wakes_nobody_twice() -> None:
    cluster = Cluster({"retries": {"backoffSeconds": 600}})
    cluster.api.missing = {RAYJOB.plural}

    async def scenario() -> None:
        await cluster.work(outputs)
        cluster.api.missing = set()
        await cluster.arrivals.look([None])
        (reason, came_at), *others = cluster.arrivals.came_at.items()
        assert reason == "KubeRayMissing" and not others
        await cluster.arrivals.look([None])
        assert cluster.arrivals.came_at == {reason: came_at}

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", [STAGERUN, CLAIM, JOB, RAYJOB, SERVICE, DEPLOYMENT], ids=lambda kind: kind.kind)
def test_what_the_api_server_refuses_is_named_and_goes_on_when_it_is_mended(kind: Kind) -> None:
    cluster = Cluster({"retries": {"backoffSeconds": 1}})
    cluster.api.refused = {kind.plural}

    async def scenario() -> None:
        for _ in range(12):
            await cluster.look()
            cluster.finish(outputs)
        first = cluster.condition("Ready")
        assert cluster.phase() == "Blocked" and first["reason"] == "Refused"
        assert f"refused the {kind.kind}: exceeded quota" in first["message"]
        cluster.api.refused = set()
        await asyncio.sleep(1.1)
        assert await cluster.run(outputs) == "Ready"

    asyncio.run(scenario())


def test_a_route_that_the_cluster_does_not_know_is_named() -> None:
    settings = SETTINGS.model_copy(
        update={"service": ServiceDefaults(http_route={"parentRefs": [{"name": "gateway"}]})}
    )
    cluster = Cluster(settings=settings)
    cluster.api.missing = {HTTPROUTE.plural}
    for _ in range(8):
        asyncio.run(cluster.look())
        cluster.finish(outputs)
    assert cluster.condition("Deployed")["reason"] == "GatewayAPIMissing"
    cluster.api.missing = set()
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    (route,) = cluster.of(HTTPROUTE)
    assert route["spec"]["parentRefs"] == [{"name": "gateway"}] and route["metadata"]["ownerReferences"]


def test_an_edit_of_the_service_that_is_refused_is_named_and_the_old_one_answers_on() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    cluster.api.refused = {AUTOSCALER.plural}
    cluster.edit(service={"replicas": {"min": 2, "max": 4}})
    asyncio.run(cluster.look())
    condition = cluster.condition("Deployed")
    assert condition["reason"] == "Refused" and "HorizontalPodAutoscaler" in condition["message"]
    assert cluster.of(DEPLOYMENT)
    asyncio.run(cluster.look())
    assert cluster.condition("Deployed") == condition, "the time is that of the change, not of the last look"
    cluster.api.refused = set()
    assert asyncio.run(cluster.run(outputs)) == "Ready"


def test_without_any_teacher_it_says_what_to_do() -> None:
    cluster = Cluster(settings=Settings())

    async def scenario() -> None:
        for _ in range(3):
            await cluster.look()

    asyncio.run(scenario())
    condition = cluster.condition("Ready")
    assert condition["reason"] == "NoTeacher" and "spec.teacher" in condition["message"]


def test_what_the_stage_says_of_its_failure_is_what_counts() -> None:
    cluster = Cluster()

    async def scenario() -> None:
        await cluster.look()
        (job,) = cluster.of(JOB)
        said = Failure(state=FailureState.BLOCKED, reason="WrongKey", message="401", remedy="Another key.")
        cluster.report_failure(cluster.of(STAGERUN)[0]["metadata"]["name"], 1, said)
        cluster.end(job, well=False)
        await cluster.look()

    asyncio.run(scenario())
    assert cluster.phase() == "Blocked" and cluster.condition("Ready")["reason"] == "WrongKey"


def test_a_pod_that_cannot_start_is_named_while_it_waits() -> None:
    cluster = Cluster()

    async def scenario() -> None:
        await cluster.look()
        (job,) = cluster.of(JOB)
        waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
        status = {"containerStatuses": [{"name": "stage", "image": "x:1", "state": {"waiting": waiting}}]}
        meta = {"name": "p", "namespace": KEY[0], "labels": job["metadata"]["labels"]}
        cluster.api.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})
        await cluster.look()
        assert cluster.phase() == "Blocked" and cluster.condition("Ready")["reason"] == "ImagePull"
        assert len(cluster.of(JOB)) == 1  # the kubelet goes on trying
        assert await cluster.run(outputs) == "Ready"

    asyncio.run(scenario())


def fail(cluster: Cluster, body: dict[str, Any], conditions: list[dict[str, Any]]) -> None:
    """The newest attempt's Job ends without a result."""
    cluster.api.put({**body, "status": {"conditions": [{"type": "Failed", "status": "True", **c} for c in conditions]}})


def newest(cluster: Cluster) -> dict[str, Any]:
    return max(cluster.of(JOB), key=lambda job: int(job["metadata"]["labels"][ATTEMPT]))


@pytest.mark.parametrize(
    "change",
    [
        lambda cluster: cluster.edit(retries={"attempts": 2}),
        lambda cluster: cluster.edit(deadlines={"stageSeconds": 99}),
        lambda cluster: cluster.edit(scheduling={"nodeSelector": {"pool": "large"}}),
        lambda cluster: cluster.edit(teacher={**TEACHER, "budget": {"tokens": 2_000_000}}),
        lambda cluster: cluster.edit(teacher={**TEACHER, "apiKeySecretRef": {"name": "another"}}),
        lambda cluster: cluster.restart(images=Images(stages="prompt2model-stages:0.1.1")),
        lambda cluster: cluster.restart(pods=PodDefaults(discover=ContainerResources(limits={"memory": "9Gi"}))),
        lambda cluster: cluster.annotate({RETRY: "1"}),
    ],
    ids=["retries", "deadlines", "scheduling", "budget", "key", "image", "memory", "annotation"],
)
def test_a_failed_stage_goes_on_once_its_cause_may_be_fixed(change: Callable[[Cluster], None]) -> None:
    cluster = Cluster({"retries": {"attempts": 1}, "teacher": TEACHER})
    asyncio.run(cluster.look())
    fail(cluster, newest(cluster), [{}])
    asyncio.run(cluster.look())
    told = cluster.condition("Discovered")["message"]
    assert cluster.phase() == "Failed" and f"kubectl annotate p2m dates -n team-a {RETRY}=" in told
    cluster.start()
    asyncio.run(cluster.look())
    assert cluster.phase() == "Failed" and len(cluster.of(JOB)) == 1
    change(cluster)
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert sorted(cluster.attempts("discover")) == ["1", "2"]


@pytest.mark.parametrize(
    "change",
    [
        lambda cluster: cluster.edit(service={"replicas": {"min": 2, "max": 2}}),
        lambda cluster: cluster.edit(training={"resources": {"memory": "9Gi"}}),
        lambda cluster: cluster.annotate({"team": "b"}),
    ],
    ids=["service", "training", "annotation"],
)
def test_a_change_of_something_else_starts_no_attempt(change: Callable[[Cluster], None]) -> None:
    cluster = Cluster({"retries": {"attempts": 1}})
    asyncio.run(cluster.look())
    fail(cluster, newest(cluster), [{}])
    asyncio.run(cluster.look())
    change(cluster)
    for _ in range(3):
        asyncio.run(cluster.look())
    assert cluster.phase() == "Failed" and cluster.attempts("discover") == ["1"]


def test_a_job_whose_pod_was_drained_away_uses_up_no_attempt() -> None:
    cluster = Cluster({"retries": {"attempts": 1}})
    asyncio.run(cluster.look())
    rule = "Pod team-a/p has condition DisruptionTarget matching FailJob rule at index 0"
    fail(cluster, newest(cluster), [{"reason": "PodFailurePolicy", "message": rule}])
    asyncio.run(cluster.look())
    (run,) = cluster.of(STAGERUN)
    counts = {name: run["status"][name] for name in ("failures", "interruptions", "blocks")}
    assert counts == {"failures": 0, "interruptions": 1, "blocks": 0} and cluster.phase() == "Retrying"
    assert cluster.condition("Discovered")["reason"] == "Interrupted"


def test_an_attempt_on_a_lost_node_is_ended_before_its_heartbeat_is_missed() -> None:
    cluster = Cluster({"retries": {"attempts": 1}})

    async def scenario() -> None:
        await cluster.look()
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
        meta = {"name": "p", "namespace": KEY[0], "labels": newest(cluster)["metadata"]["labels"]}
        cluster.api.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"conditions": [condition]}})
        await cluster.look()

    asyncio.run(scenario())
    assert cluster.phase() == "Retrying" and cluster.condition("Discovered")["reason"] == "NodeLost"
    assert not cluster.of(JOB)


def test_a_stranger_of_the_same_name_is_left_alone() -> None:
    cluster = Cluster()
    meta = {"name": "dates", "namespace": KEY[0], "labels": {"app": "theirs"}}
    cluster.api.put({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"theirs": True}})
    for _ in range(8):
        asyncio.run(cluster.look())
        cluster.finish(outputs)
    assert cluster.condition("Ready")["reason"] == "NameTaken"
    assert cluster.of(SERVICE)[0]["spec"] == {"theirs": True} and not cluster.of(DEPLOYMENT)


def test_a_deletion_ends_what_runs_at_once() -> None:
    cluster = Cluster()

    async def scenario() -> None:
        await cluster.look()
        body = cluster.of(PROMPT2MODEL)[0]
        del cluster.api.objects[PROMPT2MODEL.plural, *KEY]  # the garbage collector has not come yet
        cluster.deleter.remember(KEY, body)
        await cluster.look()

    asyncio.run(scenario())
    assert not cluster.of(JOB)


def test_what_a_deleted_resource_of_the_same_name_left_is_not_taken_over() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    body, old = cluster.of(PROMPT2MODEL)[0], cluster.of(STAGERUN)
    del cluster.api.objects[PROMPT2MODEL.plural, *KEY]
    cluster.api.put({k: v for k, v in body.items() if k != "status"})  # another uid; the garbage collector is slow
    cluster.start()
    asyncio.run(cluster.look())
    assert cluster.status().get("phase") != "Ready" and cluster.of(STAGERUN) == old
    cluster.api.collect()
    assert cluster.of(STAGERUN) == []
    assert asyncio.run(cluster.run(outputs)) == "Ready" and len(cluster.of(STAGERUN)) == 5


def test_a_suspended_resource_shows_its_estimate_and_starts_nothing() -> None:
    cluster = Cluster({"suspend": True})
    assert asyncio.run(cluster.run(outputs)) == "Suspended"
    assert cluster.status()["estimate"]["requests"] > 0
    assert not cluster.of(STAGERUN) and not cluster.of(JOB)


def test_a_spec_that_the_types_refuse_is_said_in_the_status() -> None:
    cluster = Cluster({"prompt": "ä" * 20_000})  # 40,000 bytes: the schema counts characters
    asyncio.run(cluster.look())
    assert cluster.condition("Ready")["reason"] == "InvalidSpec" and "32 KiB" in cluster.condition("Ready")["message"]


def test_a_license_that_is_none_is_said_with_the_nearest() -> None:
    cluster = Cluster({"student": {"licenses": ["MIT", "apache2.0"]}})
    asyncio.run(cluster.look())
    told = "spec.student.licenses[1]: no license is called apache2.0: did you mean Apache-2.0?"
    assert told in cluster.condition("Ready")["message"]


def test_a_spec_that_is_refused_later_keeps_what_the_status_knows() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    known = cluster.status()
    cluster.edit(prompt="ä" * 20_000)
    asyncio.run(cluster.look())
    now = cluster.status()
    assert (now["phase"], cluster.condition("Ready")["reason"]) == ("Failed", "InvalidSpec")
    assert now["service"] == known["service"] and now["score"] == known["score"]


def test_demonstrations_from_before_their_limit_go_on() -> None:
    long = [{"input": "x" * 5000, "output": "y"}] * 60
    cluster = Cluster()
    body = cluster.of(PROMPT2MODEL)[0]
    cluster.api.put({**body, "spec": {"instruction": "Do it.", "demonstrations": long}})
    assert asyncio.run(cluster.run(outputs)) == "Ready"
