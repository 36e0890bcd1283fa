"""What is recorded, how far, and when nothing need be: without MLflow."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from prompt2model_api.results import Spent, StageOutputs, TransformedCounts
from prompt2model_api.stage_run import Stage, StageRunPhase
from prompt2model_stages.reporting import ResultFile
from prompt2model_stages.tracking import needs_sync, run_url
from prompt2model_stages.tracking.__main__ import follow, synced
from prompt2model_stages.tracking.folders import read_resource, read_stage_folders
from prompt2model_stages.tracking.marks import ResourceMark, StageMark, read_mark, resource_seen, write_mark
from prompt2model_stages.tracking.ui import serve_ui, ui_command
from prompt2model_stages.tracking.values import (
    PARAMETER_LIMIT,
    Point,
    final_metrics,
    flat_parameters,
    points,
    score_metrics,
    score_tags,
    whole_lines,
)
from tests.tracking_folder import DIGESTS, TrackedFolder

pytestmark = pytest.mark.unit

URI = "http://mlflow.example:5000"


@pytest.fixture
def tracked(tmp_path: Path) -> TrackedFolder:
    return TrackedFolder(tmp_path)


def _recorded(tracked: TrackedFolder, status: str = "FINISHED", uri: str = URI) -> None:
    seen = resource_seen(tracked.folder)
    mark = ResourceMark(tracking_uri=uri, experiment_id="7", run_id="abc", status=status, seen=seen)
    write_mark(tracked.folder, mark)


def test_nothing_recorded_yet(tracked: TrackedFolder, tmp_path: Path) -> None:
    assert needs_sync(tracked.folder, URI)
    assert run_url(tracked.folder) is None
    assert not needs_sync(tracked.folder / "no-such-resource", URI)


def test_all_recorded(tracked: TrackedFolder) -> None:
    tracked.discover()
    tracked.train()
    _recorded(tracked)
    assert not needs_sync(tracked.folder, URI)
    assert not needs_sync(tracked.folder)
    assert run_url(tracked.folder) == f"{URI}/#/experiments/7/runs/abc"


def test_a_record_of_another_workspace_is_made_again(tracked: TrackedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an upgrade from an MLflow without workspaces: the run is there, and is not the namespace's to write."""
    tracked.discover()
    _recorded(tracked)
    monkeypatch.setenv("MLFLOW_WORKSPACE", "p2m-default")
    assert needs_sync(tracked.folder, URI)
    mark = ResourceMark(tracking_uri=URI, workspace="p2m-default", experiment_id="7", run_id="abc", status="FINISHED")
    write_mark(tracked.folder, mark.model_copy(update={"seen": resource_seen(tracked.folder)}))
    assert not needs_sync(tracked.folder, URI)
    assert run_url(tracked.folder) == f"{URI}/#/experiments/7/runs/abc?workspace=p2m-default"


def test_a_database_is_seen_where_the_ui_serves_it(tracked: TrackedFolder, tmp_path: Path) -> None:
    tracked.train()
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    write_mark(tracked.stage_folder(Stage.TRAIN), StageMark(tracking_uri=uri, experiment_id="7", run_id="def"))
    name = f"train-{DIGESTS[Stage.TRAIN][:8]}"
    assert run_url(tracked.folder) is None
    assert run_url(tracked.folder, name) == "http://127.0.0.1:5000/#/experiments/7/runs/def"


@pytest.mark.parametrize("change", ["curve", "stage", "deployed", "resource", "result", "other MLflow", "open"])
def test_behind(tracked: TrackedFolder, change: str) -> None:
    tracked.discover()
    tracked.begin(Stage.TRAIN)
    _recorded(tracked, "RUNNING" if change == "open" else "FINISHED")
    if change == "curve":
        tracked.curve(0, 1)
    elif change == "stage":
        tracked.begin(Stage.TRAIN, StageRunPhase.RETRYING, attempt=2)
    elif change == "result":
        tracked.end(Stage.TRAIN, {})
    elif change == "deployed":
        tracked.deploy()
    elif change == "resource":
        resource = tracked.path / "resource.yaml"
        resource.write_text(resource.read_text() + "\n")
    assert needs_sync(tracked.folder, "http://elsewhere" if change == "other MLflow" else URI)


