"""Reports of a stage in a cluster: into its StageRun's status, and into the same files as everywhere.

One thread does all the talking, so that neither a slow API server nor one that is away keeps the stage waiting; only the
last words (result or failure) are waited for. Every answer shows the StageRun: where it is gone, or names another attempt,
this one has to end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from prompt2model_api.conditions import Failure
from prompt2model_api.redaction import mask
from prompt2model_api.results import StageResult
from prompt2model_api.stage_run import Progress, ReportedFailure
from prompt2model_api.texts import cut
from prompt2model_stages.pod.api_server import Away, Gone, Refused, Seen, StageRunStatusClient
from prompt2model_stages.reporting import PROGRESS, FileReporter, masked

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReportIntervals:
    """How often the API server hears of the attempt, in seconds.

    tell: the shortest between two writes of progress.
    heartbeat: the longest without one, whether or not there was any.
    check: the longest without a look whether the attempt is still wanted; a patch of nothing, which writes nothing.
    away: the longest between two tries while the API server is away.
    last_words: how long result or failure are tried.
    """

    tell: float = 2.0
    heartbeat: float = 20.0
    check: float = 5.0
    away: float = 15.0
    last_words: float = 600.0


class ClusterReporter:
    """See Reporter. A copy in another process (a Ray worker) is a FileReporter: this one reads there what it says.

    Args:
        files: the reporter into the stage run's folder.
        client: of the StageRun.
        uid: the StageRun's, where it is known: one of the same name that was made anew is another.
        stop: called once, from the reporter's thread, where the attempt has to end; with True where the StageRun is
            gone, so that nothing may be written any more.
        run_url: tells where MLflow has the stage run, once it has it.
    """

    def __init__(
        self,
        files: FileReporter,
        client: StageRunStatusClient,
        stop: Callable[[bool], None],
        uid: str = "",
        pace: ReportIntervals | None = None,
        run_url: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._files = files
        self._client = client
        self._stop = stop
        self._uid = uid
        self._pace = pace or ReportIntervals()
        self._run_url = run_url
        self._url_told: str | None = None
        self._changed = threading.Condition()
        self._progress = Progress(attempt=files.attempt, message="starting", at=datetime.now(UTC))
        self._words: dict[str, Any] = {}
        self._elsewhere = False
        self._closed = False
        self._patched_at = self._told_at = float("-inf")
        self._told: Progress | None = None
        self._own_seen: Progress | None = None
        self._there_seen: Progress | None = None
        self._there_is_newer = False
        self._thread = threading.Thread(target=self._talk, name="reporting", daemon=True)
        self.failed: Failure | None = None
        """The failure that was reported."""

    def __reduce__(self) -> tuple[Any, ...]:
        self._elsewhere = True
        return FileReporter, (self._files.folder, self._files.attempt)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(2 * self._pace.tell)

    def progress(self, done: float, total: float, unit: str = "", message: str = "") -> None:
        """See Reporter."""
        self._files.progress(done, total, unit, message)
        at = datetime.now(UTC)
        with self._changed:
            self._progress = Progress(
                attempt=self._files.attempt, done=done, total=total, unit=unit, message=cut(mask(message), 256), at=at
            )

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """See Reporter. Curves are the recorder's: it finds them in the folder."""
        self._files.metrics(step, values)

    def failure(self, failure: Failure) -> None:
        """See Reporter. Also where the storage cannot take it."""
        self.failed = failure = masked(failure)
        try:
            self._files.failure(failure)
        except Exception as error:  # whatever the storage's library raises: it may be what the failure is about
            logger.warning("the failure could not be written into the folder: %s", error)
        reported = ReportedFailure(attempt=self._files.attempt, failure=failure)
        self._say({"reportedFailure": reported.dump()})

    def result(self, result: StageResult) -> None:
        """See Reporter."""
        self._files.result(result)
        self._say({"result": result.dump()})

    def recorded(self) -> None:
        """The recorder has ended: the run's URL is told, if it was not yet. It is no loss where that cannot be done now."""
        if (url := self._run_url()) is not None and url != self._url_told:
            self._say({"runURL": url}, limit_s=2 * self._pace.away)

    def _say(self, words: dict[str, Any], limit_s: float | None = None) -> None:
        """Waits until the words are taken, refused, or too late."""
        deadline = time.monotonic() + (self._pace.last_words if limit_s is None else limit_s)
        with self._changed:
            self._words |= words
            self._changed.notify_all()
            while self._words and not self._closed:
                left = deadline - time.monotonic()
                if left <= 0:
                    logger.error("the API server was not told %s: it was away all the time", ", ".join(self._words))
                    self._words = {}
                self._changed.wait(max(0.0, min(left, 1.0)))

    def _talk(self) -> None:
        try:
            self._talk_until_closed()
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            self._client.close()

    def _talk_until_closed(self) -> None:
        pause = self._pace.tell
        while True:
            with self._changed:
                calm = pause == self._pace.tell
                self._changed.wait_for(lambda: self._closed or (calm and bool(self._words)), pause)  # noqa: B023
                if self._closed:
                    return
                words = dict(self._words)
            try:
                if self._tell(words):
                    return
                pause = self._pace.tell
            except Away as error:
                if calm:
                    logger.warning("the API server is away, the stage works on: %s", error)
                pause = min(2 * pause, self._pace.away)

    def _tell(self, words: dict[str, Any]) -> bool:
        """One patch, where one is due; whether the attempt has to end. Raises: Away."""
        now, newest = time.monotonic(), self._newest()
        body = dict(words)
        if now - self._patched_at >= self._pace.check and self._url_told is None and (url := self._run_url()):
            body.setdefault("runURL", url)
        if not _same(newest, self._told) or now - self._told_at >= self._pace.heartbeat:
            body["progress"] = newest.model_copy(update={"at": datetime.now(UTC)}).dump()
        elif not body and now - self._patched_at < self._pace.check:
            return False
        try:
            seen = self._client.patch(body)
        except Gone:
            return self._end("the StageRun is gone", gone=True)
        except Refused as error:
            logger.error("the API server refuses %s: %s", ", ".join(body), error)
            seen = None
        self._patched_at = now
        if "progress" in body:
            self._told, self._told_at = newest, now
        self._url_told = body.get("runURL", self._url_told)
        self._taken(words)
        return seen is not None and self._unwanted(seen)

    def _taken(self, words: dict[str, Any]) -> None:
        with self._changed:
            self._words = {name: word for name, word in self._words.items() if words.get(name) != word}
            self._changed.notify_all()

    def _unwanted(self, seen: Seen) -> bool:
        self._uid = self._uid or seen.uid
        if seen.uid != self._uid:
            return self._end("the StageRun was made anew", gone=True)
        if seen.attempt != self._files.attempt:
            return self._end(f"attempt {seen.attempt} takes the place of {self._files.attempt}", gone=False)
        return False

    def _end(self, why: str, gone: bool) -> bool:
        logger.warning("%s: this attempt ends", why)
        self._stop(gone)
        return True

    def _newest(self) -> Progress:
        with self._changed:
            newest = self._progress
        if not self._elsewhere:
            return newest
        try:
            there = Progress.model_validate(self._files.folder.read_json(PROGRESS))
        except (OSError, ValueError, ValidationError):
            return newest
        # Which one changed last is told by order, not by the times in them: a worker's clock may be another one.
        if newest != self._own_seen:
            self._own_seen, self._there_is_newer = newest, False
        if there.attempt == newest.attempt and there != self._there_seen:
            self._there_seen, self._there_is_newer = there, True
        return there if self._there_is_newer and there.attempt == newest.attempt else newest


def _same(one: Progress, other: Progress | None) -> bool:
    """Whether nothing but time has passed."""
    return other is not None and one.model_copy(update={"at": other.at}) == other
