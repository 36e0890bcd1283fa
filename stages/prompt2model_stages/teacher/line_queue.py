"""Requests that wait: for their batch to be sent, and then for what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx2

from prompt2model_stages.teacher.batch_files import BatchLimits, split


class LineQueue:
    """Lines by id. Each waits in the queue until it is taken, and for its outcome until whoever asked has it."""

    def __init__(self) -> None:
        self.arrived = 0
        """Lines that ever came."""
        self._queue: dict[str, bytes] = {}
        self._size = 0
        self._waiting: dict[str, asyncio.Future[httpx2.Response]] = {}

    def __len__(self) -> int:
        return len(self._queue)

    async def outcome(self, identifier: str, line: bytes) -> httpx2.Response:
        """Queues a line, and waits for what comes of it. Raises: what `tell` was given."""
        future: asyncio.Future[httpx2.Response] = asyncio.get_running_loop().create_future()
        self._waiting[identifier] = future
        self._queue[identifier] = line
        self._size += len(line)
        self.arrived += 1
        try:
            return await future
        finally:
            self._waiting.pop(identifier, None)
            self._drop(identifier)

    def is_full(self, limits: BatchLimits) -> bool:
        """Whether more than this goes into no file anyway."""
        return len(self._queue) >= limits.lines or self._size >= limits.size

    def take(self, limits: BatchLimits) -> Iterator[dict[str, bytes]]:
        """Takes all out of the queue, in files within the limits."""
        for lines in split(list(self._queue.items()), limits):
            for identifier in lines:
                self._drop(identifier)
            yield lines

    def tell(self, identifier: str, outcome: httpx2.Response | Exception) -> None:
        """Tells whoever waits for a line, where anybody does."""
        future = self._waiting.get(identifier)
        if future is None or future.done():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _drop(self, identifier: str) -> None:
        if (line := self._queue.pop(identifier, None)) is not None:
            self._size -= len(line)
