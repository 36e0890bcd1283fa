"""What a user wrote reaches a stage unchanged: it stands in a file, and never where Kubernetes expands $(NAME) and $$."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.names import stage_run_name
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.stage_job import StageJob
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_operator.manifests.common import literal
from prompt2model_operator.manifests.job_files import job_file, stage_settings
from prompt2model_operator.manifests.record_jobs import storage_removal_job, tracking_job
from prompt2model_operator.manifests.service import ServedModel, service_objects
from prompt2model_operator.manifests.stage_jobs import stage_workload
from prompt2model_operator.settings import CatalogPlace, EmbeddedTeacher, Ray, Settings

pytestmark = pytest.mark.unit

WILD = "say $(HOME) and $$x, \\\\frac{1}{2}, ${PATH}; $(date) `id` 'é' $"
ROOT = "s3://bucket/$(HOME)/$$"
SPEC: dict[str, Any] = {
    "instruction": WILD,
    "demonstrations": [{"input": WILD, "output": WILD}],
    "teacher": {"baseURL": "https://llm.example/v1", "model": WILD, "extraBody": {"note": WILD}},
    "datasets": {"own": {"uri": "s3://own/$(HOME).csv", "inputColumns": [WILD]}},
    "student": {"name": "$(HOME)/t5"},
    "evaluation": {"encoder": "$(HOME)/bert"},
    "training": {"workers": 2, "resources": {"gpu": 1}},
    "storage": {"uri": ROOT},
}
SETTINGS = [Settings(teacher=EmbeddedTeacher(url="http://t/v1"), ray=Ray(mode=mode)) for mode in ("RayJob", "Job")]
SERVED = ServedModel("train-1a2b3c4d", "evaluate-5e6f7a8b", "ab" * 32, "cd" * 32)
ENVIRONMENT = {"HOME": "/home/p2m", "PATH": "/bin"}


def resource(**spec: Any) -> Prompt2Model:
    meta = Metadata(name="dates", namespace="team-a", uid="uid-1")
    return Prompt2Model(metadata=meta, spec=Prompt2ModelSpec.model_validate({**SPEC, **spec}))


def stage_run(stage: Stage) -> StageRun:
    digest = "1a2b3c4d" * 8
    meta = Metadata(name=stage_run_name("dates", stage, digest), namespace="team-a", uid="uid-2")
    parameters = {"instruction": WILD, "teacher.model": WILD}
    spec = StageRunSpec(
        resource="dates", stage=stage, digest=digest, storage=f"{ROOT}/team-a/dates", parameters=parameters
    )
    return StageRun(metadata=meta, spec=spec)


def expanded_texts(tree: Any) -> Iterator[str]:
    """Every text of a manifest that Kubernetes expands, or that a shell or Ray reads as a command."""
    if isinstance(tree, list):
        for item in tree:
            yield from expanded_texts(item)
    elif isinstance(tree, dict):
        yield from [e["value"] for e in tree.get("env") or [] if "value" in e]
        yield from [*(tree.get("command") or []), *(tree.get("args") or [])]
        yield from [tree[key] for key in ("entrypoint", "runtimeEnvYAML", "subPathExpr") if key in tree]
        for value in tree.values():
            yield from expanded_texts(value)


def expand(text: str) -> str:
    """As the kubelet does it: $$ is $, $(NAME) the value where there is one. Source: k8s.io/kubernetes third_party/forked."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else ENVIRONMENT.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, text)


def manifests(settings: Settings) -> list[Any]:
    made: list[Any] = [stage_workload(stage_run(stage), 1, resource(), settings) for stage in Stage]
    made += [*service_objects(resource(), SERVED, settings), tracking_job(resource(), settings, 1)]
    return [*made, storage_removal_job(resource(), settings)]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.ray.mode)
def test_no_text_of_a_user_stands_where_it_is_expanded(settings: Settings) -> None:
    found = [text for manifest in manifests(settings) for text in expanded_texts(manifest)]
    assert any(text.endswith("prompt2model_stages.train") for text in found)
    for text in found:
        assert "say" not in text and "t5" not in text and "bert" not in text and ".csv" not in text
        assert "$" not in text or ROOT in expand(text), "only the address of storage, which comes out as it was written"
    assert sum(ROOT in expand(text) for text in found) == 4  # model and golden requests, the record, the removal


def test_a_literal_comes_out_as_it_went_in() -> None:
    for text in (WILD, ROOT, "$", "$$", "$(HOME)", "$$(HOME)", "plain"):
        assert expand(literal(text)) == text
    assert expand("$(HOME)") == "/home/p2m"


@pytest.mark.parametrize("stage", Stage)
def test_the_job_in_the_file_is_the_job(stage: Stage, tmp_path: Path) -> None:
    run, owner = stage_run(stage), resource()
    made = job_file(run, owner, SETTINGS[0])
    assert made["immutable"] and made["metadata"]["ownerReferences"][0]["uid"] == "uid-2"
    (file := tmp_path / "job.json").write_text(made["data"]["job.json"], "utf-8")
    job = StageJob.from_environment({"P2M_JOB": str(file), "P2M_ATTEMPT": "3"})
    assert job.stage_run == run and job.attempt == 3
    assert job.resource is not None and job.resource.spec == owner.spec


def test_attempts_share_the_file_until_the_job_changes() -> None:
    run = stage_run(Stage.EVALUATE)
    names = [job_file(run, one, SETTINGS[0])["metadata"]["name"] for one in (resource(), resource(), resource(seed=1))]
    assert names[0] == names[1] != names[2]
    for attempt, one in ((1, resource()), (2, resource(seed=1))):
        pod = stage_workload(run, attempt, one, SETTINGS[0])["spec"]["template"]["spec"]
        (volume,) = [v for v in pod["volumes"] if v["name"] == "job"]
        assert volume["configMap"]["name"] == job_file(run, one, SETTINGS[0])["metadata"]["name"]
        env = {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}
        assert (env["P2M_JOB"], env["P2M_ATTEMPT"]) == ("/job/job.json", str(attempt))


def test_every_pod_that_reads_the_job_mounts_it() -> None:
    """Ray's workers too: they read what the driver hands them, in the driver's environment."""
    for stage in Stage:
        text = json.dumps(stage_workload(stage_run(stage), 1, resource(), SETTINGS[0]))
        assert text.count('"P2M_JOB"') == text.count('"mountPath": "/job"') >= (2 if stage is Stage.TRAIN else 1)


@pytest.mark.parametrize("stage", list(Stage))
def test_the_catalogs_address_reaches_discover_alone(stage: Stage) -> None:
    settings = SETTINGS[0].model_copy(update={"catalogs": CatalogPlace(uri="s3://bucket/catalogs")})
    told = stage_settings(stage, resource(), settings)
    assert told.catalogs == ("s3://bucket/catalogs" if stage is Stage.DISCOVER else None)
