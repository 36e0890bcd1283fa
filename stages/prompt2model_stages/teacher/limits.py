"""What keeps requests within what the endpoint allows: the limits that the spec names, and those that its headers tell.

The first are kept by all processes of a machine together, which share a record (rate_file.py); the second by whoever asks
the endpoint anywhere, since everybody is told the same remainder (remaining.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from prompt2model_stages.teacher.clocks import Clock, Sleep
from prompt2model_stages.teacher.patience import retry_after
from prompt2model_stages.teacher.rate_file import RateMemory
from prompt2model_stages.teacher.rate_record import PerMinute, RateRecord
from prompt2model_stages.teacher.remaining import Remaining

FIRST = 4
"""Requests that may be in flight before the first answer tells what the endpoint allows."""
FIRST_WAIT_S = 10.0
"""The longest that all others wait for that."""
_POLL_S = 1.0
"""Longest sleep in a wait: answers correct the record meanwhile, and other processes change it."""


@dataclass(frozen=True)
class Permit:
    """Leave to send one request.

    second: of the clock, in which it was given.
    tokens: that it takes of the limit.
    sent: requests and tokens sent so far, with this one.
    """

    second: int
    tokens: float
    sent: tuple[float, float]


class Rates:
    """Requests and tokens a minute; in this process, who asked first goes first.

    Args:
        requests, tokens: in any 60 s; None: the spec names no limit.
        clock: seconds; that of all processes which share the record.
        sleep: waits.
        record: what was sent lately; by default by this process alone.
    """

    def __init__(
        self,
        requests: int | None,
        tokens: int | None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        record: RateMemory | None = None,
    ) -> None:
        self._limits = PerMinute(requests, tokens)
        self._clock = clock
        self._sleep = sleep
        self._record = record or RateMemory()
        self._remaining = Remaining()
        self._turn = asyncio.Lock()
        self._remembered: list[tuple[float, int]] = []
        self._corrections: list[tuple[int, float]] = []
        self._given = 0
        self._heard = asyncio.Event()

    def remember(self, seconds_ago: float, tokens: int) -> None:
        """Notes a request that an earlier attempt sent."""
        self._remembered.append((self._clock() - seconds_ago, tokens))

    async def acquire(self, tokens: int) -> Permit:
        """Waits until a request with so many tokens may go."""
        async with self._turn:
            await self._wait_for_the_first_answer()
            while True:
                wait, permit = await self._try(tokens)
                if permit is not None:
                    self._given += 1
                    return permit
                await self._sleep(min(wait, _POLL_S))

    def correct(self, permit: Permit, tokens: int) -> None:
        """Replaces the tokens reserved by those used; the record has it with the next request, or at the end."""
        if self._limits and tokens != permit.tokens:
            self._corrections.append((permit.second, tokens - permit.tokens))

    def hear(self, permit: Permit, status: int, headers: Mapping[str, str]) -> None:
        """Takes in what an answer's headers say of the endpoint's limits."""
        refused_for_s = (retry_after(headers) or 0.0) if status == 429 else None
        self._remaining.hear(headers, permit.sent, self._clock(), refused_for_s)

    def ended(self) -> None:
        """Notes that a request is over, however it ended."""
        self._heard.set()

    async def close(self) -> None:
        """Leaves the record to others, with what is known by now."""
        if self._corrections:
            async with self._record.locked() as record:
                self._bring_up_to_date(record)
        self._record.close()

    async def _wait_for_the_first_answer(self) -> None:
        if self._given >= FIRST and not self._heard.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), FIRST_WAIT_S)
            self._heard.set()

    async def _try(self, tokens: int) -> tuple[float, Permit | None]:
        """Seconds to wait, or a permit."""
        now = self._clock()
        if (wait := self._remaining.wait(now, tokens)) > 0:
            return wait, None
        if not self._limits:
            return 0.0, Permit(int(now), tokens, self._remaining.take(now, tokens))
        async with self._record.locked() as record:
            self._bring_up_to_date(record)
            now = self._clock()
            if (wait := record.wait(now, self._limits, tokens)) > 0:
                return wait, None
            taken = record.take(now, self._limits, tokens)
        return 0.0, Permit(int(now), taken, self._remaining.take(now, tokens))

    def _bring_up_to_date(self, record: RateRecord) -> None:
        now = self._clock()
        if self._remembered:
            record.remember(self._remembered, self._limits)
        for second, difference in self._corrections:
            record.correct(second, difference, self._limits, now)
        self._remembered, self._corrections = [], []
