"""A batch that is not over, as the process knows it that waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from prompt2model_stages.teacher.batch_api import BatchState
from prompt2model_stages.teacher.batch_book import NotedBatch


@dataclass
class RunningBatch:
    """A batch that is not over.

    number: of those of this process, from 1.
    left: its lines of this process that nobody has journalled yet, or of an earlier one that were not looked at.
    adopted: whether an earlier process sent it.
    groups, keys: of its lines, where it was adopted.
    """

    noted: NotedBatch
    number: int
    left: set[str]
    adopted: bool = False
    groups: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    state: BatchState | None = None
    error: Exception | None = None
    task: asyncio.Task[None] | None = None
    journalled: asyncio.Event = field(default_factory=asyncio.Event)

    def progress(self, made: int) -> str:
        """How far it is, in a few words; made: how many there are by now."""
        place = f"batch {self.number} of {made}"
        if self.state is None:
            return f"{place}: {len(self.noted.lines):,} requests on their way"
        total = self.state.total or len(self.noted.lines)
        failed = f", {self.state.failed:,} failed" if self.state.failed else ""
        return f"{place}: {self.state.completed:,} of {total:,} answered{failed}"
