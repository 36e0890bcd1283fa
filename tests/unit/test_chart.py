"""The chart: what Helm renders of several values, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from charts import render
from prompt2model_operator.settings import Settings
from tests import charts
from tests.charts import NAMESPACE, VALUES, find, rendered

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH"),
]

ALL = pytest.mark.parametrize("name", VALUES)
SAFE_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def kinds(name: str) -> list[str]:
    return sorted(f"{body['kind']}/{body['metadata']['name']}" for body in rendered(name))


def settings(name: str, operator: str = "prompt2model-operator") -> Settings:
    return Settings.model_validate(yaml.safe_load(find(rendered(name), "ConfigMap", operator)["data"]["settings.yaml"]))


def test_what_is_made_by_default() -> None:
    assert kinds("default") == [
        "ClusterRole/prompt2model-edit",
        "ClusterRole/prompt2model-nodes",
        "ClusterRole/prompt2model-operator",
        "ClusterRole/prompt2model-view",
        "ClusterRoleBinding/prompt2model-nodes",
        "ClusterRoleBinding/prompt2model-operator",
        "ConfigMap/prompt2model-mlflow",
        "ConfigMap/prompt2model-operator",
        "CustomResourceDefinition/prompt2models.prompt2model.dev",
        "CustomResourceDefinition/stageruns.prompt2model.dev",
        "Deployment/prompt2model-mlflow",
        "Deployment/prompt2model-operator",
        "Deployment/prompt2model-teacher",
        "NetworkPolicy/prompt2model-mlflow",
        "NetworkPolicy/prompt2model-operator",
        "NetworkPolicy/prompt2model-teacher",
        "PersistentVolumeClaim/prompt2model-mlflow",
        "Role/prompt2model-lease",
        "RoleBinding/prompt2model-lease",
        "Secret/prompt2model-mlflow",
        "Service/prompt2model-mlflow",
        "Service/prompt2model-operator-metrics",
        "Service/prompt2model-teacher",
        "ServiceAccount/prompt2model-mlflow",
        "ServiceAccount/prompt2model-operator",
    ]


def test_what_is_made_beside_existing_ones() -> None:
    """With MLflow and teacher elsewhere: the operator and nothing else that runs."""
    made = kinds("existing")
    assert [name for name in made if name.startswith(("Deployment", "Service/", "Persistent", "NetworkPolicy"))] == [
        "Deployment/p2m-operator",
        "NetworkPolicy/p2m-operator",
        "Service/p2m-operator-metrics",
    ]
    monitor = find(rendered("existing"), "ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["endpoints"] == [{"port": "metrics", "interval": "15s"}]
    scraped = find(rendered("existing"), "Service", "p2m-operator-metrics")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= scraped["metadata"]["labels"].items()


def test_a_namespaced_operator_has_no_right_outside() -> None:
    bodies = rendered("namespaced")
    assert not [body for body in bodies if body["kind"].startswith(("Cluster", "CustomResourceDefinition"))]
    for kind in ("Role", "RoleBinding"):
        assert [b["metadata"]["namespace"] for b in bodies if b["kind"] == kind] == ["team-a", "team-b", NAMESPACE]
    assert settings("namespaced").watch_namespaces == ["team-a", "team-b"]


@ALL
def test_pods_hold_restricted(name: str) -> None:
    """Pod Security's `restricted`, a read-only root, and no token where none is needed."""
    for pod in pods(name):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= SAFE_VOLUMES
        assert pod["automountServiceAccountToken"] is (pod["containers"][0]["name"] == "operator")
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert {"/tmp", "/home/p2m"} <= {mount["mountPath"] for mount in container["volumeMounts"]}
            assert {mount["name"] for mount in container["volumeMounts"]} <= {
                volume["name"] for volume in pod["volumes"]
            }


