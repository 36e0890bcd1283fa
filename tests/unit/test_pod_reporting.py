"""What a stage in a pod tells the API server, and what it does about the answers: over real TLS on this machine."""

from __future__ import annotations

import copy
import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.results import StageOutputs, StageResult
from prompt2model_api.stage_run import Progress, StageRunStatus
from prompt2model_stages.pod.api_server import StageRunStatusClient
from prompt2model_stages.pod.reporting import ClusterReporter, ReportIntervals
from prompt2model_stages.reporting import FAILURE, METRICS, PROGRESS, FileReporter
from prompt2model_stages.storage import Folder
from tests.fake_api_server import FakeApiServer, fake_api_server

pytestmark = pytest.mark.unit

NAME = "lab/dates-train-abababab"
QUICK = ReportIntervals(tell=0.03, heartbeat=0.2, check=0.1, away=0.1, last_words=5)
FAILED = Failure(state=FailureState.BLOCKED, reason="BudgetExhausted", message="Spent.", remedy="Raise it.")
DONE = StageResult(attempt=1, digest="ab" * 32, sha256="cd" * 32, seconds=1.5, outputs=StageOutputs(steps=7))


class Pod:
    """A reporter, its server, its folder, and what became of the attempt."""

    def __init__(self, api: FakeApiServer, folder: Path) -> None:
        self.api, self.path = api, folder
        self.stopped: list[bool] = []
        self.url: str | None = None

    def reporter(self, pace: ReportIntervals = QUICK, attempt: int = 1, uid: str = "") -> ClusterReporter:
        namespace, _, name = NAME.partition("/")
        client = StageRunStatusClient(namespace, name, self.api.environment())
        files = FileReporter(Folder(str(self.path)), attempt)
        return ClusterReporter(files, client, self.stopped.append, uid, pace, lambda: self.url)


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    with fake_api_server(tmp_path / "account") as api:
        api.add(NAME)
        yield Pod(api, tmp_path / "stage")


def until(condition: Callable[[], object], limit_s: float = 2) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def test_progress_reaches_the_status_and_the_file(pod: Pod) -> None:
    with pod.reporter() as reporter:
        until(lambda: pod.api.told("progress"))  # says at once that it lives
        for step in range(1, 200):
            reporter.progress(step, 200, "steps", "epoch 1")
        until(lambda: pod.api.status(NAME)["progress"]["done"] == 199)
    status = StageRunStatus.model_validate(pod.api.status(NAME))
    assert status.progress is not None
    assert (status.progress.attempt, status.progress.summary) == (1, "199/200 steps")
    assert len(pod.api.told("progress")) < 20
    assert json.loads((pod.path / PROGRESS).read_bytes())["attempt"] == 1
    assert status.phase == "Running"


def test_a_silent_step_is_alive(pod: Pod) -> None:
    with pod.reporter() as reporter:
        reporter.progress(1, 2, "steps")
        until(lambda: len(pod.api.told("progress")) >= 4)
    moments = [datetime.fromisoformat(told["at"]) for told in pod.api.told("progress")]
    assert moments == sorted(set(moments))
    between = [(later - earlier).total_seconds() for earlier, later in pairwise(moments[1:])]
    assert min(between) > QUICK.heartbeat / 2
    assert any(body == {} for _, body in pod.api.patches)  # looks in between, and writes nothing


def test_last_words(pod: Pod) -> None:
    with pod.reporter() as reporter:
        reporter.metrics(3, {"train/loss": 0.5})
        reporter.result(DONE)
        assert StageResult.model_validate(pod.api.status(NAME)["result"]) == DONE
        reporter.failure(FAILED)
        assert pod.api.status(NAME)["reportedFailure"] == {"attempt": 1, "failure": FAILED.dump()}
    assert (pod.path / METRICS).exists()
    assert json.loads((pod.path / FAILURE).read_bytes())["reason"] == "BudgetExhausted"
    assert reporter.failed == FAILED


def test_a_folder_that_takes_nothing_leaves_the_failure_to_the_status(pod: Pod) -> None:
    pod.path.write_text("a file where the folder should be")
    with pod.reporter() as reporter:
        reporter.failure(FAILED)
    assert pod.api.status(NAME)["reportedFailure"]["failure"]["reason"] == "BudgetExhausted"


def test_gone(pod: Pod) -> None:
    with pod.reporter():
        until(lambda: pod.api.patches)
        pod.api.stage_runs.clear()
        until(lambda: pod.stopped)
    assert pod.stopped == [True]


