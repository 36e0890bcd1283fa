"""Inputs whose outputs do not agree: a further one at a time is asked for each, until they do or there are as many as ordered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

AT_A_TIME = 200
"""Inputs that are looked at without a pause."""


class Disputes:
    """The places of the inputs whose outputs do not agree yet.

    Args:
        left: how many further outputs may still be asked for at a place: 0 where those that came agree.
    """

    def __init__(self, left: Callable[[int], int]) -> None:
        self._left = left
        self._waiting: deque[int] = deque()
        self._open: dict[int, int] = {}
        self.missing = 0
        """Outputs that may still be asked for, those in flight included."""

    async def look_through(self, count: int) -> None:
        """Looks at so many places; others of the loop get their turn, since there may be 100,000."""
        for at in range(count):
            self.look_at(at)
            if at % AT_A_TIME == 0:
                await asyncio.sleep(0)

    def look_at(self, at: int) -> None:
        """Looks at a place anew: it waits for another output, or is closed."""
        left = self._left(at)
        self._set(at, left)
        if left:
            self._waiting.append(at)

    def close(self, at: int) -> None:
        """No more is asked for at a place."""
        self._set(at, 0)

    def next(self) -> int | None:
        """The place for which the next output is asked, where one waits; it does not wait any more, until it is looked at."""
        return self._waiting.popleft() if self._waiting else None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def _set(self, at: int, left: int) -> None:
        self.missing += left - self._open.pop(at, 0)
        if left:
            self._open[at] = left
