"""Where a crash's text becomes a failure, a line of a log or a report, no key is in it."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path

import pytest

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.loading import SpecError
from prompt2model_api.stage_job import StageJob
from prompt2model_operator.logs import JsonFormatter
from prompt2model_stages.attempt import StageContext, attempt
from prompt2model_stages.errors import blocked
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.tracking.__main__ import synced
from tests.unit.teacher_cases import job

pytestmark = pytest.mark.unit

KEY = "abcDEF123\nghiJKL456"
PARTS = ("abcDEF", "ghiJKL")
SECRETS = (
    "P2M_TEACHER_API_KEY",
    "HF_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
)


@pytest.fixture(params=SECRETS)
def secret(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(str(request.param), KEY)
    return KEY


def clean(text: str) -> bool:
    return not any(part in text for part in PARTS)


def crashed(asked: StageJob, error: Exception, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """failure.json and the log of an attempt that ends so."""

    def run(context: StageContext) -> None:
        context.reporter.progress(1, 1, "steps", f"says {error}")
        raise error

    written = io.StringIO()
    from prompt2model_api.redaction import MaskedStream

    handler = logging.StreamHandler(MaskedStream(written))
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    attempt(run, asked, FileReporter(own_folder(asked), 1))  # type: ignore[arg-type]
    progress = json.dumps(own_folder(asked).read_json("progress.json"))
    return json.dumps(own_folder(asked).read_json("failure.json")) + progress, written.getvalue()


@pytest.mark.parametrize("kind", [ValueError, OSError, RuntimeError])
@pytest.mark.parametrize("shown", [str, repr, ascii])
def test_a_crash_shows_no_key(
    tmp_path: Path, secret: str, kind: type[Exception], shown: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"Illegal header value {shown(secret)} in {shown(secret.encode())}"
    failure, log = crashed(job(tmp_path), kind(said), monkeypatch)
    assert "Crashed" in failure and "Illegal header value" in failure and "***" in failure
    assert clean(failure) and clean(log) and "Traceback" in log


def test_a_failure_that_somebody_else_made_shows_none(tmp_path: Path, secret: str) -> None:
    asked = job(tmp_path)
    made = Failure(state=FailureState.FAILED, reason="Odd", message=f"it is {secret}", remedy=f"write {secret!r}")
    FileReporter(own_folder(asked), 1).failure(made)
    assert clean((own_folder(asked).local or tmp_path).joinpath("failure.json").read_text())


def test_errors_of_stages_and_specs_show_none(secret: str) -> None:
    error = blocked("Odd", f"it is {secret}", f"write {secret!r}")
    assert clean(error.failure.message + error.failure.remedy) and "***" in error.failure.message
    assert clean(str(error))
    problem = SpecError(f"spec.x: it is {secret!r}")
    assert clean(str(problem)) and clean("".join(problem.problems))


def test_the_operators_log_shows_none(secret: str) -> None:
    record = logging.LogRecord("p2m", logging.ERROR, __file__, 1, "it is %s", (secret,), None)
    line = JsonFormatter().format(record)
    assert clean(line) and json.loads(line)["message"] == "it is ***"


def test_the_recorder_shows_none(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        def sync(self, *, live: bool) -> None:
            raise ConnectionError(f"http://someone:{secret}@mlflow refuses {secret!r}")

    synced(Away(), live=True)  # type: ignore[arg-type]
    assert "MLflow is behind" in caplog.text and clean(caplog.messages[0])


def test_a_message_is_masked_before_it_is_cut(secret: str) -> None:
    assert clean(blocked("Odd", "x" * 1018 + secret, "").failure.message)


def test_streams_of_a_stage_are_masked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from prompt2model_stages import stage_process

    monkeypatch.setattr(sys, "argv", ["stage", str(tmp_path / "no-such-job.json")])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("HF_TOKEN", KEY)
    with pytest.raises(FileNotFoundError):
        stage_process.main(lambda context: None)  # type: ignore[arg-type, return-value]
    print(repr(KEY), file=sys.stderr)  # noqa: T201
    assert "***" in str(sys.stderr.getvalue()) and clean(sys.stderr.getvalue())  # type: ignore[attr-defined]