def test_another_attempt(pod: Pod) -> None:
    with pod.reporter() as reporter:
        reporter.progress(1, 2)
        until(lambda: pod.api.patches)
        pod.api.status(NAME)["attempt"] = 2
        until(lambda: pod.stopped)
    assert pod.stopped == [False]


def test_made_anew(pod: Pod) -> None:
    with pod.reporter():
        until(lambda: pod.api.patches)
        pod.api.add(NAME, uid="u-2")
        until(lambda: pod.stopped)
    assert pod.stopped == [True]
    with pod.reporter(uid="u-1"):
        until(lambda: len(pod.stopped) == 2)


@pytest.mark.parametrize("status", [500, 503, 429, 401, 403])
def test_what_may_go_away_is_tried_again(pod: Pod, status: int) -> None:
    pod.api.statuses = [status] * 3
    with pod.reporter() as reporter:
        reporter.result(DONE)
    assert pod.api.status(NAME)["result"]["seconds"] == 1.5
    assert not pod.stopped


def test_away_harms_nothing(pod: Pod) -> None:
    with pod.reporter() as reporter:
        until(lambda: pod.api.patches)
        pod.api.go()
        reporter.progress(1, 3)
        threading.Timer(0.4, pod.api.come).start()
        began = time.monotonic()
        reporter.progress(2, 3)
        assert time.monotonic() - began < 0.2  # the stage itself does not wait
        reporter.result(DONE)
    assert pod.api.status(NAME)["result"]["attempt"] == 1
    assert pod.api.status(NAME)["progress"]["done"] == 2
    assert not pod.stopped


def test_away_for_ever_ends_after_the_limit(pod: Pod, caplog: pytest.LogCaptureFixture) -> None:
    pod.api.go()
    pace = ReportIntervals(tell=0.02, heartbeat=0.2, check=0.1, away=0.05, last_words=0.3)
    began = time.monotonic()
    with pod.reporter(pace) as reporter:
        reporter.result(DONE)
    assert 0.3 <= time.monotonic() - began < 1.5
    assert "was not told result" in caplog.text


def test_a_refused_word_is_said_and_not_repeated(pod: Pod, caplog: pytest.LogCaptureFixture) -> None:
    with pod.reporter(ReportIntervals(tell=0.5)) as reporter:
        until(lambda: pod.api.patches)
        pod.api.statuses = [422]
        reporter.result(DONE)
    assert "refuses result" in caplog.text
    assert "result" not in pod.api.status(NAME)


def test_a_renewed_token_is_read(pod: Pod) -> None:
    good = (pod.api.folder / "token").read_text()
    (pod.api.folder / "token").write_text("expired")
    with pod.reporter() as reporter:
        until(lambda: pod.api.refused_tokens)
        (pod.api.folder / "token").write_text(good)
        reporter.result(DONE)
    assert "result" in pod.api.status(NAME)


def test_a_worker_reports_by_files_and_the_driver_passes_it_on(pod: Pod) -> None:
    with pod.reporter() as reporter:
        copied = pickle.loads(pickle.dumps(reporter))
        assert type(copied) is FileReporter
        copied.progress(40, 40, "steps", "from another process")
        until(lambda: pod.api.status(NAME).get("progress", {}).get("done") == 40)
        old = copy.copy(copied)
        old.attempt = 9  # left by another attempt
        old.progress(1, 1)
        reporter.result(DONE)
    assert pod.api.status(NAME)["progress"]["attempt"] == 1


@pytest.mark.parametrize("minutes", [-11, 11])
def test_what_changed_last_is_told_whatever_the_worker_s_clock_says(pod: Pod, minutes: int) -> None:
    """The worker's node may be minutes behind, or ahead, of the driver's."""
    with pod.reporter() as reporter:
        copied = pickle.loads(pickle.dumps(reporter))
        for done in (1, 2):
            at = datetime.now(UTC) + timedelta(minutes=minutes)
            copied.folder.write_json(PROGRESS, Progress(attempt=1, done=done, total=9, at=at).dump())
            until(lambda: pod.api.status(NAME).get("progress", {}).get("done") == done)  # noqa: B023
        reporter.progress(9, 9)
        until(lambda: pod.api.status(NAME)["progress"]["done"] == 9)


def test_the_run_is_named_once_it_is_there(pod: Pod) -> None:
    with pod.reporter() as reporter:
        until(lambda: len(pod.api.patches) > 2)
        pod.url = "http://mlflow/#/runs/1"
        until(lambda: "runURL" in pod.api.status(NAME))
        pod.url = "http://mlflow/#/runs/2"
        reporter.recorded()
    assert pod.api.told("runURL") == ["http://mlflow/#/runs/1", "http://mlflow/#/runs/2"]
