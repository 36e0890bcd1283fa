"""The chart's MLflow: where it keeps what, whom it answers, when its database is upgraded."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests import charts
from tests.charts import NAMESPACE, find, rendered

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH"),
]


def pod_of(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = find(rendered(name), "Deployment", "prompt2model-mlflow")["spec"]["template"]["spec"]
    return spec


def argument(name: str, option: str) -> str:
    given = [text for text in pod_of(name)["containers"][0]["args"] if text.startswith(f"{option}=")]
    assert len(given) == 1
    return str(given[0].split("=", 1)[1])


MLFLOW = {
    "default": ("sqlite", "/mlflow/artifacts", "prompt2model-mlflow"),
    "postgres-s3": ("mlflow-database/url", "s3://mlflow/artifacts", None),
    "postgres-claim": ("mlflow-database/uri", "/mlflow/artifacts", "mlflow-artifacts"),
    "s3": ("sqlite", "s3://mlflow", "prompt2model-mlflow"),
}


@pytest.mark.parametrize("name", MLFLOW)
def test_where_mlflow_keeps_what(name: str) -> None:
    database, artifacts, claim = MLFLOW[name]
    pod = pod_of(name)
    container = pod["containers"][0]
    environment = {each["name"]: each for each in container["env"]}
    store = environment["MLFLOW_BACKEND_STORE_URI"]
    key = store.get("valueFrom", {}).get("secretKeyRef")
    assert (f"{key['name']}/{key['key']}" if key else "sqlite") == database
    if not key:
        assert store["value"] == "sqlite:////mlflow/mlflow.db"
    assert argument(name, "--artifacts-destination") == artifacts
    claims = [each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if "persistentVolumeClaim" in each]
    assert claims == ([claim] if claim else [])
    mounted = "/mlflow" in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted is (claim is not None)
    made = [body for body in rendered(name) if body["kind"] == "PersistentVolumeClaim"]
    assert [body["metadata"]["name"] for body in made] == ([claim] if claim == "prompt2model-mlflow" else [])
    secrets = [each["secretRef"]["name"] for each in container.get("envFrom", [])]
    assert secrets == (["mlflow-s3"] if artifacts.startswith("s3") else [])
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"]["value"] == "false"


def secret_of(name: str, variable: str, component: str = "mlflow") -> tuple[str, str]:
    """The Secret and its key that a variable comes from."""
    deployment = find(rendered(name), "Deployment", f"prompt2model-{component}")
    (found,) = [
        each for each in deployment["spec"]["template"]["spec"]["containers"][0]["env"] if each["name"] == variable
    ]
    key = found["valueFrom"]["secretKeyRef"]
    assert not key.get("optional")
    return key["name"], key["key"]


@pytest.mark.parametrize(("name", "secret"), [("default", "prompt2model-mlflow"), ("postgres-s3", "mlflow-admin")])
def test_who_has_the_administrators_credentials(name: str, secret: str) -> None:
    """MLflow and the operator, and nobody else; the key to the namespaces' passwords is the operator's alone."""
    assert secret_of(name, "MLFLOW_AUTH_ADMIN_USERNAME") == (secret, "MLFLOW_TRACKING_USERNAME")
    assert secret_of(name, "MLFLOW_AUTH_ADMIN_PASSWORD") == (secret, "MLFLOW_TRACKING_PASSWORD")
    assert secret_of(name, "MLFLOW_FLASK_SERVER_SECRET_KEY") == (secret, "MLFLOW_FLASK_SERVER_SECRET_KEY")
    for variable in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "P2M_WORKSPACE_KEY"):
        assert secret_of(name, variable, "operator") == (secret, variable)
    assert "P2M_WORKSPACE_KEY" not in str(pod_of(name))
    others = [body for body in rendered(name) if body["kind"] == "Deployment" and "teacher" in body["metadata"]["name"]]
    assert secret not in str(others)


def test_the_charts_own_credentials_are_random_and_long() -> None:
    texts = [charts.template({}, "--show-only", "templates/mlflow.yaml").stdout for _ in range(2)]
    made = [find(charts.parsed(text), "Secret")["data"] for text in texts]
    assert {name: base64.b64decode(value).decode() for name, value in made[0].items()}.pop(
        "MLFLOW_TRACKING_USERNAME"
    ) == "admin"
    for name in ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY", "P2M_WORKSPACE_KEY"):
        assert len(base64.b64decode(made[0][name])) == 40
        assert made[0][name] != made[1][name]
    assert len(set(made[0].values())) == 4


def test_a_secret_that_is_there_is_used_and_none_is_made() -> None:
    assert not [body for body in rendered("postgres-s3") if body["kind"] == "Secret"]
    assert not [body for body in rendered("existing") if body["kind"] == "Secret"]


def test_mlflow_is_started_by_the_script_with_logins() -> None:
    container = pod_of("default")["containers"][0]
    assert container["command"] == ["python", "/etc/mlflow/start_mlflow.py"]
    script = find(rendered("default"), "ConfigMap", "prompt2model-mlflow")["data"]["start_mlflow.py"]
    assert script == (charts.CHART / "files" / "start_mlflow.py").read_text()
    compile(script, "start_mlflow.py", "exec")
    assert {"name": "start", "mountPath": "/etc/mlflow", "readOnly": True} in container["volumeMounts"]
    probes = [container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert probes == ["/health"] * 3  # the one path that asks for no login


def test_the_claim_outlives_the_release_unless_told_otherwise() -> None:
    kept = find(rendered("default"), "PersistentVolumeClaim")
    assert kept["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert "storageClassName" not in kept["spec"]
    goes = find(rendered("s3"), "PersistentVolumeClaim")
    assert "annotations" not in goes["metadata"]
    assert goes["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "2Gi"}},
    }


@pytest.mark.parametrize(
    ("name", "host", "answered"),
    [
        ("default", f"prompt2model-mlflow.{NAMESPACE}.svc:5000", True),
        ("default", f"prompt2model-mlflow.{NAMESPACE}.svc.cluster.local:5000", True),
        ("default", "prompt2model-mlflow:5000", True),
        ("default", "localhost:8080", True),
        ("default", f"prompt2model-mlflow.{NAMESPACE}.svc.evil.example:5000", False),
        ("default", "mlflow.example.com", False),
        ("s3", f"prompt2model-mlflow.{NAMESPACE}.svc.k8s.example.com:5000", True),
        ("postgres-s3", "mlflow.example.com", True),
        ("postgres-s3", "mlflow.internal:80", True),
    ],
)
def test_hosts_that_mlflow_answers_to(name: str, host: str, answered: bool) -> None:
    security = pytest.importorskip("mlflow.server.security_utils")
    assert security.is_allowed_host_header(argument(name, "--allowed-hosts").split(","), host) is answered


def test_the_public_address_may_be_used_in_a_browser() -> None:
    assert argument("postgres-s3", "--cors-allowed-origins") == "https://mlflow.example.com"
    assert not [text for text in pod_of("default")["containers"][0]["args"] if "cors" in text]


def test_the_database_is_upgraded_only_when_told() -> None:
    assert "initContainers" not in pod_of("default")
    (init,) = pod_of("postgres-s3")["initContainers"]
    assert init["command"][:2] == ["sh", "-c"]
    assert init["env"][0]["valueFrom"] == {"secretKeyRef": {"name": "mlflow-database", "key": "url"}}
