"""Requests in flight, without barriers: each one that ends makes room for the next at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any


class Pool:
    """Runs coroutines until it is told that the work is done, or until one of them raises.

    Args:
        tick_s: seconds after which it asks for more work although nothing ended: answers may be overdue.
    """

    def __init__(self, tick_s: float = 0.25) -> None:
        self._tick_s = tick_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._error: BaseException | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Puts a coroutine in flight."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def run(self, refill: Callable[[], bool], patience_s: Callable[[], float], after_error_s: float) -> None:
        """Works until the end; what is then in flight is paid for, so it is waited for, within reason.

        Args:
            refill: starts what should be in flight; returns whether the work is done.
            patience_s: how long the rest is waited for when the work is done; then it is cancelled.
            after_error_s: the same after an error.

        Raises: the first exception of a coroutine.
        """
        try:
            while self._error is None and not refill() and self._tasks:
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._tick_s):
                        await self._wake.wait()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=after_error_s if self._error else patience_s())
        finally:
            await self._cancel()
        if self._error is not None:
            raise self._error

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = self._error or error

    async def _cancel(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
