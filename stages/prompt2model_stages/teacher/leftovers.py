"""What comes of the lines of batches that an earlier attempt sent: they are paid for, and journalled as that would have done."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import httpx2
import openai

from prompt2model_api.spec.teacher import Price
from prompt2model_stages.teacher import failures, signs
from prompt2model_stages.teacher.accepting import room_for_another, text_of, texts_of
from prompt2model_stages.teacher.batch_book import OpenLine
from prompt2model_stages.teacher.batch_files import read_line
from prompt2model_stages.teacher.budget import Cost, Purse, priced
from prompt2model_stages.teacher.journal import Journal
from prompt2model_stages.teacher.replies import Reply

logger = logging.getLogger(__name__)


class Leftovers:
    """The lines, each set aside in the budget with the most that it can cost, until it is known.

    Args:
        journal: of this process.
        endpoint: whose batches count; those of others stay booked with the most that they can cost.
        price: of tokens in a batch.
    """

    def __init__(self, journal: Journal, endpoint: failures.Endpoint, price: Price | None) -> None:
        self._journal, self._price = journal, price
        book = journal.ledger.batches
        here = [name for name, batch in book.batches.items() if batch.endpoint == endpoint.base_url]
        lines = [line for name in here for line in book.open_lines(name)]
        self.held = {line.identifier: journal.ledger.lost(line.identifier) for line in lines}
        """The cost of each that is not known yet."""
        journal.in_flight.update(self.held)

    def set_aside(self, purse: Purse) -> None:
        """Sets their costs aside."""
        self._purse = purse
        for cost in self.held.values():
            purse.hold(cost)

    async def take(self, identifier: str, response: httpx2.Response) -> None:
        """Takes in the response to a line. Raises: OSError."""
        line = self._journal.ledger.batches.lines[identifier]
        try:
            await self._accept(line, read_line(response))
        except openai.APIStatusError as error:
            if signs.is_filtered(error.status_code, failures.raw(error)):
                await self._accept(line, Reply.refusal(line.n))
                return
            logger.info("a request of an earlier batch was answered %d, and is asked again", error.status_code)
            self.give_back([identifier])
        except signs.Garbage as error:
            logger.warning("a request of an earlier batch has no answer that can be read: %s", error)
            await self._journal.spend(identifier, self.held[identifier], run=line.run)
            self.give_back([identifier], served=True)

    async def _accept(self, line: OpenLine, reply: Reply) -> None:
        """Journals an answer; one that was cut is spent, since the stage asks again with more room. Raises: OSError."""
        cost = _cost(line, reply, self._price)
        self._settle(line.identifier, cost)
        refused = all(choice.refused for choice in reply.choices)
        few = len(reply.choices) < line.n and not refused
        again = room_for_another(reply, line.asked, line.room, 0, line.partial)
        if again is not None or (few and not line.parts):
            await self._journal.spend(line.identifier, cost, run=line.run)
            return
        if few:
            await self._keep_parts(line, reply, cost)
            return
        texts = texts_of(reply, line.n, line.partial)
        cut = any(choice.cut for choice in reply.choices[: line.n])
        await self._journal.answer(
            line.identifier, line.key, texts, cost, refused, line.group, line.sample, cut, run=line.run
        )

    def give_back(self, identifiers: Iterable[str], served: bool = False) -> None:
        """Of what was not served nothing is spent; served: nobody knows, so that the most is."""
        for identifier in identifiers:
            if identifier in self.held:
                self._settle(identifier, self.held[identifier] if served else Cost())

    async def _keep_parts(self, line: OpenLine, reply: Reply, cost: Cost) -> None:
        """Journals fewer answers than were asked for; the first bears the cost."""
        for i, (key, choice) in enumerate(zip(line.parts, reply.choices, strict=False)):
            identifier, of_it = (line.identifier, cost) if i == 0 else (None, Cost())
            place = (line.group, line.sample)
            await self._journal.answer(
                identifier,
                key,
                [text_of(choice, line.partial)],
                of_it,
                choice.refused,
                *place,
                choice.cut,
                run=line.run,
            )

    def _settle(self, identifier: str, cost: Cost) -> None:
        if (held := self.held.pop(identifier, None)) is not None:
            self._purse.settle(held, cost)
            self._journal.in_flight.discard(identifier)


def _cost(line: OpenLine, reply: Reply, price: Price | None) -> Cost:
    """By the endpoint's own count; where it gives none, the most it can be."""
    prompt = line.cost.prompt if reply.prompt is None else reply.prompt
    completion = line.cost.completion if reply.completion is None else reply.completion
    return priced(prompt, completion, price)
