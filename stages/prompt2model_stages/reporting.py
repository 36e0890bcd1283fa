"""How a stage says how far it is and what came of it, without knowing who listens."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Protocol

from pydantic import Field

from prompt2model_api.base import Digest
from prompt2model_api.conditions import Failure
from prompt2model_api.redaction import mask
from prompt2model_api.results import StageOutputs, StageResult
from prompt2model_api.stage_run import Progress
from prompt2model_api.texts import cut
from prompt2model_stages.stage_files import StageFile
from prompt2model_stages.storage import Folder

PROGRESS = "progress.json"
METRICS = "metrics.jsonl"
FAILURE = "failure.json"

LOCAL_INTERVAL_S = 0.5
REMOTE_INTERVAL_S = 2.0
"""An object store takes some 50 ms for each, in which the stage waits."""


class ResultFile(StageFile):
    """result.json: a stage writes it last; with it there, the stage run is done."""

    NAME = "result.json"

    attempt: int
    digest: Digest
    seconds: float = 0.0
    starts: dict[str, float] = Field(default={}, description="Seconds of what was only started: the process, Ray.")
    outputs: StageOutputs


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


def so_far(folder: Folder, unit: str, total: float) -> tuple[float, float]:
    """How far the attempts before this one got: what is said until this one has caught up.

    Args:
        folder: the stage run's.
        unit: what the stage counts.
        total: what to say where there is nothing yet.

    Returns: done and total.
    """
    try:
        last = Progress.model_validate(folder.read_json(PROGRESS))
    except (OSError, ValueError):
        return 0, total
    return (last.done, last.total) if last.unit == unit and last.total else (0, total)


def masked(failure: Failure) -> Failure:
    """The failure without keys, whoever made it: what is reported is read in status, log and MLflow."""
    said = {"message": cut(mask(failure.message)), "remedy": cut(mask(failure.remedy))}
    return failure.model_copy(update=said)


class FileReporter:
    """Reports into the stage run's folder."""

    def __init__(self, folder: Folder, attempt: int) -> None:
        self.folder = folder
        self.attempt = attempt
        self._interval_s = LOCAL_INTERVAL_S if folder.local is not None else REMOTE_INTERVAL_S
        self._written = 0.0

    def progress(self, done: float, total: float, unit: str = "", message: str = "") -> None:
        """See Reporter."""
        now = time.monotonic()
        if now - self._written < self._interval_s and done < total:
            return
        self._written = now
        at = datetime.now(UTC)
        said = cut(mask(message), 256)
        progress = Progress(attempt=self.attempt, done=done, total=total, unit=unit, message=said, at=at)
        self.folder.write_json(PROGRESS, progress.dump())

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """See Reporter."""
        line = json.dumps({"step": step, "time": time.time(), "values": values})
        self.folder.append(METRICS, line.encode() + b"\n")

    def failure(self, failure: Failure) -> None:
        """See Reporter."""
        self.folder.write_json(FAILURE, {"attempt": self.attempt, **masked(failure).dump()})

    def result(self, result: StageResult) -> None:
        """See Reporter. result.json itself is the report."""
