"""The queue of resources that wait for a look: each at most once, never looked at twice at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from prompt2model_operator.metrics import QUEUE
from prompt2model_operator.store import Key


class Waker:
    """Wakes the workers, at once or at a time. All of it runs in one event loop."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._busy: set[Key] = set()
        self._changed = asyncio.Event()

    def wake(self, key: Key, delay_s: float = 0.0) -> None:
        """The resource is looked at after the delay, or sooner where it waits for less already."""
        due = time.monotonic() + delay_s
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._changed.set()
        QUEUE.set(len(self._due))

    def wake_at(self, key: Key, at: datetime) -> None:
        """The resource is looked at at this time."""
        self.wake(key, max(0.0, (at - datetime.now(UTC)).total_seconds()))

    async def next(self) -> Key:
        """The next resource whose time has come; it is busy until `done`."""
        while True:
            self._changed.clear()
            now = time.monotonic()
            waiting = [(due, key) for key, due in self._due.items() if key not in self._busy]
            due, key = min(waiting, default=(float("inf"), None))
            if key is not None and due <= now:
                del self._due[key]
                self._busy.add(key)
                QUEUE.set(len(self._due))
                return key
            try:
                await asyncio.wait_for(self._changed.wait(), None if key is None else due - now)
            except TimeoutError:
                continue

    def done(self, key: Key) -> None:
        """The look is over: the resource may be looked at again."""
        self._busy.discard(key)
        self._changed.set()

    async def work(self, look: Callable[[Key], Awaitable[None]]) -> None:
        """Looks at one resource after the other, for ever."""
        while True:
            key = await self.next()
            try:
                await look(key)
            finally:
                self.done(key)
