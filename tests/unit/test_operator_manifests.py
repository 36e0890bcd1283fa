"""Manifests against golden files (P2M_WRITE_GOLDEN=1 writes them), and what every pod must hold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from prompt2model_api.base import Metadata
from prompt2model_api.names import stage_run_name
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_operator.kinds import CLAIM
from prompt2model_operator.manifests.access import access
from prompt2model_operator.manifests.common import claim
from prompt2model_operator.manifests.job_files import job_file
from prompt2model_operator.manifests.network import ray_policy
from prompt2model_operator.manifests.record_jobs import storage_removal_job, tracking_job
from prompt2model_operator.manifests.service import ServedModel, service_objects
from prompt2model_operator.manifests.stage_jobs import attempt_name, stage_workload
from prompt2model_operator.manifests.tracking_secrets import tracking_secret
from prompt2model_operator.settings import (
    EmbeddedTeacher,
    HuggingFace,
    Ray,
    ServiceDefaults,
    Settings,
    StorageDefaults,
    Tracking,
)

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden_manifests"
PLAIN = Settings(teacher=EmbeddedTeacher(url="http://teacher.p2m.svc:8080/v1"))
RICH = PLAIN.model_copy(
    update={
        "storage": StorageDefaults(uri="s3://models/p2m", secret="s3"),
        "tracking": Tracking(uri="http://mlflow.p2m.svc:5000", secret="mlflow"),
    }
)
NO_KUBERAY = PLAIN.model_copy(update={"ray": Ray(mode="Job")})
TEACHER = {"baseURL": "https://llm.example/v1", "model": "big", "apiKeySecretRef": {"name": "llm", "key": "token"}}
SERVED = ServedModel("train-1a2b3c4d", "evaluate-5e6f7a8b", "ab" * 32, "cd" * 32)


def resource(**spec: Any) -> Prompt2Model:
    meta = Metadata(name="dates", namespace="team-a", uid="uid-1")
    return Prompt2Model(metadata=meta, spec=Prompt2ModelSpec.model_validate({"prompt": "Say it.", **spec}))


def stage_run(stage: Stage, name: str = "dates") -> StageRun:
    digest = "1a2b3c4d" * 8
    meta = Metadata(name=stage_run_name(name, stage, digest), namespace="team-a", uid="uid-2")
    spec = StageRunSpec(resource=name, stage=stage, digest=digest, storage="/storage/team-a/dates")
    return StageRun(metadata=meta, spec=spec)


def workload(stage: Stage, settings: Settings = PLAIN, **spec: Any) -> dict[str, Any]:
    return stage_workload(stage_run(stage), 2, resource(**spec), settings)


SCHEDULING = {
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "labels": {"kueue.x-k8s.io/queue-name": "ml"},
    "priorityClassName": "low",
}
GPU = {"training": {"workers": 2, "resources": {"cpu": "4", "memory": "16Gi", "gpu": 1}}, "scheduling": SCHEDULING}
OWN = {"datasets": {"own": {"configMap": {"name": "mine", "key": "rows.csv"}}}}
OWN_MLFLOW = Settings(
    tracking=Tracking(uri="http://mlflow:5000", secret="p2m-tracking", workspaces=True, workspace_key="k" * 32)
)


def body(namespace: str, name: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "uid": f"uid-{name}"}
    return {"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": meta}


SCALED = {"replicas": {"min": 2, "max": 6}, "resources": {"cpu": "2"}}
FULL = PLAIN.model_copy(
    update={
        "watch_nodes": True,
        "storage": StorageDefaults(access_mode="ReadWriteMany"),
        "service": ServiceDefaults.model_validate(
            {
                "httpRoute": {"parentRefs": [{"name": "gateway"}]},
                "networkPolicy": {"enabled": True, "allowFrom": [{"namespaceSelector": {}}]},
                "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            }
        ),
    }
)
CASES = {
    "discover-job": lambda: workload(Stage.DISCOVER),
    "prepare-job-own-data": lambda: workload(Stage.PREPARE, **OWN),
    "evaluate-job-teacher-s3": lambda: workload(Stage.EVALUATE, RICH, teacher=TEACHER),
    "evaluate-job-gpu": lambda: workload(Stage.EVALUATE, evaluation={"resources": {"memory": "8Gi", "gpu": 1}}),
    "transform-job-teacher": lambda: workload(Stage.TRANSFORM, teacher=TEACHER),
    "generate-rayjob": lambda: workload(Stage.GENERATE),
    "train-rayjob-gpus": lambda: workload(Stage.TRAIN, **GPU),
    "train-rayjob-gpus-s3": lambda: workload(Stage.TRAIN, RICH, **GPU),
    "prepare-job-hub-token": lambda: workload(Stage.PREPARE, huggingFace={"tokenSecretRef": {"name": "hub"}}),
    "generate-job": lambda: workload(Stage.GENERATE, NO_KUBERAY),
    "train-job-gpus": lambda: workload(Stage.TRAIN, NO_KUBERAY, **GPU),
    "access": lambda: access(stage_run(Stage.TRAIN), resource()),
    "service": lambda: service_objects(resource(), SERVED, PLAIN),
    "service-with-everything": lambda: service_objects(resource(service=SCALED), SERVED, FULL),
    "job-file": lambda: job_file(stage_run(Stage.TRAIN), resource(), PLAIN),
    "claim": lambda: claim(resource(), PLAIN, CLAIM, PLAIN.storage),
    "ray-network-policy": lambda: ray_policy(resource(), PLAIN),
    "tracking-secret": lambda: tracking_secret(
        "team-a", [body("team-a", "b"), body("team-b", "c"), body("team-a", "a")], OWN_MLFLOW
    ),
    "tracking-job": lambda: tracking_job(resource(), RICH, 1),
    "storage-removal-job": lambda: storage_removal_job(resource(), RICH),
}


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    file, made = GOLDEN / f"{case}.yaml", CASES[case]()
    text = yaml.safe_dump(json.loads(json.dumps(made)), sort_keys=False, width=120)
    if os.environ.get("P2M_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text, f"{file} differs: look at it, then P2M_WRITE_GOLDEN=1 writes it"


def pods(tree: Any) -> list[dict[str, Any]]:
    """Every pod's spec in a tree of manifests."""
    if isinstance(tree, list):
        return [pod for item in tree for pod in pods(item)]
    if not isinstance(tree, dict):
        return []
    if isinstance(tree.get("containers"), list):
        return [tree]
    return [pod for value in tree.values() for pod in pods(value)]


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_restricted_and_writes_to_volumes_alone(case: str) -> None:
    for pod in pods(CASES[case]()):
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]


