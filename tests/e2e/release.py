"""The chart's release in the tests' cluster, and what the tests do to its operator."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from prompt2model_operator.kinds import DEPLOYMENT, POD, SECRET, Kind
from tests.charts import CHART
from tests.e2e.clusters import SHORT, TAG, Tools
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.resources import merged

NAME, NAMESPACE = "p2m", "p2m-e2e"
RUNS, FAULTS = NAMESPACES = ("e2e-runs", "e2e-faults")
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
NAMESPACE_KIND = Kind("", "v1", "namespaces", "Namespace")
MLFLOW, TEACHER = (f"{NAME}-prompt2model-{part}" for part in ("mlflow", "teacher"))
STAGES = ("discover", "generate", "prepare", "train", "evaluate")


def little(memory: str) -> Body:
    """Compute of a container: asks for next to nothing, may take much."""
    return {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": memory}}


VALUES: Body = {
    "images": {"tag": TAG},
    "watchNamespaces": list(NAMESPACES),
    "rbac": {"aggregate": False},
    "operator": {"resources": little("512Mi")},
    "mlflow": {"resources": little("3Gi"), "persistence": {"size": "1Gi", "keep": False}},
    "tracking": {"publicUrl": "https://mlflow.example.com"},
    "teacher": {"resources": little("2Gi")},
    "settings": {
        "pods": {name: little("8Gi") for name in (*STAGES, "submitter", "service", "tracking")},
        "ray": {"ttlSeconds": 5},
    },
}
"""One node with two cores takes all of it; nothing else differs from what a user has."""

MANY, MANY_NAMESPACE = "e2e-many", "p2m-e2e-many"
SHORT_STAGES: Body = {
    "images": {"tag": TAG, "stages": SHORT, "service": SHORT},
    "watchNamespaces": [MANY],
    "peering": "p2m-many",
    "crds": {"install": False},
    "rbac": {"aggregate": False},
    "operator": {"resources": little("512Mi")},
    "mlflow": {"enabled": False},
    "teacher": {"enabled": False, "url": "http://teacher.example/v1", "model": "none"},
    "settings": {
        "pods": {name: little("256Mi") for name in (*STAGES, "submitter", "service", "tracking")},
        "ray": {"mode": "Job"},
    },
}
"""Beside the first release, with stages that only report."""


class Release:
    """A release, and the operator that it runs.

    Args:
        name, namespace: of the release.
        values: of the chart.
    """

    def __init__(
        self, kube: Kube, tools: Tools, name: str = NAME, namespace: str = NAMESPACE, values: Body = VALUES
    ) -> None:
        self.kube = kube
        self.name = name
        self.namespace = namespace
        self._tools = tools
        self._values = values

    @property
    def operator(self) -> str:
        """The operator's Deployment."""
        return f"{self.name}-prompt2model-operator"

    def install(self, *changes: Body, wait: bool = True) -> None:
        """Installs, or upgrades, with the tests' values and these changes; waits for the operator at least."""
        values = merged(self._values, *changes)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(values, file)
            file.flush()
            arguments = ["upgrade", "--install", self.name, str(CHART), "--values", file.name]
            self._helm(
                *arguments, "--take-ownership", "--reset-values", "--timeout", "5m", *(["--wait"] if wait else [])
            )
        self._share_processes()
        self.wait_operator()

    def uninstall(self) -> None:
        """Removes the release."""
        self._helm("uninstall", self.name, "--ignore-not-found", "--wait", "--timeout", "5m")

    def scale(self, deployment: str, replicas: int, ready: int | None = None) -> None:
        """Scales one of the release's Deployments and waits until so many are ready; by default all of them."""
        wanted = replicas if ready is None else ready
        self.kube.patch(DEPLOYMENT, self.namespace, deployment, {"spec": {"replicas": replicas}})

        def scaled() -> None:
            status = (self.kube.get(DEPLOYMENT, self.namespace, deployment) or {}).get("status", {})
            if status.get("replicas", 0) != replicas or status.get("readyReplicas", 0) != wanted:
                raise NotYet(f"{status}")

        wait_for(f"{deployment} with {replicas}", scaled, 180)

    @contextmanager
    def without(self, deployment: str) -> Iterator[None]:
        """The block runs while a Deployment of the release has no pod."""
        self.scale(deployment, 0)
        try:
            yield
        finally:
            self.scale(deployment, 1)

    def operator_pods(self) -> list[Body]:
        """The operator's pods that are not going."""
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component=operator"
        found = self.kube.list(POD, self.namespace, selector)
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def wait_operator(self) -> Body:
        """Waits until one operator is active: it holds the lease."""

        def active() -> Body:
            for pod in self.operator_pods():
                if self.metric("p2m_leader", pod) == 1:
                    return pod
            raise NotYet(f"{[pod['metadata']['name'] for pod in self.operator_pods()]}")

        return wait_for("an active operator", active, 180)

    def kill(self, signal: str = "KILL", pod: Body | None = None) -> None:
        """Sends a signal to the operator's process; after KILL, its container is started again by the kubelet."""
        pod = pod or self.operator_pods()[0]
        script = (
            "import glob, os, signal\n"
            "for path in glob.glob('/proc/[0-9]*/cmdline'):\n"
            "    words = open(path, 'rb').read().split(b'\\0')\n"
            "    if words[-2:-1] == [b'prompt2model_operator']:\n"
            f"        os.kill(int(path.split('/')[2]), signal.SIG{signal})\n"
            "        print('sent')\n"
        )
        name = pod["metadata"]["name"]
        said = self.kube.kubectl("exec", "-n", self.namespace, name, "-c", "operator", "--", "python", "-c", script)
        assert "sent" in said, f"no operator found in {name}"

    def restarts(self) -> int:
        """How often the operator's container was started again."""
        return sum(
            status["restartCount"] for pod in self.operator_pods() for status in pod["status"]["containerStatuses"]
        )

    def metrics(self, pod: Body | None = None) -> dict[str, float]:
        """The operator's metrics, by name and labels as Prometheus writes them; none where it does not answer."""
        pod = pod or self.operator_pods()[0]
        path = f"{POD.path(self.namespace, pod['metadata']['name'])}:9090/proxy/metrics"
        answer = self.kube.http.get(path)
        if answer.status_code != 200:
            return {}
        lines = (re.fullmatch(r"([^#\s].*) (\S+)", line) for line in answer.text.splitlines())
        return {line[1]: float(line[2]) for line in lines if line}

    def metric(self, name: str, pod: Body | None = None) -> float | None:
        """One of the operator's metrics."""
        return self.metrics(pod).get(name)

    def log(self, *options: str) -> str:
        """The operator's log, that of the container before a restart too."""
        logs = []
        for pod in self.operator_pods():
            name = pod["metadata"]["name"]
            logs += [
                self.kube.logs(self.namespace, name, "--previous", *options),
                self.kube.logs(self.namespace, name, *options),
            ]
        return "".join(logs)

    def credentials(self) -> tuple[str, str]:
        """Name and password of MLflow's administrator."""
        found = secret_values(self.kube, self.namespace, MLFLOW)
        return found["MLFLOW_TRACKING_USERNAME"], found["MLFLOW_TRACKING_PASSWORD"]

    def mlflow(self, namespace: str, path: str, body: Body) -> Body:
        """An answer of MLflow's REST API about the record of a namespace."""
        with self._mlflow(namespace) as client:
            answer = client.post(f"/api/2.0/mlflow/{path}", json=body)
            answer.raise_for_status()
            found: Body = answer.json()
            return found

    def recorded(self, namespace: str, name: str) -> list[Body]:
        """MLflow's runs of a resource: tags as a dict, and the status."""
        with self._mlflow(namespace) as client:
            found = client.get(
                "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": f"{namespace}/{name}"}
            ).json()
        if "experiment" not in found:
            return []
        body = {"experiment_ids": [found["experiment"]["experiment_id"]], "max_results": 1000}
        return [
            {"status": run["info"]["status"], **{tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}}
            for run in self.mlflow(namespace, "runs/search", body).get("runs", [])
        ]

    @contextmanager
    def _mlflow(self, namespace: str) -> Iterator[httpx.Client]:
        with self.kube.forwarded(self.namespace, f"svc/{MLFLOW}", 5000) as client:
            client.auth, client.headers["X-MLFLOW-WORKSPACE"] = self.credentials(), f"p2m-{namespace}"
            yield client

    def _share_processes(self) -> None:
        """So that a test can kill the operator from inside its pod: there the first process takes no signal."""
        pod: Body = {"spec": {"template": {"spec": {"shareProcessNamespace": True}}}}
        self.kube.patch(DEPLOYMENT, self.namespace, self.operator, pod)
        self.kube.kubectl("rollout", "status", "-n", self.namespace, f"deployment/{self.operator}", "--timeout=120s")

    def _helm(self, *arguments: str) -> None:
        command: list[Any] = [self._tools.helm, "--kubeconfig", self._tools.kubeconfig, "--namespace", self.namespace]
        command += arguments
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, f"helm {arguments[0]}: {done.stderr}"


def secret_values(kube: Kube, namespace: str, name: str) -> dict[str, str]:
    """What stands in a Secret; nothing where there is none."""
    data = (kube.get(SECRET, namespace, name) or {}).get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def make_namespaces(kube: Kube, *names: str) -> None:
    """Namespaces that take restricted pods alone."""
    for name in names:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
        kube.apply(NAMESPACE_KIND, body)


def remove_namespaces(kube: Kube, *names: str) -> None:
    """Removes namespaces and waits until they are gone."""
    for name in names:
        kube.delete(NAMESPACE_KIND, None, name)

    def gone() -> None:
        left = [name for name in names if kube.get(NAMESPACE_KIND, None, name) is not None]
        if left:
            raise NotYet(f"left: {' '.join(left)}")

    wait_for("the namespaces are gone", gone, 240)
