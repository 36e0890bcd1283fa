"""The rendered CRDs on a real API server: what it takes, what it refuses and in which words, what it fills in.

Set P2M_E2E_KUBECONFIG to the kubeconfig of a cluster whose CRDs may be replaced, and have kubectl on PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.fields import fields_of
from prompt2model_api.loading import parse
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.spec.training import Training
from prompt2model_api.stage_run import StageRun
from tests.unit.api_cases import AMOUNTS, CHOICE, LOCAL_ONLY, REFUSED, TAKEN, WRONG_AMOUNTS, Refused, resource

KUBECONFIG = os.environ.get("P2M_E2E_KUBECONFIG", "")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not KUBECONFIG, reason="P2M_E2E_KUBECONFIG names no cluster"),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH"),
]

CRDS = Path(__file__).parents[2] / "crds"
EXAMPLES = Path(__file__).parents[2] / "examples"
NAMESPACE = "p2m-crd-test"
SHA = "ab" * 32


def kubectl(*arguments: str, given: object = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", "--kubeconfig", KUBECONFIG, *arguments],
        input=None if given is None else json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def done(*arguments: str, given: object = None) -> str:
    finished = kubectl(*arguments, given=given)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def refused(*arguments: str, given: object = None) -> str:
    finished = kubectl(*arguments, given=given)
    assert finished.returncode != 0, finished.stdout
    return finished.stderr


def created(given: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(done("create", "-n", NAMESPACE, "-o", "json", "-f", "-", given=given))
    return made


def table(kind: str, name: str, *arguments: str) -> tuple[list[str], list[str]]:
    """The columns of `kubectl get`, and the words of the one row."""
    columns, row = done("get", "-n", NAMESPACE, kind, name, *arguments).splitlines()
    return columns.split(), row.split()


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    names = ("prompt2models.yaml", "stageruns.yaml")
    done("apply", "--server-side", "--force-conflicts", *(word for name in names for word in ("-f", str(CRDS / name))))
    done("wait", "--for=condition=Established", "--timeout=30s", *(f"-f{CRDS / name}" for name in names))
    kubectl("create", "namespace", NAMESPACE)
    done("delete", "p2m,p2msr", "--all", "-n", NAMESPACE)
    yield
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_means_the_same_there(name: str) -> None:
    """An API server fills in the defaults that the types fill in: the same digests in a cluster and on one machine."""
    given = resource(name, TAKEN[name])
    stored = created(given)
    here = parse(json.dumps(given), name).spec.dump()
    assert Prompt2Model.model_validate_json(json.dumps(stored)).spec.dump() == here
    assert stored["spec"] == here


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    case: Refused = REFUSED[name]
    sentence = refused("create", "-n", NAMESPACE, "-f", "-", given=resource(name, case.spec))
    assert (case.there or case.here) in sentence


def test_cpu_and_memory_are_taken_as_pods_take_them() -> None:
    for number, (given, meant) in enumerate(AMOUNTS.items()):
        for part in ("training", "evaluation", "service"):
            memory = given if given == 1073741824 else "512Mi"
            amounts = {"cpu": given, "memory": memory}
            stored = created(resource(f"amount-{number}-{part}", {"prompt": "p", part: {"resources": amounts}}))
            assert stored["spec"][part]["resources"]["cpu"] == given
            read = Prompt2Model.model_validate(stored).spec.dump()
            assert read[part]["resources"] == {"cpu": meant, "memory": str(memory), "gpu": 0}
    for given in WRONG_AMOUNTS:
        spec = {"prompt": "p", "training": {"resources": {"cpu": given}}}
        assert "spec.training.resources.cpu" in refused("create", "-n", NAMESPACE, "-f", "-", given=resource("a", spec))


@pytest.mark.parametrize("name", ["dates", "tickets-in-a-cluster"])
def test_examples_are_taken(name: str) -> None:
    done("create", "-n", NAMESPACE, "--dry-run=server", "-f", str(EXAMPLES / f"{name}.yaml"))


def test_kubectl_explains_the_fields() -> None:
    told = " ".join(done("explain", "p2m.spec.training").split())
    for name, field in fields_of(Training).items():
        assert f"{name} <" in told
        assert " ".join(str(field.description).split()) in told


@pytest.mark.parametrize("name", LOCAL_ONLY)
def test_what_only_a_local_run_can_read_is_refused(name: str) -> None:
    spec, words = LOCAL_ONLY[name]
    field, _, said = words.partition(" is ")
    sentence = refused("create", "-n", NAMESPACE, "-f", "-", given=resource(name, spec))
    assert f"{field}: " in sentence and f"{field.rsplit('.', 1)[-1]} is {said}" in sentence


def test_names() -> None:
    long = refused("create", "-n", NAMESPACE, "-f", "-", given=resource("a" * 53, TAKEN["prompt-alone"]))
    assert "metadata.name has over 52 characters: shorten it" in long
    dotted = refused("create", "-n", NAMESPACE, "-f", "-", given=resource("a.b", TAKEN["prompt-alone"]))
    assert "metadata.name holds a dot" in dotted
    created(resource("a" * 52, TAKEN["prompt-alone"]))


def test_storage_stays_and_the_rest_may_change() -> None:
    created(resource("moving", {"prompt": "p", "storage": {"claim": "one"}}))
    done("patch", "-n", NAMESPACE, "p2m", "moving", "--type=merge", "-p", '{"spec": {"training": {"epochs": 5}}}')
    for patch in ({"claim": "two"}, {"size": "20Gi"}, {"claim": None}):
        change = json.dumps({"spec": {"storage": patch}})
        sentence = refused("patch", "-n", NAMESPACE, "p2m", "moving", "--type=merge", "-p", change)
        assert "storage cannot be changed, because results are stored there" in sentence
    change = json.dumps({"spec": {"retention": {"storage": "Delete"}}})
    done("patch", "-n", NAMESPACE, "p2m", "moving", "--type=merge", "-p", change)
    created(resource("own-claim", {"prompt": "p"}))
    sentence = refused("patch", "-n", NAMESPACE, "p2m", "own-claim", "--type=merge", "-p", change)
    assert "retention.storage can only be changed where storage names a uri or a claim" in sentence


def stage_run(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "prompt2model.dev/v1alpha1",
        "kind": "StageRun",
        "metadata": {"name": name},
        "spec": {
            "resource": "dates",
            "stage": "prepare",
            "digest": SHA,
            "storage": "file:///p2m/default/dates",
            "parameters": {"datasets.maxRows": 3000, "datasets.own": {"uri": "own.csv"}},
            "inputs": {"discover": "discover-abababab"},
            "decision": {"dataset": CHOICE},
        },
    }


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "cd" * 32},
        {"parameters": {"datasets.maxRows": 1}},
        {"parameters": {"datasets.own": {"uri": "other.csv"}}},
        {"decision": {"dataset": {"split": "test"}}},
        {"inputs": {"discover": "discover-cdcdcdcd"}},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_stage_run_is_frozen(change: dict[str, Any]) -> None:
    name = "frozen-" + "-".join(change)
    kubectl("create", "-n", NAMESPACE, "-f", "-", given=stage_run(name))
    patch = json.dumps({"spec": change})
    sentence = refused("patch", "-n", NAMESPACE, "p2msr", name, "--type=merge", "-p", patch)
    assert "spec of a StageRun cannot be changed" in sentence


def test_a_stage_reports_with_one_patch() -> None:
    """The stage patches progress and result of the status subresource; the columns show it."""
    created(stage_run("reporting"))
    status = {
        "phase": "Running",
        "state": "Blocked",
        "failure": {"state": "Blocked", "reason": "SecretMissing", "message": "It is not there."},
        "attempt": 1,
        "progress": {"attempt": 1, "done": 120, "total": 500, "unit": "rows", "at": "2026-11-21T05:00:00Z"},
    }
    run = StageRun.model_validate({**stage_run("reporting"), "status": status})
    patch = json.dumps({"status": run.status.dump()})
    done("patch", "-n", NAMESPACE, "p2msr", "reporting", "--subresource=status", "--type=merge", "-p", patch)
    stored = json.loads(done("get", "-n", NAMESPACE, "p2msr", "reporting", "-o", "json"))
    assert StageRun.model_validate_json(json.dumps(stored)).status == run.status
    columns, row = table("p2msr", "reporting")
    assert columns == ["NAME", "STAGE", "STATE", "REASON", "PROGRESS", "ATTEMPT", "AGE"]
    assert row[:7] == ["reporting", "prepare", "Blocked", "SecretMissing", "120/500", "rows", "1"]
    assert table("p2msr", "reporting", "-o", "wide")[0] == [*columns[:-1], "RUN", "AGE"]


def test_status_is_kept_whole_and_conditions_are_a_map() -> None:
    created(resource("whole", TAKEN["prompt-alone"]))
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-21T05:00:00Z",
    }
    interval = {"value": 97.0, "low": 95.0, "high": 99.0}
    seen = {
        "phase": "Ready",
        "conditions": [condition],
        "score": "97.0",
        "teacherScore": "12.5",
        "scores": [{"split": "Own", "metric": "ExactMatch", "rows": 100, "student": interval}],
        "model": {"name": "default.whole", "digest": SHA, "uri": "file:///m", "sha256": SHA},
        "service": {"url": "http://whole.default:3000"},
        "discovered": {"instruction": "Turn dates.", "language": "en", "rows": {"train": 3}},
    }
    status = Prompt2Model.model_validate({**resource("whole", {"prompt": "p"}), "status": seen}).dump()["status"]
    patch = ("patch", "-n", NAMESPACE, "p2m", "whole", "--subresource=status", "--type=merge", "-p")
    done(*patch, json.dumps({"status": status}))
    assert json.loads(done("get", "-n", NAMESPACE, "p2m", "whole", "-o", "json"))["status"] == status
    done("wait", "-n", NAMESPACE, "p2m/whole", "--for=condition=Ready", "--timeout=5s")
    columns, row = table("p2m", "whole")
    assert columns == ["NAME", "PHASE", "PROGRESS", "SCORE", "TEACHER", "AGE"]
    assert row[:4] == ["whole", "Ready", "97.0", "12.5"]
    wide, row = table("p2m", "whole", "-o", "wide")
    assert wide == [*columns[:-1], "REASON", "MODEL", "URL", "RUN", "AGE"]
    assert row[4:7] == ["Ready", "default.whole", "http://whole.default:3000"]
    twice = refused(*patch, json.dumps({"status": {"conditions": [condition, condition]}}))
    assert "Duplicate value" in twice
