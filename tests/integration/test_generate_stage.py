"""The generate stage as it is run: in a process of its own, on a real Ray, with a real (if small) teacher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.spec.teacher import Budget, Limits, TeacherSpec
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import EXIT_FAILURE
from prompt2model_stages.teacher.embedded import EmbeddedTeacher, settings
from tests.batch_teacher import BatchTeacher
from tests.fake_teacher import fake_teacher, serving

pytestmark = pytest.mark.integration

TASK = {
    "instruction": "Convert the date to ISO format YYYY-MM-DD.",
    "demonstrations": [
        {"input": "the day after 3 May 2021", "output": "2021-05-04"},
        {"input": "the 2nd of June 1999", "output": "1999-06-02"},
        {"input": "5/17/2030", "output": "2030-05-17"},
    ],
}


def job(root: Path, teacher: TeacherSpec, examples: int, digest: str = "ab" * 32, embedded: bool = False) -> Path:
    """A job file; the folder of its stage run is generate-<digest8> below the root."""
    parameters: dict[str, Any] = {"generation.examples": examples, "seed": 1}
    if not embedded:
        parameters |= {"teacher.baseURL": "https://teacher.example/v1", "teacher.model": teacher.model}
    spec = StageRunSpec(
        resource="dates",
        stage=Stage.GENERATE,
        digest=digest,
        storage=str(root),
        parameters=parameters,
        inputs={"discover": "discover-00000000"},
    )
    (root / "discover-00000000").mkdir(parents=True, exist_ok=True)
    (root / "discover-00000000" / "task.json").write_text(json.dumps(TASK))
    path = root / f"job-{digest[:8]}.json"
    run = StageRun(metadata=Metadata(name="dates"), spec=spec)
    path.write_text(
        StageJob(stage_run=run, attempt=1, settings=StageSettings(teacher=teacher)).model_dump_json(by_alias=True)
    )
    return path


def remote(url: str, **budget: Any) -> TeacherSpec:
    return TeacherSpec(
        base_url=url, model="fake", limits=Limits(concurrency=8), budget=Budget(**budget or {"unlimited": True})
    )


def start(path: Path) -> subprocess.Popen[bytes]:
    roots = os.pathsep.join(path for path in sys.path if path)
    with path.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "prompt2model_stages.generate", str(path)],
            env=os.environ | {"PYTHONPATH": roots, "P2M_TEACHER_API_KEY": "sk-very-secret-key"},
            stderr=log,
            start_new_session=True,
        )


def finish(path: Path) -> int:
    process = start(path)
    try:
        return process.wait(1200)
    finally:
        process.kill()


def examples(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "examples.jsonl").read_text().splitlines()]


def test_the_embedded_teacher_writes_examples(tmp_path: Path) -> None:
    with EmbeddedTeacher() as teacher:
        url = teacher.start(tmp_path / "server", slots=2, threads=1)  # two would spin on a busy machine
        assert finish(job(tmp_path, settings(url, 2), 5, embedded=True)) == 0
    folder = tmp_path / "generate-abababab"
    made = examples(folder)
    assert len({example["input"] for example in made}) == 5
    assert all(example["output"] and example["requests"] for example in made)
    result = json.loads((folder / "result.json").read_text())
    assert result["starts"]["ray"] > 0
    assert result["outputs"]["spent"]["requests"] >= 5
    assert json.loads((folder / "progress.json").read_text())["done"] == 5
    assert "generate/unique" in (folder / "metrics.jsonl").read_text()


def test_killed_it_goes_on_and_more_examples_pay_for_the_difference(tmp_path: Path) -> None:
    with fake_teacher(latency_s=0.1) as teacher:
        path = job(tmp_path, remote(f"{teacher.url}"), 400)
        process = start(path)
        try:
            wait_for(lambda: len(teacher.bodies) >= 20)
            family = psutil.Process(process.pid).children(recursive=True)
            actors = [child for child in family if "GeneratorActor" in title(child)]
            assert actors
        finally:
            process.kill()
            process.wait()
        wait_for(lambda: not any(actor.is_running() for actor in actors))  # it must not outlive its driver
        sent = len(teacher.bodies)
        assert finish(path) == 0
        folder = tmp_path / "generate-abababab"
        assert len(examples(folder)) == 400
        assert not teacher.sent_twice()
        journalled = json.loads((folder / "statistics.json").read_text())["journalled"]
        assert journalled >= sent - 8

        before = len(teacher.bodies)
        assert finish(job(tmp_path, remote(teacher.url), 440, digest="cd" * 32)) == 0
        assert examples(tmp_path / "generate-cdcdcdcd")[:400] == examples(folder)
        assert len(teacher.bodies) - before <= 20


def test_killed_while_a_batch_is_waited_for_it_waits_for_the_same_one(tmp_path: Path) -> None:
    with serving(BatchTeacher(held=True, latency_s=0.0)) as teacher:
        batched = remote(teacher.url).model_copy(update={"batch": "Always"})
        path, folder = job(tmp_path, batched, 400), tmp_path / "generate-abababab"
        process = start(path)
        try:
            wait_for(lambda: "batch 1 of 1: 0 of 50 answered" in said(folder))
            family = psutil.Process(process.pid).children(recursive=True)
            actors = [child for child in family if "GeneratorActor" in title(child)]
        finally:
            process.kill()
            process.wait()
        wait_for(lambda: not any(actor.is_running() for actor in actors))
        teacher.held = False
        assert finish(path) == 0
        assert len(examples(folder)) == 400
        assert not teacher.paid_twice() and not teacher.bodies
        assert 2 <= len(teacher.batches) <= 5
        assert json.loads((folder / "statistics.json").read_text())["journalled"] == 50
        result = json.loads((folder / "result.json").read_text())
        assert result["outputs"]["spent"]["requests"] == len(teacher.paid)


def test_without_a_batch_api_always_blocks_and_auto_goes_on(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        always, auto = (remote(teacher.url).model_copy(update={"batch": batch}) for batch in ("Always", "Auto"))
        assert finish(job(tmp_path, always, 40)) == EXIT_FAILURE
        failure = json.loads((tmp_path / "generate-abababab" / "failure.json").read_text())
        assert (failure["reason"], failure["state"]) == ("TeacherHasNoBatches", "Blocked")
        assert finish(job(tmp_path, auto, 40)) == 0
        assert len(examples(tmp_path / "generate-abababab")) == 40


def said(folder: Path) -> str:
    try:
        return str(json.loads((folder / "progress.json").read_text())["message"])
    except FileNotFoundError:
        return ""


def test_a_failure_in_the_actor_comes_back_with_its_remedy_and_no_key_is_written(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        assert finish(job(tmp_path, remote(teacher.url, tokens=4000), 400)) == EXIT_FAILURE
    failure = json.loads((tmp_path / "generate-abababab" / "failure.json").read_text())
    assert failure["reason"] == "BudgetExhausted"
    assert "teacher.budget.tokens" in failure["remedy"]
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"very-secret" not in file.read_bytes(), file


def wait_for(condition: Any, deadline_s: float = 300) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
