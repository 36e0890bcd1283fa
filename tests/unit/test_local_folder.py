"""The local run's folder and processes: what is written is read back, and nothing of others is touched."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import yaml
from rich.console import Console

from prompt2model_api.base import Metadata
from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.stage_run import Stage, StageRun, StageRunPhase, StageRunSpec, StageRunStatus
from prompt2model_stages import processes
from prompt2model_stages.cli import commands
from prompt2model_stages.local.companions import ServiceProcess
from prompt2model_stages.local.run_folder import InUseError, RunFolder, UnreadableStatusError
from prompt2model_stages.local.runner import Runner
from prompt2model_stages.reporting import FileReporter, so_far
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.marks import StageMark, write_mark

pytestmark = pytest.mark.unit


def stage_run(folder: RunFolder) -> StageRun:
    spec = StageRunSpec(resource="dates", stage=Stage.TRAIN, digest="ab" * 32, storage=str(folder.path))
    status = StageRunStatus(phase=StageRunPhase.RUNNING, attempt=2, started_at=datetime(2026, 1, 1, tzinfo=UTC))
    return StageRun(metadata=Metadata(name="dates-train-abababab"), spec=spec, status=status)


def test_a_new_attempt_begins_to_count_where_the_last_one_was(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    assert so_far(folder, "steps", 1) == (0, 1)
    FileReporter(folder, 1).progress(3, 10, "steps", "epoch 1")
    assert so_far(folder, "steps", 1) == (3, 10)
    assert so_far(folder, "examples", 40) == (0, 40)


def test_a_stage_run_is_read_back_with_the_progress_that_its_stage_wrote(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "default", "dates")
    run = stage_run(folder)
    folder.write_stage_run(run)
    FileReporter(Folder(str(folder.stage_path(run))), 2).progress(3, 10, "steps", "epoch 1")
    (read,) = folder.read_stage_runs().values()
    assert read.spec == run.spec
    assert read.status.progress is not None and read.status.progress.done == 3
    assert read.status.model_copy(update={"progress": None}) == run.status


def test_the_recorders_run_is_read_back_and_is_never_written_down(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "default", "dates")
    folder.write_stage_run(stage_run(folder))
    mark = StageMark(tracking_uri="http://mlflow:5000", experiment_id="7", run_id="abc")
    write_mark(Folder(str(folder.stage_path(stage_run(folder)))), mark)
    (read,) = folder.read_stage_runs().values()
    assert read.status.run_url == "http://mlflow:5000/#/experiments/7/runs/abc"
    folder.write_stage_run(read)
    assert b"runURL" not in (folder.stage_path(read) / "stage_run.json").read_bytes()


def test_a_failure_of_an_earlier_attempt_does_not_count(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "default", "dates")
    run = stage_run(folder)
    failure = Failure(state=FailureState.BLOCKED, reason="Test", message="because")
    FileReporter(Folder(str(folder.stage_path(run))), 1).failure(failure)
    assert folder.read_failure(run) is None
    FileReporter(Folder(str(folder.stage_path(run))), 2).failure(failure)
    assert folder.read_failure(run) == failure


def test_the_resource_is_read_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "default", "dates")
    resource = Prompt2Model(metadata=Metadata(name="dates"), spec=Prompt2ModelSpec(prompt="día 3: ¿qué?"))
    folder.write_resource(resource)
    assert folder.read_resource() == resource


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"phase": "Training", "cond', "Unterminated string"),
        (b"", "Expecting value"),
        (b"[]", "Input should be"),
        (b"\xff\xfe", "can't decode|Expecting value"),
        (b'{"phase": "Sleeping"}', "phase: Input should be"),
        (b'{"choice": {"name": "o/d", "inputColumns": ["a"]}}', "choice: Value error, choice needs name"),
    ],
)
def test_a_status_that_cannot_be_read_is_said_and_written_anew(tmp_path: Path, content: bytes, why: str) -> None:
    """It is not the same as none: `p2m status` must not say that nothing was run."""
    folder = RunFolder(tmp_path, "default", "dates")
    assert folder.read_status() is None
    folder.path.mkdir(parents=True)
    (folder.path / "status.json").write_bytes(content)
    with pytest.raises(UnreadableStatusError, match=why):
        folder.read_status()
    said, heard = io.StringIO(), Console(stderr=True)
    assert commands.status(Console(file=said, width=200), None, "default", tmp_path) == 0
    assert "dates" in said.getvalue() and "unreadable" in said.getvalue()
    assert commands.status(heard, "dates", "default", tmp_path) == 2
    resource, lines = Prompt2Model(metadata=Metadata(name="dates"), spec=Prompt2ModelSpec(prompt="p")), list[str]()
    runner = Runner(resource, folder, ServiceProcess(folder, 0), lambda *shown: None, say=lines.append)
    assert runner.snapshot().resource.status is None
    (line,) = lines
    assert "status.json cannot be read (" in line and line.endswith(
        "written anew from the stage runs, which are all kept."
    )


def test_one_sentence_tells_how_an_unreadable_status_becomes_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path, "default", "dates")
    folder.path.mkdir(parents=True)
    (folder.path / "status.json").write_text("{")
    assert commands.status(Console(), "dates", "default", tmp_path) == 2
    said = capsys.readouterr().err
    assert "status.json cannot be read" in said and said.endswith(
        "Run it again with `p2m run FILE`: that writes it anew.\n"
    )


def test_a_resource_that_an_earlier_version_took_is_told_in_one_sentence(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "default", "dates")
    folder.path.mkdir(parents=True)
    twice = {"name": "o/d", "inputColumns": ["a"], "outputColumn": "b"}
    tree = {"metadata": {"name": "dates"}, "spec": {"prompt": "p", "datasets": {"choice": {**twice, "also": [twice]}}}}
    (folder.path / "resource.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(SpecError, match=r"resource\.yaml: .*choice names one dataset twice.* run that again"):
        folder.read_resource()


def test_a_folder_is_held_by_one_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "default", "dates")
    assert not folder.in_use()
    with folder.locked():
        assert folder.in_use()
        with pytest.raises(InUseError, match="in use by another run"), folder.locked():
            pass
    assert not folder.in_use()


def test_only_the_runs_own_orphans_are_ended(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    mine = processes.start(sleep, tmp_path / "mine", tmp_path / "log", {})
    other = processes.start(sleep, tmp_path / "other", tmp_path / "log", {})
    try:
        assert processes.end_orphans(tmp_path / "mine") == 1
        assert processes.orphans(tmp_path / "mine") == []
        assert mine.poll() is not None
        assert other.poll() is None
    finally:
        processes.stop(other)


def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from prompt2model_stages import processes\n"
        f"p = processes.start([sys.executable, '-c', 'import time; time.sleep(60)'], Path({str(tmp_path)!r}), "
        f"Path({str(tmp_path / 'log')!r}), {{}})\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    # The kernel has sent the signal; on a busy machine the end takes a moment.
    psutil.wait_procs(processes.orphans(tmp_path), timeout=10)
    assert processes.orphans(tmp_path) == []
