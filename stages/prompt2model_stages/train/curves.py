"""The learning curve of a training that may be killed: metrics.jsonl never goes back and has no step twice."""

from __future__ import annotations

import json

from prompt2model_stages.reporting import METRICS, Reporter
from prompt2model_stages.storage import Folder

POINTS = 200
"""About as many points has the curve of the training loss."""


class Curves:
    """Adds points behind those that earlier attempts wrote.

    Args:
        folder: the stage run's.
        reporter: where points go.
    """

    def __init__(self, folder: Folder, reporter: Reporter) -> None:
        self._reporter = reporter
        self._last = last_step(folder)

    def point(self, step: int, values: dict[str, float]) -> None:
        """One point; nothing happens where an earlier attempt wrote that step already."""
        if step > self._last:
            self._last = step
            self._reporter.metrics(step, values)


def last_step(folder: Folder) -> int:
    """The last step in metrics.jsonl, 0 where there is none. Half a line, of a kill, and what is no point are cut out."""
    if not folder.exists(METRICS):
        return 0
    content = folder.read_bytes(METRICS)
    found = [(line, _step(line)) for line in content[: content.rfind(b"\n") + 1].splitlines(keepends=True)]
    whole = b"".join(line for line, step in found if step is not None)
    if whole != content:
        folder.write_bytes(METRICS, whole)
    return max((step for _, step in found if step is not None), default=0)


def _step(line: bytes) -> int | None:
    """The step of a line; None where it is no point."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return None
