"""Edits of a finished resource: what is run again, while the old service answers."""

from __future__ import annotations

import random

import pytest

from prompt2model_operator.kinds import DEPLOYMENT, POD
from prompt2model_operator.manifests.service import DIGEST
from tests.e2e.clients import client
from tests.e2e.clusters import NEXT_TAG, TAG
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import MLFLOW, Release
from tests.e2e.resources import Resource
from tests.e2e.witness import Witness

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

RETRAINED = ["train", "evaluate"]


def another_rate() -> float:
    """A learning rate that nobody has trained with yet."""
    return round(random.uniform(1e-4, 2e-4), 9)


def test_another_learning_rate_trains_anew_and_the_old_service_answers_on(finished: Resource, kube: Kube) -> None:
    resource = finished
    old = resource.status()
    with (
        client(kube, resource.namespace, old["service"]["url"]) as asked,
        Witness(kube, resource.namespace) as seen,
    ):
        asked.wait_answers(3)
        resource.edit({"training": {"learningRate": another_rate()}})
        resource.wait_ready()
        told = asked.wait_answers(5)
        assert told["failed"] == [], told["failed"][:10]
        assert seen.stages() == RETRAINED
        assert all(count == 1 for count in seen.attempts().values()), seen.attempts()
    new = resource.status()
    assert new["service"]["digest"] != old["service"]["digest"]
    assert new["model"]["sha256"] != old["model"]["sha256"]
    served = {pod["metadata"]["annotations"][DIGEST] for pod in resource.pods("prompt2model.dev/role=service")}
    assert new["service"]["digest"] in served


def test_training_on_two_workers(finished: Resource, kube: Kube) -> None:
    """Both in the head's pod, since the claim is mounted on one node: it asks for the compute of both."""
    resource = finished
    with Witness(kube, resource.namespace) as seen:
        two = {"learningRate": another_rate(), "workers": 2, "resources": {"cpu": "200m"}}
        resource.edit({"training": two})
        resource.wait_ready()
        assert seen.stages() == RETRAINED
        assert all(count == 1 for count in seen.attempts().values()), seen.attempts()
        trained = [pod for pod in seen.made(POD) if pod["metadata"]["labels"].get("prompt2model.dev/stage") == "train"]
        heads = [pod for pod in trained if pod["metadata"]["labels"].get("ray.io/node-type") == "head"]
        assert len(heads) == 1
        assert [pod for pod in trained if pod["metadata"]["labels"].get("ray.io/node-type") == "worker"] == []
        (asked,) = {one["resources"]["requests"]["cpu"] for one in heads[0]["spec"]["containers"]}
        assert asked == "400m"
    status = resource.stage_runs("train")[-1]["status"]
    assert status["progress"]["done"] == status["progress"]["total"] and status["attempt"] == 1


def test_images_upgraded_in_the_middle_touch_no_running_workload(
    finished: Resource, release: Release, kube: Kube
) -> None:
    resource = finished
    known = len(resource.stage_runs("train"))
    with Witness(kube, resource.namespace) as seen:
        resource.edit({"training": {"learningRate": another_rate()}})
        run = resource.wait_working("train", known)
        try:
            release.install({"images": {"tag": NEXT_TAG}})
            resource.wait_ready()
            assert seen.stages() == RETRAINED
            assert all(count == 1 for count in seen.attempts().values()), seen.attempts()
            trained = [w for w in seen.workloads() if w["metadata"]["labels"]["prompt2model.dev/stage"] == "train"]
            assert trained[0]["metadata"]["generation"] == 1 or _images(trained[0]) == {TAG}
            assert (
                len([p for p in seen.stage_pods() if p["metadata"]["labels"]["prompt2model.dev/stage"] == "train"]) == 1
            )
            (again,) = [r for r in resource.stage_runs("train") if r["metadata"]["name"] == run["metadata"]["name"]]
            assert again["status"]["attempt"] == 1
            wait_for("the service in its new image", lambda: _service_image(kube, resource, NEXT_TAG), 180)
            resource.wait_ready()
        finally:
            release.install()
        wait_for("the service in its old image", lambda: _service_image(kube, resource, TAG), 180)
        resource.wait_ready()
        assert seen.stages() == RETRAINED


def test_mlflow_away_stops_nothing_and_is_recorded_later(finished: Resource, release: Release) -> None:
    resource = finished
    with release.without(MLFLOW):
        resource.edit({"training": {"learningRate": another_rate()}})
        resource.wait_condition("Tracked", "MLflowAway")
        resource.wait_ready()
        assert resource.condition("Tracked")["status"] == "False"
    resource.wait_condition("Tracked", "Recorded", within=300)
    recorded = release.recorded(resource.namespace, resource.name)
    # Other tests leave stage runs that failed; they are recorded too.
    finished_runs = [run["p2m.stage_run"] for run in recorded if "p2m.stage_run" in run and run["status"] == "FINISHED"]
    succeeded = [run["metadata"]["name"] for run in resource.stage_runs() if run["status"]["phase"] == "Succeeded"]
    assert sorted(finished_runs) == sorted(succeeded)
    assert [run["status"] for run in recorded if run.get("p2m.kind") == "resource"] == ["FINISHED"]


def _images(workload: Body) -> set[str]:
    text = str(workload["spec"])
    return {tag for tag in (TAG, NEXT_TAG) if f"prompt2model-stages:{tag}'" in text}


def _service_image(kube: Kube, resource: Resource, tag: str) -> None:
    deployment = kube.get(DEPLOYMENT, resource.namespace, resource.name) or {}
    pods = kube.list(POD, resource.namespace, "prompt2model.dev/role=service")
    images = {c["image"] for pod in pods for c in pod["spec"]["containers"]}
    status = deployment.get("status", {})
    if {image.rsplit(":", 1)[-1] for image in images} != {tag} or not status.get("readyReplicas"):
        raise NotYet(f"{images}, {status}")
