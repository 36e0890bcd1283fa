"""How a stage says how far it is and what came of it, without knowing who listens."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Protocol

from prompt2model_api.conditions import Failure
from prompt2model_api.results import StageResult
from prompt2model_api.stage_run import Progress
from prompt2model_stages.storage import Folder

PROGRESS = "progress.json"
METRICS = "metrics.jsonl"
FAILURE = "failure.json"
RESULT = "result.json"


class Reporter(Protocol):
    """Where progress goes: a file in a local run, the StageRun's status in a cluster."""

    def progress(self, done: float, total: float, unit: str = "", message: str = "") -> None:
        """Says how far the attempt is; also the heartbeat. Cheap: writes at most twice a second."""

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Adds one point to each curve. Keys such as `train/loss`; steps never go back."""

    def failure(self, failure: Failure) -> None:
        """Says why the attempt ended without a result."""

    def result(self, result: StageResult) -> None:
        """Says that result.json is written."""


class FileReporter:
    """Reports into the stage run's folder."""

    interval_s = 0.5

    def __init__(self, folder: Folder, attempt: int) -> None:
        self._folder = folder
        self._attempt = attempt
        self._written = 0.0

    def progress(self, done: float, total: float, unit: str = "", message: str = "") -> None:
        """See Reporter."""
        now = time.monotonic()
        if now - self._written < self.interval_s and done < total:
            return
        self._written = now
        at = datetime.now(UTC)
        progress = Progress(attempt=self._attempt, done=done, total=total, unit=unit, message=message[:256], at=at)
        self._folder.write_json(PROGRESS, progress.dump())

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """See Reporter."""
        line = json.dumps({"step": step, "time": time.time(), "values": values})
        if self._folder.local is not None:
            self._folder.local.mkdir(parents=True, exist_ok=True)
        with self._folder.filesystem.open(self._folder.path(METRICS), "ab") as stream:
            stream.write(line.encode() + b"\n")

    def failure(self, failure: Failure) -> None:
        """See Reporter."""
        self._folder.write_json(FAILURE, {"attempt": self._attempt, **failure.dump()})

    def result(self, result: StageResult) -> None:
        """See Reporter. result.json itself is the report."""
