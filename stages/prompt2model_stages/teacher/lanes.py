"""The two ways by which a request reaches the endpoint: by itself, or as a line of a batch.

A lane holds what is particular to its way (the pace, the limits, the price), so that asking again, booking and journalling are the
same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol

from prompt2model_api.spec.teacher import Price
from prompt2model_stages.teacher.concurrency import AdaptiveConcurrency
from prompt2model_stages.teacher.exchange import Exchange
from prompt2model_stages.teacher.limits import Permit, Rates
from prompt2model_stages.teacher.replies import Reply


class Unserved(Exception):
    """A request was not served and cost nothing, for a reason that is none of its own: it is asked for again at once."""


class LineLeft(Exception):
    """A line of a batch came back without an answer, and cost nothing: the batch expired, was cancelled, or left it out."""


class Lane(Protocol):
    """One of the ways."""

    price: Price | None
    """Of a request that goes this way."""

    @property
    def waits(self) -> bool:
        """Whether answers come after minutes or hours: nobody waits for them at the end, and they tell nothing of the pace."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """A place among the requests in flight."""

    async def acquire(self, tokens: int) -> Permit | None:
        """Waits until a request with so many tokens may go."""

    def correct(self, permit: Permit | None, tokens: int) -> None:
        """Replaces the tokens of a permit by those used."""

    async def post(self, identifier: str, body: Mapping[str, Any], permit: Permit | None) -> Reply:
        """Sends a reserved request. Raises: openai.APIError, Garbage, Unserved, LineLeft, StageError."""

    def over(self, identifier: str | None) -> None:
        """Notes that a request is over, journalled or not; None: one that was never reserved."""

    def answered(self, sent_at: float, slow: bool) -> None:
        """Notes an answer."""

    def troubled(self, sent_at: float, wait: Callable[[int], float]) -> bool:
        """Notes a failure; whether every request now pauses."""

    @property
    def failures(self) -> int:
        """Pauses in a row without an answer between them."""


class SingleLane:
    """Each request by itself, as many at once as the endpoint bears, within its limits a minute."""

    waits = False

    def __init__(self, exchange: Exchange, pace: AdaptiveConcurrency, rates: Rates, price: Price | None) -> None:
        self._exchange, self._pace, self._rates = exchange, pace, rates
        self.price = price

    def slot(self) -> AbstractAsyncContextManager[None]:
        """See Lane."""
        return self._pace.slot()

    async def acquire(self, tokens: int) -> Permit:
        """See Lane."""
        return await self._rates.acquire(tokens)

    def correct(self, permit: Permit | None, tokens: int) -> None:
        """See Lane."""
        if permit is not None:
            self._rates.correct(permit, tokens)

    async def post(self, identifier: str, body: Mapping[str, Any], permit: Permit | None) -> Reply:
        """See Lane."""
        assert permit is not None
        return await self._exchange.post(body, partial(self._rates.hear, permit))

    def over(self, identifier: str | None) -> None:
        """See Lane."""
        self._rates.ended()

    def answered(self, sent_at: float, slow: bool) -> None:
        """See Lane."""
        self._pace.answered(sent_at, slow=slow)

    def troubled(self, sent_at: float, wait: Callable[[int], float]) -> bool:
        """See Lane."""
        return self._pace.troubled(sent_at, wait)

    @property
    def failures(self) -> int:
        """See Lane."""
        return self._pace.failures
