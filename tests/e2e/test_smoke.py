"""The example in a cluster: from apply to an answering service, and that nothing is done twice."""

from __future__ import annotations

import time

import pytest

from prompt2model_operator.kinds import AUTOSCALER, POD
from tests.e2e.clients import client
from tests.e2e.kube import Kube, NotYet, wait_for
from tests.e2e.release import RUNS, Release
from tests.e2e.resources import Resource, small_example
from tests.e2e.witness import Witness

pytestmark = [pytest.mark.e2e, pytest.mark.smoke]

STAGES = ["discover", "generate", "prepare", "train", "evaluate"]
QUIET_S = 15.0


def test_example_goes_from_apply_to_ready_and_answers_in_the_cluster(release: Release, kube: Kube) -> None:
    resource = Resource(kube, RUNS, "dates")
    began = time.monotonic()
    with Witness(kube, resource.namespace) as seen:
        resource.apply(small_example())
        body = resource.wait_ready()
        seconds = time.monotonic() - began
    status, runs = body["status"], resource.stage_runs()
    assert sorted(run["spec"]["stage"] for run in runs) == sorted(STAGES)
    assert all(run["status"]["attempt"] == 1 for run in runs)
    assert all(count == 1 for count in seen.attempts().values()), seen.attempts()
    assert status["model"]["name"] == f"{resource.namespace}.{resource.name}"
    assert status["score"] != "" and status["spent"]["requests"] > 0
    with client(kube, resource.namespace, status["service"]["url"]) as asked:
        told = asked.wait_answers(3)
    assert told["failed"] == []
    work = sum(run["status"]["result"]["seconds"] for run in runs)
    print(f"Ready after {seconds:.0f} s, of which the stages worked {work:.0f} s.")  # noqa: T201


def test_all_of_it_is_recorded(finished: Resource, release: Release) -> None:
    finished.wait_condition("Tracked", "Recorded")
    runs = release.recorded(finished.namespace, finished.name)
    recorded = [run["p2m.stage_run"] for run in runs if "p2m.stage_run" in run]
    wanted = {run["metadata"]["name"] for run in finished.stage_runs()}
    assert sorted(recorded) == sorted(wanted)
    assert all(run["status"] == "FINISHED" for run in runs if "p2m.stage_run" in run)
    pages = [body["status"]["runURL"] for body in (finished.seen(), *finished.stage_runs())]
    assert all(page.startswith("https://mlflow.example.com/#/experiments/") for page in pages)


def test_the_same_apply_starts_no_pod(finished: Resource, kube: Kube) -> None:
    runs = [run["metadata"]["uid"] for run in finished.stage_runs()]
    with Witness(kube, finished.namespace) as seen:
        spec = finished.seen()["spec"]
        finished.apply(spec)
        time.sleep(QUIET_S)
        assert seen.made(POD) == []
    assert [run["metadata"]["uid"] for run in finished.stage_runs()] == runs
    assert finished.seen()["spec"] == spec


def test_replicas_restart_nothing(finished: Resource, kube: Kube) -> None:
    pods = {pod["metadata"]["uid"] for pod in finished.pods("prompt2model.dev/role=service")}
    with Witness(kube, finished.namespace) as seen:
        finished.edit({"service": {"replicas": {"min": 1, "max": 3}}})

        def widened() -> None:
            scaler = kube.get(AUTOSCALER, finished.namespace, finished.name)
            if scaler is None or scaler["spec"]["maxReplicas"] != 3:
                raise NotYet(f"{scaler and scaler['spec']}")

        wait_for("the autoscaler's new bound", widened, 60)
        finished.wait_ready(60)
        time.sleep(QUIET_S)
        assert seen.stages() == [] and seen.made(POD) == []
    assert {pod["metadata"]["uid"] for pod in finished.pods("prompt2model.dev/role=service")} == pods