@ALL
def test_labels_and_selectors(name: str) -> None:
    for body in rendered(name):
        labels = body["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "prompt2model"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"  # prompt2model is what the operator's children have
        if body["kind"] == "Deployment":
            inside = body["spec"]["template"]["metadata"]["labels"]
            assert body["spec"]["selector"]["matchLabels"].items() <= inside.items()
            assert "app.kubernetes.io/version" not in inside  # an upgrade restarts only what it changes


@ALL
def test_services_reach_their_pods(name: str) -> None:
    templates = [body["spec"]["template"] for body in rendered(name) if body["kind"] == "Deployment"]
    for service in (body for body in rendered(name) if body["kind"] == "Service"):
        wanted = service["spec"]["selector"].items()
        (template,) = [each for each in templates if wanted <= each["metadata"]["labels"].items()]
        ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_settings_by_default() -> None:
    """The settings file names what the chart made, and leaves the rest to the types."""
    found = settings("default")
    given = {
        "namespace",
        "watch_namespaces",
        "watch_nodes",
        "peering",
        "images",
        "tracking",
        "teacher",
        "metrics_port",
        "liveness_port",
    }
    assert found.model_copy(update={name: getattr(Settings(), name) for name in given}) == Settings()
    assert found.images.stages == "prompt2model-stages:0.1.0"
    assert found.images.service == "prompt2model-service:0.1.0"
    assert found.tracking.uri == f"http://prompt2model-mlflow.{NAMESPACE}.svc:5000"
    assert (found.tracking.secret, found.tracking.workspaces) == ("prompt2model-tracking", True)
    assert found.teacher.url == f"http://prompt2model-teacher.{NAMESPACE}.svc:8080/v1"
    assert found.watch_namespaces == []


def test_settings_of_existing_ones() -> None:
    found = settings("existing", "p2m-operator")
    assert found.images.stages == "registry.example.com/gpu/stages@sha256:" + "a" * 64
    assert found.images.service == "registry.example.com/ml/prompt2model-service:0.1.0-7"
    assert (found.images.pull_policy, found.images.pull_secrets) == ("Always", ["registry"])
    assert found.tracking.uri == "https://mlflow.example.com:8443"
    assert (found.tracking.secret, found.tracking.public_url) == ("mlflow", "https://mlflow.example.com")
    assert not found.tracking.workspaces
    assert (found.teacher.url, found.teacher.model) == ("http://vllm.ml.svc:8000/v1", "Qwen/Qwen3-8B")
    assert (found.peering, found.workers, found.run_as_user, found.ray.ttl_seconds) == ("ml", 16, 2000, 0)
    assert found.pods.train.limits == {"memory": "32Gi"}
    assert found.pods.evaluate == Settings().pods.evaluate
    assert found.service.http_route is not None


def test_no_teacher_and_no_record_are_said_by_nothing() -> None:
    bodies = charts.parsed(charts.template({"mlflow": {"enabled": False}, "teacher": {"enabled": False}}).stdout)
    found = yaml.safe_load(find(bodies, "ConfigMap", "prompt2model-operator")["data"]["settings.yaml"])
    assert (found["tracking"], found["teacher"]) == ({}, {})
    Settings.model_validate(found)


@ALL
def test_the_operator_is_alone_and_restarts_with_its_settings(name: str) -> None:
    bodies = rendered(name)
    (operator,) = [
        body for body in bodies if body["metadata"]["name"].endswith("operator") and body["kind"] == "Deployment"
    ]
    assert operator["spec"]["replicas"] == 1
    assert operator["spec"]["strategy"] == {"type": "Recreate"}
    pod = operator["spec"]["template"]
    (config,) = [volume["configMap"]["name"] for volume in pod["spec"]["volumes"] if "configMap" in volume]
    assert "settings.yaml" in find(bodies, "ConfigMap", config)["data"]
    assert re.fullmatch("[0-9a-f]{64}", pod["metadata"]["annotations"]["checksum/settings"])
    fields = {
        e["name"]: e["valueFrom"]["fieldRef"]["fieldPath"]
        for e in pod["spec"]["containers"][0]["env"]
        if "valueFrom" in e and "fieldRef" in e["valueFrom"]
    }
    assert fields == {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    assert pod["spec"]["containers"][0]["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert pod["spec"]["containers"][0]["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}


@pytest.mark.parametrize(("given", "seconds"), [({}, 600), ({"operator": {"startupSeconds": 1203}}, 1205)])
def test_the_operator_has_time_to_start(given: dict[str, Any], seconds: int) -> None:
    done = charts.template(given, "--show-only", "templates/operator.yaml")
    (operator,) = [body for body in charts.parsed(done.stdout) if body["kind"] == "Deployment"]
    probe = operator["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == seconds


def test_other_settings_are_another_checksum() -> None:
    sums = set()
    for workers in (3, 4):
        done = charts.template({"settings": {"workers": workers}}, "--show-only", "templates/operator.yaml")
        (operator,) = [body for body in charts.parsed(done.stdout) if body["kind"] == "Deployment"]
        sums.add(operator["spec"]["template"]["metadata"]["annotations"]["checksum/settings"])
    assert len(sums) == 2


def test_placement_passes_through() -> None:
    template = find(rendered("existing"), "Deployment", "p2m-operator")["spec"]["template"]
    pod = template["spec"]
    assert pod["nodeSelector"] == {"pool": "system"}
    assert pod["tolerations"] == [{"key": "system", "operator": "Exists"}]
    assert "nodeAffinity" in pod["affinity"]
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["securityContext"]["runAsUser"] == 2000
    assert template["metadata"]["annotations"]["example.com/note"] == "one"
    assert template["metadata"]["labels"]["example.com/team"] == "ml"
    container = pod["containers"][0]
    assert (container["image"], container["imagePullPolicy"]) == (
        "registry.example.com/ml/prompt2model-operator:0.1.0-7",
        "Always",
    )
    keys = [e["valueFrom"]["secretKeyRef"] for e in container["env"] if "secretKeyRef" in e.get("valueFrom", {})]
    assert {key["name"] for key in keys} == {"mlflow"}
    assert all(key["optional"] for key in keys)
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"} in container["env"]


def test_crds_are_those_of_the_types_and_are_kept() -> None:
    assert render.main(["--check"]) == 0
    for path in (charts.ROOT / "crds").glob("*.yaml"):
        wanted = yaml.safe_load(path.read_text())
        found = find(rendered("default"), "CustomResourceDefinition", wanted["metadata"]["name"])
        assert found["spec"] == wanted["spec"]
        assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize("release", ["prompt2model", "demo", "my-prompt2model-2", "a" * 53])
def test_names_fit_every_release(release: str) -> None:
    done = charts.run("template", release, str(charts.CHART), "--namespace", NAMESPACE)
    names = {
        body["metadata"]["name"] for body in charts.parsed(done.stdout) if body["kind"] in ("Service", "Deployment")
    }
    assert len(names) == 4
    assert all(re.fullmatch("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for name in names)


def test_lint_finds_nothing() -> None:
    done = charts.run("lint", "--strict", str(charts.CHART))
    assert done.returncode == 0, done.stdout + done.stderr


def pods(name: str) -> list[dict[str, Any]]:
    templates = [body["spec"]["template"] for body in rendered(name) if body["kind"] == "Deployment"]
    jobs = [body["spec"]["jobTemplate"]["spec"]["template"] for body in rendered(name) if body["kind"] == "CronJob"]
    return [template["spec"] for template in (*templates, *jobs)]
