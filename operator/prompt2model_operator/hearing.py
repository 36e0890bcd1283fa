"""When this operator saw the heartbeats of attempts change, by its own clock: a pod's clock may be minutes behind or ahead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prompt2model_api.stage_run import StageRun

Sign = tuple[str, int, datetime | None]
"""UID of the stage run, its attempt, and the attempt's heartbeat as the stage wrote it."""


class Hearing:
    """What was seen of the stage runs of one resource.

    It is lost with the process. A new operator counts from its first look, so an attempt that went silent meanwhile has one more
    deadlines.heartbeatSeconds.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Sign, datetime]] = {}

    def note(self, runs: Iterable[StageRun], now: datetime) -> dict[str, datetime]:
        """Takes in one look; returns when each stage run's sign was first seen as it is now, by name."""
        before, self._seen = self._seen, {}
        for run in runs:
            name, sign = run.metadata.name, _sign(run)
            known = before.get(name)
            self._seen[name] = known if known is not None and known[0] == sign else (sign, now)
        return {name: at for name, (_, at) in self._seen.items()}


def _sign(run: StageRun) -> Sign:
    progress, attempt = run.status.progress, run.status.attempt
    at = progress.at if progress is not None and progress.attempt == attempt else None
    return run.metadata.uid, attempt, at
