"""The choice page's reads and patches on a real API server, with the rights of the caller alone.

Set P2M_E2E_KUBECONFIG to the kubeconfig of a cluster whose CRDs may be replaced and in which no operator runs, and have kubectl on
PATH.
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

from prompt2model_api.candidates import FILE
from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import API_VERSION, Prompt2ModelSpec
from prompt2model_api.results import Choice
from prompt2model_stages.choosing import cluster_place
from prompt2model_stages.choosing.cluster_place import ClusterPlace
from prompt2model_stages.choosing.picking import CHOICE_PATH, STUDENT_PATH
from tests import waiting_runs

KUBECONFIG = os.environ.get("P2M_E2E_KUBECONFIG", "")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not KUBECONFIG, reason="P2M_E2E_KUBECONFIG names no cluster"),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH"),
]

CRDS = Path(__file__).parents[2] / "crds"
NAMESPACE = "p2m-choose-test"
OPTIONS = ["--kubeconfig", KUBECONFIG, "--namespace", NAMESPACE]
DIGEST = "ab" * 32
STAGE_RUN = f"questions-discover-{DIGEST[:8]}"
OLD = {"name": "google/boolq", "config": "c", "split": "dev", "inputColumns": ["q"], "outputColumn": "a"}
SQUAD = {
    "name": "rajpurkar/squad",
    "split": "train",
    "inputColumns": ["question", "context"],
    "outputColumn": "answers.text",
}


def kubectl(*arguments: str, given: object = None) -> None:
    text = None if given is None else json.dumps(given)
    done = subprocess.run(
        ["kubectl", *arguments, *OPTIONS], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def body(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    labels = {"prompt2model.dev/resource": "questions"}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.fixture(scope="module", autouse=True)
def waiting() -> Iterator[None]:
    """A resource that waits for its choice, as an operator leaves it."""
    names = ("prompt2models.yaml", "stageruns.yaml")
    files = [f"-f{CRDS / name}" for name in names]
    kubectl("apply", "--server-side", "--force-conflicts", *files)
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *files)
    kubectl("create", "namespace", NAMESPACE)
    outputs = waiting_runs.outputs()
    storage = "/storage/default/questions"
    discovered = {
        "instruction": waiting_runs.INSTRUCTION,
        "datasetCandidates": [c.dump() for c in outputs.dataset_candidates or []],
        "studentCandidates": [c.dump() for c in outputs.student_candidates or []],
        "candidatesFile": f"{storage}/discover-{DIGEST[:8]}/{FILE}",
    }
    result = {"attempt": 1, "digest": DIGEST, "sha256": DIGEST, "outputs": outputs.dump()}
    kubectl(
        "create",
        "-f",
        "-",
        given=body("Prompt2Model", "questions", {"prompt": "x", "datasets": {"choice": OLD, "topK": 7}}),
    )
    run = {"resource": "questions", "stage": "discover", "digest": DIGEST, "storage": storage}
    kubectl("create", "-f", "-", given=body("StageRun", STAGE_RUN, run))
    for kind, name, status in (
        ("p2m", "questions", {"phase": "AwaitingChoice", "discovered": discovered}),
        ("p2msr", STAGE_RUN, {"phase": "Succeeded", "attempt": 1, "result": result}),
    ):
        kubectl("patch", kind, name, "--subresource", "status", "--type", "merge", "-p", json.dumps({"status": status}))
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=prompt2models.prompt2model.dev")
    kubectl("create", "rolebinding", "reader", "--role=reader", "--user=eve")
    yield
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_a_choice_takes_the_place_of_another_one() -> None:
    place = ClusterPlace("questions", OPTIONS)
    offers = place.offers()
    assert [offered.candidate.name for offered in offers.datasets] == [c.name for c in waiting_runs.datasets()]
    assert offers.datasets[6].score is None and offers.where.endswith(NAMESPACE)
    proposal = place.propose(place.present(), {CHOICE_PATH: SQUAD, STUDENT_PATH: "org/s1"})
    assert "config: c" in proposal.before and "config" not in proposal.after
    assert "is patched" in place.save(proposal)
    spec: Prompt2ModelSpec = place.offers().spec
    assert (
        spec.datasets.choice == Choice.model_validate(SQUAD)
        and spec.student.name == "org/s1"
        and spec.datasets.top_k == 7
    )
    assert "is patched" in place.save(place.propose(place.present(), {CHOICE_PATH: {"none": True}}))
    assert place.offers().spec.datasets.choice == Choice(none=True)
    with pytest.raises(SpecError, match="was changed meanwhile"):
        place.save(proposal)


def test_what_the_server_refuses_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    place = ClusterPlace("questions", OPTIONS)
    path = {CHOICE_PATH: {**SQUAD, "name": "./rows.csv"}}
    with pytest.raises(SpecError, match=r"^questions: .*name is a path"):
        place.propose(place.present(), path)
    monkeypatch.setattr(
        cluster_place, "unusable_places", lambda spec: []
    )  # as where the server knows more than this p2m
    with pytest.raises(SpecError, match=r"kubectl patch: .*name is a path"):
        place.save(place.propose(place.present(), path))
    with pytest.raises(SpecError, match=r'kubectl get: .*"nobody" not found'):
        ClusterPlace("nobody", OPTIONS).offers()


def test_the_rights_are_the_callers() -> None:
    place = ClusterPlace("questions", [*OPTIONS, "--as", "eve"])
    offers = place.offers()
    assert len(offers.datasets) == 5 and offers.notes[0].startswith("The nearest five candidates alone are shown.")
    with pytest.raises(SpecError, match=r"kubectl patch: .*forbidden"):
        place.save(place.propose(place.present(), {STUDENT_PATH: "org/s3"}))
