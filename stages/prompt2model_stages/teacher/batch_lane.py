"""The way to the endpoint through its batch API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prompt2model_api.spec.teacher import Price
from prompt2model_stages.teacher.adapting import Way
from prompt2model_stages.teacher.batch_api import BatchApi
from prompt2model_stages.teacher.batch_files import BatchLimits, read_line
from prompt2model_stages.teacher.batches import Batches
from prompt2model_stages.teacher.clocks import Sleep
from prompt2model_stages.teacher.failures import Endpoint
from prompt2model_stages.teacher.journal import Journal
from prompt2model_stages.teacher.leftovers import Leftovers
from prompt2model_stages.teacher.limits import Permit
from prompt2model_stages.teacher.replies import Reply
from prompt2model_stages.teacher.requests import TeacherRequest


@dataclass(frozen=True)
class Batching:
    """Whether and how requests go in batches.

    wanted: whether they do, where the endpoint can.
    always: whether an endpoint that cannot ends the stage.
    price: of tokens in a batch; also for those of an earlier attempt.
    tell: told in a few words how far they are; also a sign of life.
    limits: of one file.
    """

    wanted: bool = False
    always: bool = False
    price: Price | None = None
    tell: Callable[[str], None] = lambda message: None
    limits: BatchLimits | None = None

    def batches(
        self, api: BatchApi, journal: Journal, endpoint: Endpoint, leftovers: Leftovers, sleep: Sleep
    ) -> Batches:
        """The batches of one process; see Batches."""
        return Batches(api, journal, endpoint, leftovers, self.always, self.tell, sleep, self.limits)


class BatchLane:
    """See Lane. Neither the pace nor the limits a minute are for batches: the endpoint has a queue of its own for them."""

    waits = True
    failures = 0

    def __init__(self, batches: Batches, price: Price | None) -> None:
        self._batches = batches
        self.price = price

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """See Lane."""
        yield

    async def acquire(self, tokens: int) -> Permit | None:
        """See Lane."""
        return None

    def correct(self, permit: Permit | None, tokens: int) -> None:
        """See Lane."""

    async def post(self, identifier: str, body: Mapping[str, Any], permit: Permit | None) -> Reply:
        """See Lane."""
        return read_line(await self._batches.ask(identifier, body))

    def over(self, identifier: str | None) -> None:
        """See Lane."""
        if identifier is not None:
            self._batches.over(identifier)

    def answered(self, sent_at: float, slow: bool) -> None:
        """See Lane."""

    def troubled(self, sent_at: float, wait: Callable[[int], float]) -> bool:
        """See Lane."""
        return False


def line_fields(request: TeacherRequest, way: Way, part: Callable[[int], str]) -> dict[str, Any]:
    """What the journal needs to have of a line, so that any process can read its answer; part: the key of each of several."""
    fields: dict[str, Any] = {"asked": request.max_tokens, "room": way.room}
    if request.partial:
        fields["partial"] = True
    if request.n > 1:
        fields |= {"n": request.n, "parts": [part(i) for i in range(request.n)]}
    return fields
