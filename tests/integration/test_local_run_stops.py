"""`p2m run` that stops midway: with exit code 1 and a sentence that says what to do, all that was paid for kept.

A whole run takes most of a minute: one resource meets several kinds of trouble, one after the other.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.fake_teacher import FakeTeacher, fake_teacher
from tests.local_runs import command, folder_of, journalled_keys, phase, run, wait_until_working, write
from tests.small_disk import SmallDisk, small_disk

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2400)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "runs") as mounted:
        yield mounted


def test_a_teacher_that_refuses_stops_the_run_and_no_journalled_request_is_sent_again(tmp_path: Path) -> None:
    in_generate, in_evaluate = 4, 20
    with fake_teacher() as teacher:
        file = write(tmp_path, teacher.url, retries={"attempts": 1})
        _stops_at_429(file, teacher, in_generate)
        teacher.status = 401
        assert "P2M_TEACHER_API_KEY" in _stops(file)
        _stops_at_429(file, teacher, in_evaluate)
        paid = sent(teacher)
        assert len(set(paid)) == len(paid)
        assert any(folder_of(file).glob("train-*/result.json")), "the second time it came to evaluate"
        teacher.status = 200
        ended = run(file)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert phase(file) == "Ready"
    assert not set(paid) & set(sent(teacher)[in_evaluate:])
    keys = journalled_keys(file)
    assert len(keys) == len(set(keys))


def test_useless_answers_and_a_used_up_budget_stop_the_run_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        file = write(tmp_path, teacher.url, generation={"examples": 12}, retries={"attempts": 1})
        for teacher.content in ("¯\\_(ツ)_/¯", ""):
            assert "TeacherAnswersGarbage" in _stops(file)
        teacher.content, paid = None, set(journalled_keys(file))
        small = {"baseURL": teacher.url, "model": "fake", "budget": {"tokens": 30 * len(paid) + 60}}
        file = write(tmp_path, teacher.url, generation={"examples": 12}, teacher=small)
        assert "budget" in _stops(file)
        paid |= set(journalled_keys(file))
        file = write(tmp_path, teacher.url, generation={"examples": 12})
        _run_until_generated(file)
    keys = journalled_keys(file)
    assert paid <= set(keys) and len(keys) == len(set(keys))


def test_a_full_disk_stops_the_run_and_a_larger_one_lets_it_go_on(tmp_path: Path, disk: SmallDisk) -> None:
    with fake_teacher(latency_s=0.2) as teacher:
        file = write(tmp_path, teacher.url)
        paid = _stops_at_a_full_disk(file, disk, "generate", left=0)
        paid += _stops_at_a_full_disk(file, disk, "prepare", left=256 * 1024)  # a checkpoint does not fit
        ended = run(file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "MLflow is not complete" not in ended.stdout
    assert phase(file) == "Ready"
    keys = journalled_keys(file)
    assert set(paid) <= set(keys) and len(keys) == len(set(keys))


def _stops(file: Path, **environment: str) -> str:
    """Runs a file that stops midway; what it said."""
    ended = run(file, **environment)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert "Traceback" not in said
    return said


def _run_until_generated(file: Path) -> None:
    """Runs a file up to the end of generate, and stops it there: the rest is what other tests run."""
    path = file.parent / "generated.log"
    with path.open("w") as log:
        # Where the tests run in the background of a shell, SIGINT is ignored, and children inherit that.
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(command(file), stdout=log, stderr=log, preexec_fn=heard)
    try:
        deadline = time.monotonic() + 1000
        while not any(folder_of(file).glob("generate-*/result.json")):
            assert process.poll() is None and time.monotonic() < deadline, path.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(150) == 130, path.read_text()
    finally:
        process.kill()


def _stops_at_429(file: Path, teacher: FakeTeacher, well_for: int) -> None:
    """429 for ever, once so many requests were answered."""
    teacher.status, teacher.well_for = 429, well_for
    told = sentence(_stops(file, P2M_TEACHER_TRIES="3"), "RateLimited")
    assert "429, too many requests" in told and "Lower teacher.limits.requestsPerMinute" in told
    assert len(sent(teacher)) == len(journalled_keys(file)) == well_for, "what was answered is kept"


def _stops_at_a_full_disk(file: Path, disk: SmallDisk, stage: str, left: int) -> list[str]:
    """Fills the disk in the middle of a stage, and makes room once the run has stopped; the keys of what was paid for."""
    path = file.parent / f"full-in-{stage}.log"
    with path.open("w") as log:
        process = subprocess.Popen(command(file), stdout=log, stderr=log)
    wait_until_working(file, stage, process, path)
    disk.fill(left)
    assert process.wait(1000) == 1, path.read_text()
    told = sentence(path.read_text(), "DiskFull")
    assert "No space left on the disk while writing " in told and "Free some space" in told
    paid = journalled_keys(file)
    disk.enlarge()
    return paid


def sentence(printed: str, reason: str) -> str:
    """What the person is told: one line that gives the reason, and no trace of the program's insides."""
    assert "Traceback" not in printed
    (line,) = (line for line in printed.splitlines() if f"({reason})" in line)
    return line


def sent(teacher: FakeTeacher) -> list[str]:
    """What the teacher was asked and answered, to the letter."""
    return [json.dumps(body, sort_keys=True) for body in teacher.bodies]
