"""What keeps the requests within what the endpoint allows: windows of a minute, and a pace that adapts.

Both live as long as the teacher is open, over every batch of every caller.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

WINDOW_S = 61.0
"""A minute, and a second for requests that arrive closer together than they were sent."""
LEAST_ROUND = 20
"""Fewer results than this tell little of a share."""


@dataclass
class Entry:
    """What one request takes of a window."""

    at: float
    amount: float


class Window:
    """At most `limit` in any 60 s. What is taken may be corrected once the true amount is known."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._entries: deque[Entry] = deque()
        self._sum = 0.0

    def take(self, at: float, amount: float) -> Entry:
        """Notes an amount; whether it fits is asked before, with `wait`."""
        entry = Entry(at, min(amount, self.limit))
        self._entries.append(entry)
        self._sum += entry.amount
        return entry

    def correct(self, entry: Entry, amount: float) -> None:
        """Replaces an amount by the true one."""
        if self._entries and entry.at >= self._entries[0].at:
            self._sum += amount - entry.amount
        entry.amount = amount

    def wait(self, now: float, amount: float) -> float:
        """Seconds until the amount fits; an amount over the limit goes alone."""
        while self._entries and now - self._entries[0].at >= WINDOW_S:
            self._sum -= self._entries.popleft().amount
        excess = self._sum + min(amount, self.limit) - self.limit
        for entry in self._entries:
            if excess <= 1e-9:
                break
            excess -= entry.amount
            if excess <= 1e-9:
                return entry.at + WINDOW_S - now
        return 0.0


@dataclass
class Permit:
    """Leave to send one request."""

    tokens: Entry | None


class Rates:
    """Requests and tokens a minute; who asked first goes first."""

    def __init__(
        self, requests: int | None, tokens: int | None, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._requests = Window(requests) if requests else None
        self._tokens = Window(tokens) if tokens else None
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()

    def remember(self, seconds_ago: float, tokens: int) -> None:
        """Notes a request that an earlier attempt sent."""
        self._take(self._clock() - seconds_ago, tokens)

    async def acquire(self, tokens: int) -> Permit:
        """Waits until a request with so many tokens may go."""
        if self._requests is None and self._tokens is None:
            return Permit(None)
        async with self._turn:
            while (wait := self._wait(tokens)) > 0:
                await self._sleep(min(wait, 1.0))  # answers correct the windows meanwhile
            return self._take(self._clock(), tokens)

    def correct(self, permit: Permit, tokens: int) -> None:
        """Replaces the tokens reserved by those used."""
        if self._tokens is not None and permit.tokens is not None:
            self._tokens.correct(permit.tokens, tokens)

    def _wait(self, tokens: int) -> float:
        now = self._clock()
        waits = [self._requests.wait(now, 1) if self._requests else 0.0]
        waits.append(self._tokens.wait(now, tokens) if self._tokens else 0.0)
        return max(waits)

    def _take(self, at: float, tokens: int) -> Permit:
        if self._requests is not None:
            self._requests.take(at, 1)
        return Permit(self._tokens.take(at, tokens) if self._tokens is not None else None)


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