def test_only_what_reports_has_a_token() -> None:
    for case in CASES:
        for pod in pods(CASES[case]()):
            reports = any(e["name"] == "P2M_STAGE_RUN" for c in pod["containers"] for e in c.get("env", []))
            is_worker = pod.get("automountServiceAccountToken") is False and "serviceAccountName" not in pod
            assert pod["automountServiceAccountToken"] is (reports and not is_worker)


ASKS_TEACHER = (Stage.DISCOVER, Stage.GENERATE, Stage.TRANSFORM, Stage.EVALUATE)


def test_the_key_of_the_teacher_goes_to_the_stages_that_ask_it_and_stands_nowhere_else() -> None:
    for stage in Stage:
        (text,) = {json.dumps(workload(stage, teacher=TEACHER))}
        assert ("secretKeyRef" in text) == (stage in ASKS_TEACHER)


ASKS_HUB = (Stage.DISCOVER, Stage.TRANSFORM, Stage.PREPARE, Stage.TRAIN, Stage.EVALUATE)
CHARTS_TOKEN = PLAIN.model_copy(update={"hugging_face": HuggingFace(token_secret="hub")})


def token_of(container: dict[str, Any]) -> list[dict[str, Any]]:
    return [e["valueFrom"]["secretKeyRef"] for e in container.get("env", []) if e["name"] == "HF_TOKEN"]


