"""How many requests are in flight: a number that adapts to what the endpoint bears. It lives as long as the teacher is open."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prompt2model_stages.teacher.clocks import Clock, Sleep

LEAST_ROUND = 20
"""Fewer results than this tell little of a share."""


class AdaptiveConcurrency:
    """How many requests are in flight: more while answers come, half as many when the endpoint is in trouble.

    A round is as many results as requests may be in flight, twenty at the least. Trouble in over a tenth of a round
    halves the limit and pauses every request; results of requests sent before that say nothing new and do not count. A
    few refusals at random, as big endpoints give them, change nothing. The limit doubles up to where it was last
    halved, then grows by a twentieth of the most a round. Where half as many in flight are refused just as often, the refusals have
    nothing to do with their number: the limit comes back, and so many refusals are borne from then on.
    """

    tolerated = 0.1
    """The share of a round that may be refused."""
    most_tolerated = 0.5
    """An endpoint that refuses so much is in trouble, whatever else helps or does not."""

    def __init__(self, most: int, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self.most = most
        self.limit = most
        self.in_flight = 0
        self.failures = 0
        """Pauses in a row without an answer between them."""
        self._threshold = most
        self._clock = clock
        self._sleep = sleep
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._good = 0
        self._bad = 0
        self._refused: float | None = None
        """The share that was refused when the limit was last halved; none since it has grown again."""
        self._unhalved = most
        self._halved_at = float("-inf")
        self._not_before = 0.0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A place among the requests in flight."""
        if self.in_flight >= self.limit or self._waiting:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave()
                raise
        else:
            self.in_flight += 1
        try:
            while (wait := self._not_before - self._clock()) > 0:
                await self._sleep(wait)
            yield
        finally:
            self._leave()

    def answered(self, sent_at: float, slow: bool = False) -> None:
        """Notes an answer; a slow one speaks for fewer in flight."""
        self.failures = 0
        if sent_at < self._halved_at:
            return
        if slow:
            self._bad += 1
        else:
            self._good += 1
        if self._is_trouble():
            self._halve()
        elif self._good + self._bad >= self._round:
            self._grow()

    def troubled(self, sent_at: float, wait: Callable[[int], float]) -> bool:
        """Notes a failure.

        Args:
            sent_at: when the request was sent, by the clock.
            wait: seconds to pause after so many failures in a row.

        Returns: whether everyone now pauses; if not, it concerns this one request alone.
        """
        if sent_at < self._halved_at:
            return self._not_before > self._clock()
        self._bad += 1
        if not self._is_trouble():
            return False
        if self._is_at_random():
            return False
        self.failures += 1
        self._halve()
        self._not_before = max(self._not_before, self._clock() + wait(self.failures))
        return True

    @property
    def _round(self) -> int:
        return max(self.limit, LEAST_ROUND)

    def _is_trouble(self) -> bool:
        """Whether more was refused than is borne, told once as many results are there as are still awaited."""
        return self._good + self._bad >= self.in_flight and self._bad > self.tolerated * self._round

    def _is_at_random(self) -> bool:
        """Whether half as many in flight were refused as often as before; the limit is then what it was."""
        # What is in flight may still be answered: a refusal comes at once, an answer takes its time.
        share = self._bad / (self._good + self._bad + self.in_flight)
        if self._refused is None:
            self._unhalved = self.limit
        if self._refused is None or not 0.8 * self._refused <= share < self.most_tolerated:
            self._refused = share
            return False
        self.tolerated = min(self.most_tolerated, 1.5 * share)
        self.limit = self._threshold = self._unhalved
        self._refused, self._good, self._bad = None, 0, 0
        self._admit()
        return True

    def _halve(self) -> None:
        self.limit = self._threshold = max(1, self.limit // 2)
        self._good = self._bad = 0
        self._halved_at = self._clock()

    def _grow(self) -> None:
        step = self.limit if self.limit < self._threshold else max(1, self.most // 20)
        self.limit = min(self.most, self.limit + step)
        self._refused, self._good, self._bad = None, 0, 0
        self._admit()

    def _leave(self) -> None:
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