def test_a_database_that_is_gone_is_behind(tracked: TrackedFolder, tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    database.touch()
    _recorded(tracked, uri=f"sqlite:///{database}")
    assert not needs_sync(tracked.folder)
    database.unlink()
    assert needs_sync(tracked.folder)


def test_needs_sync_imports_no_mlflow(tracked: TrackedFolder) -> None:
    code = f"""
import sys
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking import Recorder, needs_sync
needs_sync(Folder({str(tracked.path)!r}), "sqlite:///nowhere.db")
heavy = {{"mlflow", "torch", "pandas", "matplotlib", "ray"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_a_broken_mark_is_no_mark(tracked: TrackedFolder) -> None:
    tracked.folder.write_bytes("tracking.json", b"{")
    assert read_mark(tracked.folder, StageMark, None) is None


def test_stages_in_the_order_of_the_flow(tracked: TrackedFolder) -> None:
    for stage in reversed(Stage):
        tracked.begin(stage)
    (tracked.path / "train-00000000").mkdir()  # not written yet
    (tracked.path / "teacher").mkdir()
    assert [one.stage for one in read_stage_folders(tracked.folder)] == list(Stage)
    resource = read_resource(tracked.folder)
    assert resource is not None
    assert resource.metadata.name == "dates"


@pytest.mark.parametrize(
    ("phase", "live", "dead"),
    [
        (StageRunPhase.PENDING, "SCHEDULED", "KILLED"),
        (StageRunPhase.RUNNING, "RUNNING", "KILLED"),
        (StageRunPhase.RETRYING, "RUNNING", "KILLED"),
        (StageRunPhase.BLOCKED, "FAILED", "FAILED"),
        (StageRunPhase.FAILED, "FAILED", "FAILED"),
    ],
)
def test_status(tracked: TrackedFolder, phase: StageRunPhase, live: str, dead: str) -> None:
    tracked.begin(Stage.TRAIN, phase)
    (stage,) = read_stage_folders(tracked.folder)
    assert (stage.status(True), stage.status(False)) == (live, dead)


def test_a_result_is_an_end(tracked: TrackedFolder) -> None:
    tracked.end(Stage.TRAIN, {})
    (stage,) = read_stage_folders(tracked.folder)
    assert (stage.status(True), stage.status(False)) == ("FINISHED", "FINISHED")


def test_flat_parameters() -> None:
    tree = {"generation.temperature": {"from": 0.3, "to": 1.4}, "prompt": "a", "list": ["x"], "on": True}
    expected = {"generation.temperature.from": "0.3", "generation.temperature.to": "1.4", "prompt": "a"}
    assert flat_parameters(tree) == {**expected, "list": '["x"]', "on": "true"}
    assert len(flat_parameters({"prompt": "x" * 32_000})["prompt"]) == PARAMETER_LIMIT


def test_final_metrics() -> None:
    outputs = {"steps": 60, "language": "en", "rows": {"train": 3}, "spent": {"requests": 2, "usd": 0.5}}
    result = ResultFile(attempt=1, digest="a" * 64, seconds=3.5, starts={"ray": 4.0}, outputs=StageOutputs(**outputs))
    found = final_metrics(result)
    expected = {"seconds": 3.5, "start_seconds/ray": 4.0, "steps": 60.0, "rows/train": 3.0}
    spent = {"requests": 2.0, "promptTokens": 0.0, "completionTokens": 0.0, "usd": 0.5}
    assert found == {**expected, **{f"spent/{name}": value for name, value in spent.items()}}
    counts = TransformedCounts(rows=10, rewritten=6, refused={"unclear": 3}, unusable={"cut": 1})
    rewritten = final_metrics(result.model_copy(update={"outputs": StageOutputs(transformed=counts)}))
    share = {"transformed/share_refused": 0.3, "transformed/refused/unclear": 3.0, "transformed/unusable/cut": 1.0}
    assert rewritten.items() >= {**share, "transformed/rows": 10.0, "transformed/rewritten": 6.0}.items()
    free = StageOutputs(spent=Spent())
    assert "spent/requests" not in final_metrics(result.model_copy(update={"outputs": free}))


def test_scores_have_names_that_mlflow_permits() -> None:
    interval = {"value": 50.0, "low": 40.0, "high": 60.0}
    found = score_metrics([{"split": "Own", "metric": "ChrF++", "student": interval, "teacher": None}])
    key = "score/Own/ChrFpp/student"
    assert found == {key: 50.0, f"{key}_low": 40.0, f"{key}_high": 60.0}


def test_points_of_whole_lines() -> None:
    lines = [json.dumps({"step": 1, "time": 2.5, "values": {"a": 1, "b": 2}}), "{broken", json.dumps({"step": 2})]
    content = "\n".join([*lines, '{"step": 3, "ti']).encode()
    whole = whole_lines(content)
    assert whole.endswith(b"\n")
    assert list(points(whole)) == [Point("a", 1.0, 1, 2500), Point("b", 2.0, 1, 2500)]
    assert whole_lines(b"half") == b""


class Away:
    """A recorder whose MLflow does not answer the first times."""

    def __init__(self, failures: int, stop: threading.Event) -> None:
        self.failures, self.stop, self.calls = failures, stop, 0

    def sync(self, live: bool = False) -> None:
        self.calls += 1
        if self.calls > self.failures:
            self.stop.set()
            return
        raise ConnectionError("mlflow.example does not answer\nTraceback and more")


def test_follow_goes_on_without_mlflow(
    tracked: TrackedFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("prompt2model_stages.tracking.__main__.INTERVAL_S", 0.01)
    stop = threading.Event()
    recorder = Away(2, stop)
    follow(recorder, tracked.folder, stop)  # type: ignore[arg-type]
    assert recorder.calls == 3
    assert [record.message.count("\n") for record in caplog.records] == [0, 0]
    assert "mlflow.example does not answer" in caplog.text


def test_not_synced_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert not synced(Away(1, threading.Event()), live=False)  # type: ignore[arg-type]
    assert "the run itself is not touched" in caplog.text


def test_ui(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="p2m run FILE"):
        serve_ui(tmp_path, 5000)
    command = ui_command(tmp_path, 5001)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert f"sqlite:///{tmp_path / 'mlflow.db'}" in command


def test_the_paired_difference_and_what_came_of_the_teachers_rows_are_recorded() -> None:
    span = {"value": 60.0, "low": 50.0, "high": 70.0}
    score = {
        "split": "Own",
        "metric": "ChrF++",
        "student": span,
        "difference": {"value": 2.5, "low": -1.0, "high": 6.0},
    }
    found = score_metrics([{**score, "studentAll": span, "teacherAnswers": {"asked": 9, "cut": 2, "same": False}}])
    assert found["score/Own/ChrFpp/student_minus_teacher"] == 2.5
    assert found["score/Own/ChrFpp/student_minus_teacher_low"] == -1.0
    assert found["score/Own/ChrFpp/student_all"] == 60.0
    assert (found["teacher_answers/Own/asked"], found["teacher_answers/Own/cut"]) == (9.0, 2.0)


def test_the_metrics_reason_and_the_ways_to_ask_are_tags() -> None:
    way = {"prompt": "ZeroShot", "metric": "ExactMatch", "rows": 50, "score": {"value": 10.0, "low": 4.0, "high": 20.0}}
    outputs = {"metricReason": "The outputs are short.", "teacherPrompts": [{**way, "chosen": True}], "notes": ["Cut."]}
    assert score_tags(outputs) == {
        "p2m.metric_reason": "The outputs are short.",
        "p2m.teacher_prompt.ZeroShot": "ExactMatch 10.0 [4.0, 20.0] on 50 rows, taken",
        "p2m.note.1": "Cut.",
    }
    assert score_tags({}) == {}
