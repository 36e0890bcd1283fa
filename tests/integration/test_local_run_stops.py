"""`p2m run` that stops midway: with exit code 1 and a sentence that says what to do, all that was paid for kept."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_teacher import FakeTeacher, fake_teacher
from tests.local_runs import command, folder_of, journalled_keys, phase, run, wait_until_working, write
from tests.small_disk import SmallDisk, small_disk

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2400)]


@pytest.fixture
def teacher() -> Iterator[FakeTeacher]:
    with fake_teacher(latency_s=0.2) as served:
        yield served


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "runs") as mounted:
        yield mounted


def test_a_bad_teacher_stops_the_run_midway_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        file = write(tmp_path, teacher.url, generation={"examples": 12}, retries={"attempts": 1})
        for status, content, words in [
            (401, None, "P2M_TEACHER_API_KEY"),
            (200, "¯\\_(ツ)_/¯", "TeacherAnswersGarbage"),
            (200, "", "TeacherAnswersGarbage"),
        ]:
            teacher.status, teacher.content = status, content
            ended = run(file)
            assert ended.returncode == 1, ended.stdout + ended.stderr
            assert "Traceback" not in ended.stdout + ended.stderr
            assert words in ended.stdout
        teacher.status, teacher.content = 200, None
        ended = run(file)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_teacher_that_answers_429_for_ever_stops_the_run_and_no_journalled_request_is_sent_again(
    tmp_path: Path,
) -> None:
    in_generate, in_evaluate = 4, 20
    with fake_teacher(status=429) as teacher:
        file = write(tmp_path, teacher.url)
        for teacher.well_for in (in_generate, in_evaluate):
            ended = run(file, P2M_TEACHER_TRIES="3")
            assert ended.returncode == 1, ended.stdout + ended.stderr
            told = sentence(ended.stdout + ended.stderr, "RateLimited")
            assert "429, too many requests" in told and "Lower teacher.limits.requestsPerMinute" in told
            assert len(sent(teacher)) == len(journalled_keys(file)) == teacher.well_for, "what was answered is kept"
        paid = sent(teacher)
        assert len(set(paid)) == len(paid)
        assert any(folder_of(file).glob("train-*/result.json")), "the second time it came to evaluate"
        teacher.status = 200
        ended = run(file, P2M_TEACHER_TRIES="3")
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert phase(file) == "Ready"
    assert not set(paid) & set(sent(teacher)[in_evaluate:])
    keys = journalled_keys(file)
    assert len(keys) == len(set(keys))


def sentence(printed: str, reason: str) -> str:
    """What the person is told: one line that gives the reason, and no trace of the program's insides."""
    assert "Traceback" not in printed
    (line,) = (line for line in printed.splitlines() if f"({reason})" in line)
    return line


def sent(teacher: FakeTeacher) -> list[str]:
    """What the teacher was asked and answered, to the letter."""
    return [json.dumps(body, sort_keys=True) for body in teacher.bodies]


@pytest.mark.parametrize(
    ("stage", "left"),
    [
        pytest.param("generate", 0, id="nothing fits any more"),
        pytest.param("prepare", 256 * 1024, id="a checkpoint does not fit"),
    ],
)
def test_a_full_disk_stops_the_run_and_a_larger_one_lets_it_go_on(
    tmp_path: Path, teacher: FakeTeacher, disk: SmallDisk, stage: str, left: int
) -> None:
    file, path = write(tmp_path, teacher.url), tmp_path / "full.log"
    with path.open("w") as log:
        process = subprocess.Popen(command(file), stdout=log, stderr=log)
    wait_until_working(file, stage, process, path)
    disk.fill(left)
    assert process.wait(1000) == 1, path.read_text()
    assert "No space left on the disk while writing " in sentence(path.read_text(), "DiskFull")
    assert "Free some space" in sentence(path.read_text(), "DiskFull")
    paid = journalled_keys(file)
    disk.enlarge()
    ended = run(file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "MLflow is not complete" not in ended.stdout
    assert phase(file) == "Ready"
    keys = journalled_keys(file)
    assert set(paid) <= set(keys) and len(keys) == len(set(keys))


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
