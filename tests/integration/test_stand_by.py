"""Processes that wait for the next stages' jobs."""

import os
from pathlib import Path

import psutil
import pytest

from prompt2model_api.stage_run import Stage
from prompt2model_stages.local.stand_by import StandBys

pytestmark = pytest.mark.integration

NEXT = [Stage.GENERATE, Stage.PREPARE, Stage.TRAIN]


def test_a_waiting_process_works_on_the_job_that_it_is_told(tmp_path: Path) -> None:
    waiting = StandBys(tmp_path, {})
    waiting.prepare(NEXT)
    job = tmp_path / "prepare-1" / "job-1.json"
    job.parent.mkdir()
    job.write_text("{}")
    process = waiting.take(Stage.PREPARE, job)
    assert process is not None
    assert process.wait(300) != 0  # no stage run in the job
    assert "stageRun" in (job.parent / "log.txt").read_text()
    assert waiting.take(Stage.PREPARE, job) is None  # it works on one job alone
    waiting.close()


def test_close_leaves_nothing(tmp_path: Path) -> None:
    waiting = StandBys(tmp_path, {})
    before = set(psutil.Process(os.getpid()).children())
    waiting.prepare(NEXT)
    waiting.prepare(NEXT)
    started = set(psutil.Process(os.getpid()).children()) - before
    assert len(started) == 2  # two ahead, each once
    waiting.close()
    assert not any(process.is_running() for process in started)
