"""Who gets at MLflow in a cluster: labels open the NetworkPolicy, credentials open a namespace's own record and no other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prompt2model_operator.kinds import MANAGED_BY, MANAGER, POD, ROLE, SECRET
from tests.e2e.clients import script_pod
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import FAULTS, MLFLOW, NAMESPACE, RUNS, Release, secret_values
from tests.e2e.resources import NAMED_S, Resource, small_example

pytestmark = pytest.mark.e2e

URL = f"http://{MLFLOW}.{NAMESPACE}.svc:5000"
LABELS = {MANAGED_BY: MANAGER, ROLE: "stage"}
SECRET_NAME = "prompt2model-tracking"


def told(kube: Kube, namespace: str, labels: dict[str, str], *login: str) -> dict[str, Any]:
    """What a pod in a namespace is answered about the record of RUNS."""
    name = "mlflow-client"
    pod = script_pod(namespace, name, "mlflow_client.py", [URL, RUNS, *login], labels)
    pod["spec"]["restartPolicy"] = "Never"
    kube.create(POD, pod)

    def ended() -> Body:
        found = kube.get(POD, namespace, name) or {}
        if found.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            raise NotYet(f"{found.get('status')}")
        return found

    def gone() -> None:
        if kube.get(POD, namespace, name) is not None:
            raise NotYet("still there")

    try:
        wait_for("the pod's end", ended, 120)
        lines = kube.logs(namespace, name).splitlines()
        answers: dict[str, Any] = json.loads(lines[-1])
        return answers
    finally:
        kube.delete(POD, namespace, name)
        wait_for("the pod gone", gone, 60)


def login(kube: Kube, namespace: str) -> tuple[str, str]:
    """The credentials in a namespace's Secret."""
    found = secret_values(kube, namespace, SECRET_NAME)
    if not found:
        raise NotYet(f"no Secret {SECRET_NAME} in {namespace}")
    return found["MLFLOW_TRACKING_USERNAME"], found["MLFLOW_TRACKING_PASSWORD"]


@pytest.mark.smoke
def test_labels_without_credentials_open_nothing(finished: Resource, release: Release, kube: Kube) -> None:
    finished.wait_condition("Tracked", "Recorded")
    before = release.recorded(finished.namespace, finished.name)
    assert told(kube, RUNS, {}) == {"read": "not reached", "write": "not reached"}
    assert told(kube, RUNS, LABELS) == {"read": 401, "write": 401, "seen": []}
    assert told(kube, RUNS, LABELS, "admin", "admin") == {"read": 401, "write": 401, "seen": []}
    own = told(kube, RUNS, LABELS, *login(kube, RUNS))
    assert own["read"] == 200 and f"{finished.namespace}/{finished.name}" in own["seen"]
    assert release.recorded(finished.namespace, finished.name) == before


def test_another_namespaces_credentials_open_their_own_record_alone(finished: Resource, kube: Kube) -> None:
    other = Resource(kube, FAULTS, "guest")
    other.apply(small_example())
    given = wait_for("the Secret of the other namespace", lambda: login(kube, FAULTS), NAMED_S)
    try:
        answers = told(kube, FAULTS, LABELS, *given)
        assert (answers["write"], answers["seen"]) == (403, [])
        made = [secret["metadata"]["name"] for secret in kube.list(SECRET, FAULTS, f"{MANAGED_BY}={MANAGER}")]
        assert made == [SECRET_NAME]
    finally:
        other.delete()

    def gone() -> None:
        if kube.get(SECRET, FAULTS, SECRET_NAME) is not None:
            raise NotYet("still there")

    wait_for("the Secret goes with the last resource", gone, 120)


def test_an_upgrade_keeps_the_administrators_credentials(release: Release, kube: Kube) -> None:
    before = secret_values(kube, NAMESPACE, MLFLOW)
    assert len(before) == 4
    release.install()
    assert secret_values(kube, NAMESPACE, MLFLOW) == before
