"""What a user wrote, as the stages get it: the prompt byte for byte, own data with the content that the digest names."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from prompt2model_operator.kinds import CONFIGMAP, POD
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import MANY, STAGES, Release
from tests.e2e.resources import Resource, merged

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

WILD = "Write $(HOME), $$ and $(P2M_ATTEMPT) as LaTeX: $$\\frac{1}{2}$$.\n\tInput: ${HOME}\nOutput: `echo é`\n"
STORAGE = {"storage": {"size": "1Mi"}, "retention": {"storage": "Delete"}, "service": {"enabled": False}}
ROWS = "input,output\na,b\n"
OWN: Body = {
    "prompt": "Say it.",
    "datasets": {"own": {"configMap": {"name": "own-rows", "key": "rows.csv"}}, "selection": "Manual"},
    **STORAGE,
}
GETS = 'p2m_api_requests_total{resource="configmaps",verb="get"}'


def test_a_prompt_reaches_the_stage_byte_for_byte(many: Release, nobody: None, kube: Kube) -> None:
    resource = Resource(kube, MANY, "dollars")
    resource.apply({"prompt": WILD, **STORAGE})
    run = resource.wait_run("discover", phase="Succeeded", within=180)
    assert run["spec"]["parameters"]["prompt"] == WILD
    assert run["status"]["result"]["outputs"]["instruction"] == WILD, "the stand-in answers with what its file says"
    for pod in kube.list(POD, MANY, resource.selector):
        values = [e.get("value", "") for c in pod["spec"]["containers"] for e in c["env"]]
        assert not any("LaTeX" in value for value in values)


def test_own_data_is_named_when_it_is_missing_and_nothing_runs_without_it(
    many: Release, nobody: None, kube: Kube
) -> None:
    resource = Resource(kube, MANY, "own")
    remove(kube)
    resource.apply(OWN)
    found = resource.wait_condition("Ready", "ConfigMapMissing", "Create it with key rows.csv", within=60)
    assert "there is no ConfigMap own-rows in namespace" in found["message"]
    assert resource.status()["phase"] == "Blocked" and not resource.stage_runs()
    put(kube)
    resource.wait_condition("DataReady", "AwaitingChoice", within=240)
    remove(kube)
    resource.apply(merged(OWN, {"datasets": {"choice": {"none": True}}}))
    resource.wait_condition("DataReady", "ConfigMapMissing", within=60)
    assert not resource.stage_runs("prepare")
    put(kube)
    resource.wait_ready(240)
    (prepare,) = resource.stage_runs("prepare")
    assert prepare["spec"]["sources"] == {"datasets.own": hashlib.sha256(ROWS.encode()).hexdigest()}
    assert Counter(run["spec"]["stage"] for run in resource.stage_runs()) == Counter(STAGES)


def test_own_data_that_is_removed_after_its_use_runs_nothing_again(many: Release, nobody: None, kube: Kube) -> None:
    resource = Resource(kube, MANY, "own")
    put(kube)
    resource.apply(merged(OWN, {"datasets": {"choice": {"none": True}}}))
    resource.wait_ready(240)
    remove(kube)
    reads = many.metric(GETS) or 0.0
    wait_for("two more reads of the ConfigMap", lambda: _reads(many, reads + 2), 120)
    assert resource.status()["phase"] == "Ready"
    put(kube)
    reads = many.metric(GETS) or 0.0
    wait_for("two more reads of the ConfigMap", lambda: _reads(many, reads + 2), 120)
    assert resource.status()["phase"] == "Ready"
    assert Counter(run["spec"]["stage"] for run in resource.stage_runs()) == Counter(STAGES)


def put(kube: Kube) -> None:
    """The ConfigMap with own data."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own-rows", "namespace": MANY}}
    kube.apply(CONFIGMAP, {**body, "data": {"rows.csv": ROWS}})


def remove(kube: Kube) -> None:
    """Removes it."""
    kube.delete(CONFIGMAP, MANY, "own-rows")


def _reads(release: Release, wanted: float) -> None:
    if (found := release.metric(GETS) or 0.0) < wanted:
        raise NotYet(f"{found} of {wanted}")
