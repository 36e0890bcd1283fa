"""`p2m run` as its user starts it: killed in each stage, started twice, with wrong input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fake_teacher import FakeTeacher, fake_teacher
from tests.local_runs import (
    STAGES,
    amounts,
    command,
    digests,
    folder_of,
    journalled_keys,
    marked,
    phase,
    results,
    run,
    wait_until_working,
    working,
    write,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2400)]


@pytest.fixture
def teacher() -> Iterator[FakeTeacher]:
    with fake_teacher(latency_s=0.2) as served:
        yield served


@dataclass(frozen=True)
class Twin:
    """A run that nothing disturbed, and the teacher that it asked."""

    file: Path
    teacher: FakeTeacher


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """The teacher forgets it: another run of the same resource is served as this one was."""
    with fake_teacher(latency_s=0.2) as served:
        file = write(tmp_path_factory.mktemp("twin"), served.url)
        ended = run(file)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        served.forget()
        yield Twin(file, served)


def kill_in(file: Path, stage: str) -> None:
    """Starts the run and kills the runner with -9 in the middle of the stage."""
    path = file.parent / f"killed-in-{stage}.log"
    with path.open("w") as log:
        process = subprocess.Popen(command(file), stdout=log, stderr=log, start_new_session=True)
    wait_until_working(file, stage, process, path)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_in_each_stage_it_ends_as_its_unkilled_twin_and_pays_for_nothing_twice(
    tmp_path: Path, twin: Twin
) -> None:
    teacher, file = twin.teacher, tmp_path / twin.file.name
    file.write_text(twin.file.read_text())
    for stage in STAGES:
        kill_in(file, stage)
    ended = run(file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = results(file)
    assert sorted(name.partition("-")[0] for name in found) == sorted(STAGES)
    assert digests(file) == digests(twin.file)
    assert phase(file) == phase(twin.file) == "Ready"
    assert amounts(file) == amounts(twin.file)
    in_flight = 2 * len(STAGES)
    assert len(teacher.sent_twice()) <= in_flight, (
        "a request in flight at a kill may be sent again, a journalled one never"
    )
    journalled = journalled_keys(file)
    assert len(journalled) == len(set(journalled)), "no request has two journalled answers"
    curves = next(folder_of(file).glob("train-*/metrics.jsonl")).read_text()
    steps = [json.loads(line)["step"] for line in curves.splitlines()]
    assert steps == sorted(steps), "the step counter never goes back"
    deadline = time.monotonic() + 100
    while marked(file) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert marked(file) == [], "no process is left behind"

    asked = len(teacher.bodies)
    again = run(file)
    assert again.returncode == 0
    assert results(file) == found, "nothing ran again"
    assert len(teacher.bodies) == asked


def test_the_data_of_a_run_is_told_exported_and_on_a_page(twin: Twin, tmp_path: Path) -> None:
    runs = twin.file.parent / "runs"

    def data(*options: str) -> str:
        words = [*command(twin.file)[:3], "data", "backwards", "--runs", str(runs), *options]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    outputs = {name.partition("-")[0]: tree["outputs"] for name, tree in results(twin.file).items()}
    rows, said = outputs["prepare"]["rows"], data()
    for split, count in rows.items():
        assert re.search(rf"^{split} +{count} ", said, re.MULTILINE)
    counted = re.search(r"^train +(\d+) / (\d+) / (\d+) +\d+ / \d+ / \d+ +0 +0$", said, re.MULTILINE)
    assert counted and 0 < int(counted[1]) <= int(counted[2]) <= int(counted[3]) <= 64, "tokens, as train counted them"
    spent = outputs["generate"]["spent"]
    assert re.search(rf"^generate +{spent['requests']} +", said, re.MULTILINE)
    assert "no input is in two splits" in said
    data("--export", str(tmp_path / "rows.jsonl"))
    assert (tmp_path / "rows.jsonl").read_text().count("\n") == sum(rows.values())
    (page,) = (runs / "mlartifacts").rglob("data.html")
    assert "train done" in page.read_text()


def test_a_closed_gate_ends_as_failed_without_a_service_too_and_measures_nothing_again(twin: Twin) -> None:
    """The gate is read after evaluate: an edit of it costs nothing. Phase, condition, exit code and sentence agree."""
    made, asked = twin.file.read_text(), len(twin.teacher.bodies)
    closed = {"metrics": ["ExactMatch"], "maxRows": 8, "gate": {"metric": "ExactMatch", "atLeast": "100"}}
    try:
        ended = run(write(twin.file.parent, twin.teacher.url, evaluation=closed))
        assert ended.returncode == 1, ended.stdout + ended.stderr
        status = json.loads((folder_of(twin.file) / "status.json").read_text())
        conditions = {condition["type"]: condition for condition in status["conditions"]}
        ready = conditions["Ready"]
        assert (status["phase"], ready["status"], ready["reason"]) == ("Failed", "False", "ScoreTooLow")
        assert conditions["Evaluated"]["status"] == "True" and conditions["Deployed"]["reason"] == "Disabled"
        assert f"Failed: {ready['message']} (ScoreTooLow)" in ended.stdout
        assert "below 100" in ready["message"]
        assert len(twin.teacher.bodies) == asked
    finally:
        twin.file.write_text(made)
    again = run(twin.file)
    assert again.returncode == 0 and phase(twin.file) == "Ready"
    assert "Ready: ExactMatch on generated test data" in again.stdout
    assert "p2m serve" not in again.stdout, "there is no service to serve it"


def test_a_second_run_of_the_same_folder_is_refused(tmp_path: Path, teacher: FakeTeacher) -> None:
    file = write(tmp_path, teacher.url)
    with (tmp_path / "first.log").open("w") as log:
        # Where the tests run in the background of a shell, SIGINT is ignored, and children inherit that.
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        first = subprocess.Popen(command(file), stdout=log, stderr=log, preexec_fn=heard)
    try:
        deadline = time.monotonic() + 300
        while not working(file, "discover") and time.monotonic() < deadline:
            time.sleep(0.05)
        second = run(file)
        assert second.returncode == 2
        assert "in use by another run" in second.stderr
        first.send_signal(signal.SIGINT)
        assert first.wait(150) == 130
    finally:
        first.kill()
    assert marked(file) == []


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
