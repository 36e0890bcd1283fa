"""What the chart adds to the environment of the pods, and what it may not touch."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from prompt2model_api.stage_run import Stage
from prompt2model_operator.manifests.ray_patience import RAY_WAIT
from prompt2model_operator.manifests.record_jobs import storage_removal_job, tracking_job
from prompt2model_operator.manifests.service import service_objects
from prompt2model_operator.pod_environment import PREFIX, TAKEN
from prompt2model_operator.settings import Settings
from tests import charts
from tests.unit.test_operator_manifests import CASES, NO_KUBERAY, PLAIN, SERVED, pods, resource, workload

pytestmark = pytest.mark.unit

PROXY = {"name": "HTTPS_PROXY", "value": "http://proxy:3128"}
SECRET = {"name": "PROXY_LOGIN", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "login"}}}


def settings(of: str, *env: dict[str, Any], base: Settings = NO_KUBERAY) -> Settings:
    return Settings.model_validate({**base.dump(), "pods": {of: {"env": env}}})


def containers(tree: Any) -> list[dict[str, Any]]:
    return [c for pod in pods(tree) for c in [*pod.get("initContainers", []), *pod["containers"]]]


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_has_its_own(stage: Stage) -> None:
    made = workload(stage, settings(stage.value, PROXY, SECRET))
    assert [container["env"][-2:] for container in containers(made)] == [[PROXY, SECRET]]
    for other in set(Stage) - {stage}:
        assert PROXY not in containers(workload(other, settings(stage.value, PROXY)))[0]["env"]


def test_the_head_and_the_workers_of_ray_have_it_and_the_submitter_its_own() -> None:
    several = {"training": {"workers": 2}}
    whole = Settings.model_validate({"teacher": {"url": "http://t/v1"}, "storage": {"uri": "s3://a"}})
    made = workload(Stage.TRAIN, settings("train", PROXY, base=whole), **several)
    by_name = [(c["name"], PROXY in c["env"]) for c in containers(made)]
    assert sorted(by_name) == [("ray", True), ("ray", True), ("submitter", False)]
    made = workload(Stage.TRAIN, settings("submitter", PROXY, base=whole), **several)
    assert [c["name"] for c in containers(made) if PROXY in c["env"]] == ["submitter"]


def test_both_containers_of_the_service_have_it() -> None:
    made = containers(service_objects(resource(), SERVED, settings("service", PROXY)))
    assert [(c["name"], c["env"][-1]) for c in made] == [("fetch", PROXY), ("service", PROXY)]


def test_the_jobs_beside_the_flow_have_it() -> None:
    for build in (lambda s: tracking_job(resource(), s, 1), lambda s: storage_removal_job(resource(), s)):
        assert containers(build(settings("tracking", PROXY)))[0]["env"][-1] == PROXY


def test_a_pod_with_env_alone_keeps_its_compute() -> None:
    plain, train = Settings().pods, settings("train", PROXY).pods.train
    assert (train.requests, train.limits) == (plain.train.requests, plain.train.limits)
    own = Settings.model_validate({"pods": {"train": {"env": [PROXY], "limits": {"memory": "9Gi"}}}}).pods.train
    assert (own.requests, own.limits) == ({}, {"memory": "9Gi"})


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ({"name": "P2M_JOB", "value": "{}"}, "P2M_JOB is set by the operator itself"),
        ({"name": "HF_HOME", "value": "/x"}, "HF_HOME is set by the operator itself"),
        ({"name": "A"}, "A needs one of value and valueFrom"),
        ({"name": "A", "value": "1", "valueFrom": {}}, "A needs one of value and valueFrom"),
        ({"name": "A=B", "value": "1"}, "pattern"),
    ],
)
def test_what_is_refused(variable: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings("train", variable)


def test_every_name_that_a_manifest_sets_is_taken() -> None:
    names = {variable["name"] for case in CASES.values() for c in containers(case()) for variable in c["env"]}
    assert len(names) > 10
    assert {name for name in names if not name.startswith(PREFIX)} - TAKEN == {RAY_WAIT}


@pytest.mark.parametrize("base", [NO_KUBERAY, PLAIN], ids=["job", "rayjob"])
def test_rays_own_wait_is_generous_and_the_charts_where_it_says_one(base: Settings) -> None:
    own = {"name": RAY_WAIT, "value": "77"}
    for chosen, value in ((base, "300"), (settings("generate", own, base=base), "77")):
        made = [c for c in containers(workload(Stage.GENERATE, chosen)) if c["name"] != "submitter"]
        found = [variable["value"] for c in made for variable in c["env"] if variable["name"] == RAY_WAIT]
        assert found == [value]


@pytest.mark.parametrize(("given", "seconds"), [({}, 1800), ({"startupSeconds": 61}, 65)])
def test_rays_containers_have_time_to_start(given: dict[str, int], seconds: int) -> None:
    chosen = Settings.model_validate({**PLAIN.dump(), "storage": {"uri": "s3://a"}, "ray": given})
    made = containers(workload(Stage.TRAIN, chosen, training={"workers": 2}))
    probes = [c["startupProbe"] for c in made if c["name"] == "ray"]
    assert [probe["periodSeconds"] * probe["failureThreshold"] for probe in probes] == [seconds, seconds]


def test_the_chart_refuses_the_same_names() -> None:
    text = (charts.CHART / "templates" / "_settings.tpl").read_text("utf-8")
    (listed,) = re.findall(r"\$taken := list (.*) -\}\}", text)
    assert set(re.findall(r'"(\w+)"', listed)) == TAKEN