@pytest.mark.parametrize("stage", Stage)
def test_the_token_of_the_hub_goes_to_the_stages_that_ask_it(stage: Stage) -> None:
    ref = {"huggingFace": {"tokenSecretRef": {"name": "mine"}}}
    asked = [
        (PLAIN, {}, []),
        (CHARTS_TOKEN, {}, [{"name": "hub", "key": "HF_TOKEN", "optional": True}]),
        (PLAIN, ref, [{"name": "mine", "key": "HF_TOKEN"}]),
        (CHARTS_TOKEN, ref, [{"name": "mine", "key": "HF_TOKEN"}]),
    ]
    for settings, spec, wanted in asked:
        for pod in pods(workload(stage, settings, **spec, **(GPU if stage is Stage.TRAIN else {}))):
            (container,) = pod["containers"]
            works = container["name"] != "submitter" and stage in ASKS_HUB
            assert token_of(container) == (wanted if works else [])


def test_the_service_and_the_record_have_no_token_of_the_hub() -> None:
    rich = RICH.model_copy(update={"hugging_face": HuggingFace(token_secret="hub")})
    made = [*service_objects(resource(), SERVED, rich), tracking_job(resource(), rich, 1)]
    assert "HF_TOKEN" not in json.dumps(made)


def test_names_of_rayjobs_leave_room_for_kuberay() -> None:
    run = stage_run(Stage.TRAIN, "a" * 52)
    assert len(run.metadata.name) <= 63 and len(attempt_name(run, 12)) <= 47
    assert attempt_name(run, 1) != attempt_name(run, 2)


def test_a_volume_that_one_node_mounts_keeps_the_pods_together() -> None:
    assert "affinity" in workload(Stage.DISCOVER)["spec"]["template"]["spec"]
    assert "affinity" not in workload(Stage.DISCOVER, RICH)["spec"]["template"]["spec"]
    many = PLAIN.model_copy(update={"storage": StorageDefaults(access_mode="ReadWriteMany")})
    assert "affinity" not in workload(Stage.DISCOVER, many)["spec"]["template"]["spec"]


def test_a_claim_goes_with_its_resource_only_where_retention_says_so() -> None:
    kept = claim(resource(), PLAIN, CLAIM, PLAIN.storage)
    gone = claim(resource(retention={"storage": "Delete"}), PLAIN, CLAIM, PLAIN.storage)
    assert kept is not None and "ownerReferences" not in kept["metadata"]
    assert gone is not None and gone["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert claim(resource(storage={"claim": "mine"}), PLAIN, CLAIM, PLAIN.storage) is None


def test_everything_that_is_made_says_what_it_is_part_of() -> None:
    for case, make in CASES.items():
        made = make()
        for body in made if isinstance(made, list) else [made]:
            templates = [t["metadata"]["labels"] for t in found_templates(body)]
            for labels in [body["metadata"]["labels"], *templates]:
                assert labels["app.kubernetes.io/name"] == "prompt2model", case
                instance = PLAIN.peering if case == "tracking-secret" else "dates"  # it is the namespace's
                assert labels["app.kubernetes.io/instance"] == instance, case


def found_templates(tree: Any) -> list[dict[str, Any]]:
    """Every pod template in a tree of manifests."""
    if isinstance(tree, list):
        return [found for item in tree for found in found_templates(item)]
    if not isinstance(tree, dict):
        return []
    own = [tree] if "containers" in tree.get("spec", {}) and "metadata" in tree else []
    return own + [found for value in tree.values() for found in found_templates(value)]


@pytest.mark.parametrize(("cpu", "value"), [(None, "800m"), ("2", "1600m"), ("500m", "400m"), ("5", "4")])
def test_an_autoscaler_compares_with_what_a_replica_is_meant_to_use(cpu: str | None, value: str) -> None:
    """Not with the request, of which any traffic is more than 80 %."""
    spec = {"replicas": {"min": 1, "max": 3}, "resources": {"cpu": cpu} if cpu else {}}
    made = service_objects(resource(service=spec), SERVED, PLAIN)
    (scaler,) = [body for body in made if body["kind"] == "HorizontalPodAutoscaler"]
    (metric,) = scaler["spec"]["metrics"]
    assert metric["resource"]["target"] == {"type": "AverageValue", "averageValue": value}


def test_the_charts_settings_reserve_no_gpu_that_training_would_not_know_of() -> None:
    train = {"requests": {"cpu": "4"}, "limits": {"nvidia.com/gpu": "1"}}
    with pytest.raises(ValidationError, match=r"spec\.training\.resources\.gpu"):
        Settings.model_validate({"pods": {"train": train}})
