"""A stage that failed goes on once its cause is fixed, with kubectl alone; what the cluster ends uses up no attempt."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from prompt2model_operator.kinds import RETRY
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import MANY, STAGES, Release
from tests.e2e.resources import Resource

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

WITHIN_S = 180.0


@pytest.fixture
def short(many: Release, kube: Kube) -> Iterator[Resource]:
    """A resource with the short stages that is not there yet, and removed at the end."""
    resource = Resource(kube, MANY, "again")
    resource.delete()
    resource.wait_gone()
    yield resource
    resource.delete()
    resource.wait_gone()


def spec(prompt: str, **more: Body) -> Body:
    own = {"storage": {"size": "1Mi"}, "retention": {"storage": "Delete"}, "service": {"enabled": False}}
    return {"prompt": prompt, "retries": {"attempts": 1, "backoffSeconds": 1}, **own, **more}


def test_a_stage_out_of_memory_goes_on_after_the_annotation_and_after_more_memory(short: Resource) -> None:
    needy = "Say it. train needs 600 MB"
    short.apply(spec(needy))
    found = short.wait_condition("Trained", "OOMKilled", f"kubectl annotate p2m again -n {MANY}", WITHIN_S)
    assert "(1 of 1 attempts failed.)" in found["message"] and short.status()["phase"] == "Failed"
    (run,) = short.stage_runs("train")
    first = short.seen()["metadata"]["uid"]

    short.kube.kubectl("annotate", "p2m", short.name, "-n", MANY, f"{RETRY}=1", "--overwrite")
    wait_for("another attempt that fails as well", lambda: _failed(short, attempt=2), WITHIN_S)

    short.apply(spec(needy, training={"resources": {"memory": "2Gi"}}))
    wait_for("Ready after more memory", lambda: _ready(short), WITHIN_S)
    (again,) = short.stage_runs("train")
    assert (again["metadata"]["uid"], again["status"]["attempt"]) == (run["metadata"]["uid"], 3)
    assert short.seen()["metadata"]["uid"] == first
    assert attempts(short) == {**dict.fromkeys(STAGES, 1), "train": 3}


def test_an_evicted_pod_uses_up_no_attempt(short: Resource) -> None:
    short.apply(spec("Say it. generate takes 45 s"))
    pod = wait_for("generate at work", lambda: _at_work(short, "generate"), WITHIN_S)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": MANY}}
    path = f"/api/v1/namespaces/{MANY}/pods/{pod}/eviction"
    short.kube.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))
    wait_for("Ready", lambda: _ready(short), WITHIN_S)
    (run,) = short.stage_runs("generate")
    counts = {name: run["status"][name] for name in ("attempt", "failures", "interruptions", "blocks")}
    assert counts == {"attempt": 2, "failures": 0, "interruptions": 1, "blocks": 0}


def test_a_pod_whose_clock_is_behind_is_heard(short: Resource) -> None:
    short.apply(spec("Say it. generate takes 75 s. generate is 660 s behind", deadlines={"heartbeatSeconds": 30}))
    wait_for("Ready", lambda: _ready(short), WITHIN_S)
    assert attempts(short) == dict.fromkeys(STAGES, 1)


def test_a_stage_that_goes_silent_is_ended(short: Resource) -> None:
    silent = {"heartbeatSeconds": 30, "startSeconds": 30}
    short.apply(spec("Say it. generate takes 600 s", deadlines=silent))
    found = short.wait_condition("DataReady", "HeartbeatLost", within=WITHIN_S)
    assert "generate" in found["message"], found


def attempts(resource: Resource) -> dict[str, int]:
    """The attempts that each stage took."""
    return {run["spec"]["stage"]: run["status"]["attempt"] for run in resource.stage_runs()}


def _failed(resource: Resource, attempt: int) -> None:
    (run,) = resource.stage_runs("train")
    status = run["status"]
    if (status["phase"], status["attempt"]) != ("Failed", attempt):
        raise NotYet(f"{status['phase']}, attempt {status['attempt']}")


def _ready(resource: Resource) -> None:
    if resource.condition("Ready")["status"] != "True":
        raise NotYet(f"{resource.condition('Ready')}")


def _at_work(resource: Resource, stage: str) -> str:
    for pod in resource.pods(f"prompt2model.dev/stage={stage}"):
        if pod["status"].get("phase") == "Running":
            return str(pod["metadata"]["name"])
    raise NotYet(f"{resource.status().get('phase')}")
