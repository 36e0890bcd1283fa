"""`p2m run` as its user starts it: from a file to an answering service, killed in each stage, with wrong input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from prompt2model_stages.local.processes import MARK
from tests.fake_teacher import FakeTeacher, fake_teacher
from tests.tiny_students import tiny_llama

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

STAGES = ("discover", "generate", "prepare", "train", "evaluate")


@pytest.fixture
def teacher() -> Iterator[FakeTeacher]:
    with fake_teacher(latency_s=0.2) as served:
        yield served


def write(folder: Path, url: str, **spec: Any) -> Path:
    """A resource small enough for a test, all its parts real but the teacher's wits."""
    student = folder / "student"
    if not student.exists():
        tiny_llama(student)
    tree = {
        "instruction": "Write the number backwards.",
        "demonstrations": [{"input": "123", "output": "321"}, {"input": "90217", "output": "71209"}],
        "teacher": {"baseURL": url, "model": "fake", "limits": {"concurrency": 2}},
        "datasets": {"enabled": False},
        "student": {"name": str(student), "architectures": ["DecoderOnly"]},
        "generation": {"examples": 60},
        "training": {"epochs": 4, "batchSize": 8, "checkpointEvery": 3, "maxInputTokens": 64, "maxOutputTokens": 8},
        "evaluation": {"metrics": ["ExactMatch"], "maxRows": 8, "gate": {"metric": "ExactMatch", "atLeast": "0"}},
        "service": {"enabled": False},
        **spec,
    }
    file = folder / "backwards.yaml"
    resource = {"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": {"name": "backwards"}}
    file.write_text(yaml.safe_dump({**resource, "spec": tree}))
    return file


def command(file: Path, *more: str) -> list[str]:
    runs = str(file.parent / "runs")
    return [sys.executable, "-m", "prompt2model_stages.cli.main", "run", str(file), "--runs", runs, "--exit", *more]


def run(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(file), capture_output=True, text=True, timeout=400, check=False)


def results(file: Path) -> dict[str, dict[str, Any]]:
    """Each stage's result.json."""
    folder = file.parent / "runs" / "default" / "backwards"
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/result.json")}


def marked(file: Path) -> list[int]:
    """Living processes of the run."""
    folder, found = str(file.parent / "runs" / "default" / "backwards"), []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def working(file: Path, stage: str) -> bool:
    """Whether the stage has done a part of its work and has no result yet."""
    folder = file.parent / "runs" / "default" / "backwards"
    if stage == "train":
        return any(folder.glob("train-*/checkpoints/step-*"))
    if stage == "generate":
        return any(json.loads(p.read_text())["done"] > 5 for p in folder.glob("generate-*/progress.json"))
    return any(folder.glob(f"{stage}-*/log.txt"))


def kill_in(file: Path, stage: str) -> None:
    """Starts the run and kills the runner with -9 in the middle of the stage."""
    with (file.parent / f"killed-in-{stage}.log").open("w") as log:
        process = subprocess.Popen(command(file), stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 200
    while not working(file, stage):
        assert process.poll() is None, (file.parent / f"killed-in-{stage}.log").read_text()
        assert time.monotonic() < deadline, f"{stage} never worked"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_in_each_stage_it_ends_the_same_and_pays_for_nothing_twice(tmp_path: Path, teacher: FakeTeacher) -> None:
    file = write(tmp_path, teacher.url)
    for stage in STAGES:
        kill_in(file, stage)
    ended = run(file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = results(file)
    assert sorted(name.partition("-")[0] for name in found) == sorted(STAGES)
    in_flight = 2 * len(STAGES)
    assert len(teacher.sent_twice()) <= in_flight, (
        "a request in flight at a kill may be sent again, a journalled one never"
    )
    journalled = journalled_keys(file)
    assert len(journalled) == len(set(journalled)), "no request has two journalled answers"
    steps = [
        json.loads(line)["step"] for line in next(tmp_path.glob("runs/default/backwards/train-*/metrics.jsonl")).open()
    ]
    assert steps == sorted(steps), "the step counter never goes back"
    deadline = time.monotonic() + 20
    while marked(file) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert marked(file) == [], "no process is left behind"

    asked = len(teacher.bodies)
    began = time.monotonic()
    again = run(file)
    assert again.returncode == 0
    assert results(file) == found, f"nothing ran again ({time.monotonic() - began:.1f} s)"
    assert len(teacher.bodies) == asked


def journalled_keys(file: Path) -> list[str]:
    """The keys of all journalled answers."""
    found = []
    for segment in sorted((file.parent / "runs" / "default" / "backwards" / "teacher").glob("*.jsonl")):
        for line in segment.read_text().splitlines():
            try:
                tree = json.loads(line)
            except ValueError:
                continue
            found += [tree["key"]] if tree.get("type") == "answer" else []
    return found


def test_a_second_run_of_the_same_folder_is_refused(tmp_path: Path, teacher: FakeTeacher) -> None:
    file = write(tmp_path, teacher.url)
    with (tmp_path / "first.log").open("w") as log:
        first = subprocess.Popen(command(file), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not working(file, "discover") and time.monotonic() < deadline:
            time.sleep(0.05)
        second = run(file)
        assert second.returncode == 2
        assert "in use by another run" in second.stderr
        first.send_signal(signal.SIGINT)
        assert first.wait(30) == 130
    finally:
        first.kill()
    assert marked(file) == []


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"status": 401}, "P2M_TEACHER_API_KEY"),
        ({"content": "¯\\_(ツ)_/¯"}, "teacher"),
        ({"content": ""}, "teacher"),
    ],
)
def test_a_bad_teacher_stops_the_run_midway_and_the_same_command_goes_on(
    tmp_path: Path, behaviour: dict[str, Any], words: str
) -> None:
    with fake_teacher(**behaviour) as teacher:
        file = write(tmp_path, teacher.url, generation={"examples": 12}, retries={"attempts": 1})
        ended = run(file)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stdout + ended.stderr
        assert words in ended.stdout
        teacher.status, teacher.content = 200, None
        ended = run(file)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_used_up_budget_stops_the_run_and_raising_it_lets_it_go_on(tmp_path: Path, teacher: FakeTeacher) -> None:
    small = {"baseURL": teacher.url, "model": "fake", "budget": {"tokens": 1200}}
    file = write(tmp_path, teacher.url, teacher=small)
    ended = run(file)
    assert ended.returncode == 1
    assert "budget" in ended.stdout
    paid = set(journalled_keys(file))
    file = write(tmp_path, teacher.url)
    ended = run(file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert paid <= set(journalled_keys(file))
    keys = journalled_keys(file)
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"instruction": " "}, "instruction is empty"),
        ({"training": {"epoch": 3}}, "epochs"),
        ({"student": {"name": "./nowhere"}}, "nowhere"),
        ({"student": {"name": "embedded:SmolLM2-135M-Instruct", "maxSize": "1Mi"}}, "maxSize allows 1.0 MiB"),
        ({"datasets": {"own": {"uri": "./own.csv", "outputColumn": "label"}}}, "label"),
        ({"datasets": {"own": {"uri": "./missing.csv"}}}, "missing.csv"),
    ],
)
def test_wrong_input_is_refused_with_a_sentence_and_nothing_is_written(
    tmp_path: Path, spec: dict[str, Any], words: str
) -> None:
    (tmp_path / "own.csv").write_text("input,output\n1,1\n")
    file = write(tmp_path, "http://127.0.0.1:9/v1", **spec)
    ended = run(file)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "runs").exists()
