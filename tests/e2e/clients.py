"""Pods of the tests themselves: small scripts in the operator's image, under Pod Security `restricted`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prompt2model_operator.kinds import POD
from prompt2model_operator.manifests.common import CONTAINER_SECURITY
from tests.e2e.clusters import TAG
from tests.e2e.kube import Body, Kube, NotYet, wait_for

SCRIPTS = Path(__file__).parent / "pods"


def script_pod(namespace: str, name: str, script: str, arguments: list[str], labels: dict[str, str]) -> Body:
    """A pod that runs one of the scripts, or another file by its whole path."""
    command = ["python", "-u", "-c", (SCRIPTS / script).read_text(), *arguments]
    return pod(namespace, name, {"image": f"prompt2model-operator:{TAG}", "command": command}, labels)


def pod(namespace: str, name: str, of: Body, labels: dict[str, str]) -> Body:
    """A pod with one container, that of the operator's security settings, and a writable /tmp."""
    container = {
        "name": "script",
        **of,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsUser": 1000, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": spec,
    }


class Client:
    """Asks a service from inside the cluster, without a pause."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name

    def told(self) -> Body:
        """What it saw so far: answered, failed, outputs, slowest."""
        lines = self._kube.logs(self._namespace, self._name, "--tail=1").splitlines()
        if not lines or not lines[-1].startswith("{"):
            raise NotYet(f"{self._name} said {lines}")
        found: Body = json.loads(lines[-1])
        return found

    def wait_answers(self, more: int = 10, within: float = 120.0) -> Body:
        """Waits until it got so many more answers of the model."""
        before = sum(self._answers().values())

        def answered() -> Body:
            told = self.told()
            if sum(told["outputs"].values()) < before + more:
                raise NotYet(f"{told}")
            return told

        return wait_for(f"{more} more answers", answered, within)

    def _answers(self) -> dict[str, int]:
        try:
            return dict(self.told()["outputs"])
        except NotYet:
            return {}


@contextmanager
def client(kube: Kube, namespace: str, url: str, name: str = "client") -> Iterator[Client]:
    """A client of a service, for as long as the block lasts."""
    kube.delete(POD, namespace, name)
    wait_for(f"{name} gone", lambda: _gone(kube, namespace, name), 60)
    kube.create(POD, script_pod(namespace, name, "client.py", [url], {"app": name}))
    try:
        yield Client(kube, namespace, name)
    finally:
        kube.delete(POD, namespace, name)


def _gone(kube: Kube, namespace: str, name: str) -> None:
    if kube.get(POD, namespace, name) is not None:
        raise NotYet("still there")
