"""The teacher as the stages use it: asks, retries, keeps to limits and budget, and journals.

Retries are ours and not the library's, because each try is reserved, counted and paced by itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import httpx2
import openai

from prompt2model_api.results import Spent
from prompt2model_api.spec.teacher import Price, TeacherSpec, changing_answers
from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher import failures, signs
from prompt2model_stages.teacher.accepting import room_for_another, text_of, texts_of
from prompt2model_stages.teacher.adapting import Adapter, Way
from prompt2model_stages.teacher.batch_api import BatchApi
from prompt2model_stages.teacher.batch_lane import Batching, BatchLane, line_fields
from prompt2model_stages.teacher.budget import Cost, Purse, priced
from prompt2model_stages.teacher.clocks import Clock, Sleep
from prompt2model_stages.teacher.concurrency import AdaptiveConcurrency
from prompt2model_stages.teacher.dialect import SEVERAL, Dialect
from prompt2model_stages.teacher.exchange import Exchange
from prompt2model_stages.teacher.journal import Journal
from prompt2model_stages.teacher.keys import usable_key
from prompt2model_stages.teacher.lanes import Lane, LineLeft, SingleLane, Unserved
from prompt2model_stages.teacher.leftovers import Leftovers
from prompt2model_stages.teacher.limits import Rates
from prompt2model_stages.teacher.patience import Patience
from prompt2model_stages.teacher.rate_file import RateMemory
from prompt2model_stages.teacher.replies import Reply
from prompt2model_stages.teacher.requests import (
    TeacherAnswer,
    TeacherRequest,
    completion_bound,
    prompt_bound,
    request_key,
    scope,
)
from prompt2model_stages.teacher.room import within_a_minute
from prompt2model_stages.teacher.silence import Silence
from prompt2model_stages.teacher.tries import Retry, Sent, Try

logger = logging.getLogger(__name__)

REJECTED_IN_A_ROW = 20
"""So many requests that were refused for no reason that is known, one after the other, are no matter of one prompt."""
_OF_ONE_REQUEST = frozenset({"PromptTooLong", "TeacherRejectsRequest", "BudgetExhausted"})
"""Reasons that say nothing about the next request."""


class Teacher:
    """An open teacher. Made by `open_teacher`; for one event loop."""

    def __init__(
        self,
        settings: TeacherSpec,
        journal: Journal,
        patience: Patience,
        key: str | None = None,
        key_place: str = "the environment",
        *,
        http: httpx2.AsyncClient | None = None,
        dialect: Dialect | None = None,
        rates: RateMemory | None = None,
        batching: Batching | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        key = usable_key(key, key_place)
        self._settings = settings
        self._journal = journal
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._endpoint = failures.Endpoint(settings.base_url.rstrip("/"), settings.model, key_place, key)
        self._scope = scope(settings.base_url)
        self._exchange = Exchange(self._endpoint, settings.limits.concurrency, patience, http)
        self._adapter = Adapter(dialect or Dialect(), settings)
        self._extra = changing_answers(settings)
        limits = settings.limits
        self._pace = AdaptiveConcurrency(limits.concurrency, clock, sleep)
        self._rates = Rates(limits.requests_per_minute, limits.tokens_per_minute, clock, sleep, rates)
        for at, tokens in journal.ledger.recent:
            self._rates.remember(max(0.0, time.time() - at), tokens)
        self._single = SingleLane(self._exchange, self._pace, self._rates, settings.price)
        self._batching = batching or Batching()
        self._leftovers = Leftovers(journal, self._endpoint, self._batching.price)
        self._purse = Purse(settings.budget, journal.ledger.spent(in_flight=self._leftovers.held))
        self._leftovers.set_aside(self._purse)
        api = BatchApi(self._exchange, self._endpoint, patience, clock, sleep)
        self._batches = self._batching.batches(api, journal, self._endpoint, self._leftovers, sleep)
        self._batched = BatchLane(self._batches, self._batching.price)
        self._jitter = random.Random()
        self._overrun = 1.0
        self._asked: dict[str, asyncio.Task[TeacherAnswer]] = {}
        self._sending: set[asyncio.Task[TeacherAnswer]] = set()
        self._fatal: StageError | None = None
        self._closing = False
        self._answered_at = float("-inf")
        self._silence = Silence(journal, self._endpoint)
        self._rejected = 0

    @property
    def spent(self) -> Spent:
        """By this stage run so far, its earlier attempts included."""
        return self._journal.spent()

    @property
    def dialect(self) -> Dialect:
        """How the endpoint wants to be asked, as far as it is known."""
        return self._adapter.dialect

    @property
    def concurrency(self) -> int:
        """How many requests may be in flight now; more are queued."""
        return self._batches.limits.lines if self.in_batches else self._pace.limit

    @property
    def in_batches(self) -> bool:
        """Whether answers come all together, after minutes or hours."""
        return self._batching.wanted and self._batches.available

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        """Answers a request, from the journal where it was answered before.

        The same request asked twice at once is sent once. A caller that is cancelled loses no answer: what is sent is
        waited for and journalled.

        Raises: StageError: Blocked for what can be fixed outside, Failed for PromptTooLong. OSError of the journal.
        """
        return await self._ask(request, self._key(request))

    def journalled(self, group: str) -> Sequence[tuple[int, TeacherAnswer]]:
        """Sample and answer of all that was answered for a group, this process included, in the journal's order.

        Each is read from the disk when it is looked at.
        """
        return self._journal.ledger.of_group(group)

    def next_sample(self, group: str) -> int:
        """The first sample of a group that was never sent, not even by an attempt that was killed before the answer."""
        return self._journal.ledger.next_sample[group]

    def resume(self) -> None:
        """Takes up the batches that an earlier attempt left, whatever way requests go now."""
        self._batches.resume()

    async def catch_up(self, group: str) -> None:
        """Waits until all that an earlier attempt sent in batches for a group is journalled. Raises: StageError, OSError."""
        await self._batches.of_group(group)

    async def close(self, grace_s: float, done: bool = False) -> None:
        """Waits for what is in flight, drops what is not yet sent, closes journal and connections.

        Args:
            grace_s: the longest wait. Batches are not waited for: whoever opens the journal next takes them up.
            done: whether nobody will want the answers that are still in batches, so that those are cancelled.
        """
        self._closing = True
        if self._fatal is not None:
            grace_s = min(grace_s, self._patience.longest_s)
        for task in set(self._asked.values()) - self._sending:
            task.cancel()
        try:
            if self._sending:
                await asyncio.wait(set(self._sending), timeout=grace_s)
        finally:
            for task in self._asked.values():
                task.cancel()
            await asyncio.gather(*self._asked.values(), return_exceptions=True)
            await self._batches.close(done)
            await self._journal.close()
            await self._rates.close()
            await self._exchange.close()

    async def _ask(self, request: TeacherRequest, key: str) -> TeacherAnswer:
        if (answer := self._journal.ledger.answers.get(key)) is not None:
            return answer
        if (task := self._asked.get(key)) is None:
            if self._closing:
                raise RuntimeError("the teacher is closed")
            self._stop_if_over()
            task = asyncio.create_task(self._answer(request, key))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: str, task: asyncio.Task[TeacherAnswer]) -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone; the error is then told by the next request

    def _stop_if_over(self) -> None:
        if self._fatal is not None:
            raise self._fatal
        if self._closing:
            raise asyncio.CancelledError

    async def _answer(self, request: TeacherRequest, key: str) -> TeacherAnswer:
        await self._batches.of_key(key)
        if (answer := self._journal.ledger.answers.get(key)) is not None:  # of an earlier attempt's batch
            return answer
        began, tries, way = self._clock(), 1, self._adapter.first_way(request)
        while True:
            if request.n > 1 and (not way.spoken.several or self._part(request, 0) in self._journal.ledger.answers):
                return await self._answer_in_parts(request, key)
            lane = self._lane(request)
            async with lane.slot():
                self._stop_if_over()
                # What was learnt while this waited counts, but for what this request itself was refused.
                outcome = await self._send(Try(request, key, self._adapter.renewed(way), tries, began), lane)
            if isinstance(outcome, TeacherAnswer):
                return outcome
            way, tries = outcome.way, tries + outcome.failed
            if outcome.after_s > 0:
                await self._sleep(outcome.after_s)
            self._stop_if_over()

    async def _send(self, one: Try, lane: Lane) -> TeacherAnswer | Retry:
        """One try: reserved, sent, and either answered and journalled, or given back. Raises: StageError, OSError."""
        sent = await self._reserve(one, lane)
        task = asyncio.current_task()
        assert task is not None
        if not lane.waits:
            self._sending.add(task)
        try:
            body = one.way.spoken.body(one.request, self._settings, one.way.room)
            reply = await lane.post(sent.identifier, body, sent.permit)
            return await self._accept(one, reply, sent)
        except Unserved:
            await self._give_back(sent, charged=False)
            return Retry(0.0, one.way, failed=False)
        except LineLeft as error:
            await self._give_back(sent, charged=False)
            return self._after(failures.left_out(self._endpoint, str(error)), one, sent)
        except StageError as error:
            raise self._end(error) from error
        except openai.APIStatusError as error:
            return await self._refused(error, one, sent)
        except (openai.APIError, signs.Garbage) as error:
            trouble = failures.classify(error, self._endpoint, self._patience.tries)
            await self._give_back(sent, trouble.charged)
            return self._after(trouble, one, sent)
        finally:
            self._sending.discard(task)
            if not sent.settled:  # cancelled on the wire: nobody knows what became of it
                unsent = self._journal.ledger.batches.is_unsent(sent.identifier)
                lost = self._journal.lost(sent.identifier)
                self._settle(sent, Cost() if unsent else lost)
            lane.over(sent.identifier)

    async def _refused(self, error: openai.APIStatusError, one: Try, sent: Sent) -> TeacherAnswer | Retry:
        """After an error with a status: a withheld answer, another way to ask, or trouble."""
        status, text, way = error.status_code, failures.raw(error), one.way
        if signs.is_filtered(status, text):
            return await self._accept(one, Reply.refusal(one.request.n), sent)
        other: Way | None = None
        trouble = failures.classify(error, self._endpoint, self._patience.tries)
        too_long = trouble.error.failure.reason == "PromptTooLong"
        if trouble.of_one or too_long or status >= 500:
            said = text if status >= 500 else f"{failures.said(error, self._endpoint)} {text}"
            other = self._adapter.refused(one.request, way, status, said, too_long)
        elif trouble.error.failure.reason == "RateLimited" and (room := within_a_minute(text, way.room)) is not None:
            other = replace(way, room=room, most=room)
        await self._give_back(sent, trouble.charged)
        if other is not None:
            return Retry(0.0, other, failed=False)
        if trouble.error.failure.reason == "TeacherModelUnknown":
            trouble = replace(trouble, error=await self._exchange.not_found(error))
        return self._after(trouble, one, sent)

    def _lane(self, request: TeacherRequest) -> Lane:
        """The way by which a request goes now."""
        return self._batched if self.in_batches and not request.at_once else self._single

    async def _reserve(self, one: Try, lane: Lane) -> Sent:
        request = one.request
        prompt, completion = prompt_bound(request), completion_bound(request, one.way.room)
        cost = priced(int(prompt * self._overrun), int(completion * self._overrun), lane.price)
        await self._purse.reserve(cost)
        try:
            permit = await lane.acquire(self._journal.likely(request.purpose, cost).tokens)
            self._stop_if_over()
            line = line_fields(request, one.way, partial(self._part, request)) if lane.waits else None
            place = (request.group, request.sample)
            identifier = await self._journal.reserve(one.key, request.purpose, cost, *place, line=line)
        except BaseException:
            self._purse.settle(cost, Cost())
            lane.over(None)
            raise
        return Sent(identifier, cost, lane, permit, self._clock())

    async def _accept(self, one: Try, reply: Reply, sent: Sent) -> TeacherAnswer | Retry:
        request, way = one.request, one.way
        cost = self._cost(request, reply, way, sent.lane.price)
        if cost.tokens > sent.cost.tokens:
            self._overrun *= cost.tokens / max(1, sent.cost.tokens)
            logger.warning("the endpoint used %d tokens where %d were the most", cost.tokens, sent.cost.tokens)
        self._settle(sent, cost)
        now = self._answered_at = self._clock()
        self._rejected = 0
        sent.lane.answered(sent.at, slow=now - sent.at > self._patience.timeout_s / 2)
        room = room_for_another(reply, request.max_tokens, way.room, way.most, request.partial)
        if room is not None:
            await self._journal.spend(sent.identifier, cost)
            return Retry(0.0, replace(way, room=room), failed=False)
        refused = all(choice.refused for choice in reply.choices)
        if not refused:
            cut = any(choice.cut for choice in reply.choices)
            self._adapter.answered(request, way, needed_room=reply.reasoned and not cut)
        if len(reply.choices) < request.n and not refused:
            await self._keep_parts(request, reply, sent, cost)
            return Retry(0.0, replace(way, without=way.without | {SEVERAL}), failed=False)
        cut = any(choice.cut for choice in reply.choices[: request.n])
        texts = texts_of(reply, request.n, request.partial)
        place = (request.group, request.sample)
        answer = await self._journal.answer(sent.identifier, one.key, texts, cost, refused, *place, cut)
        if (silent := await self._silence.watch(answer, reply, way.room)) is not None:
            raise self._end(silent)
        return answer

    def _after(self, trouble: failures.Trouble, one: Try, sent: Sent) -> TeacherAnswer | Retry:
        """When to try again, or a refusal of this one. Raises: StageError where it makes no sense."""
        attempt, way = one.number, one.way
        asked, served = trouble.asked_s, self._answered_at > float("-inf")
        if trouble.of_one and attempt >= 2 * trouble.tries and served and self._rejected < REJECTED_IN_A_ROW:
            self._rejected += 1
            logger.warning("refused, and not asked again: %s", trouble.error.failure.message)
            return TeacherAnswer(("",) * one.request.n, one.key, refused=True)
        if trouble.of_one and not served and len(self._sending) > 1 and attempt <= 3:
            return Retry(self._patience.wait(attempt, None, self._jitter), way)  # the others will tell
        if trouble.tries == 0 or (asked or 0.0) > self._patience.longest_asked_s:
            raise self._end(trouble.error)
        paused = sent.lane.troubled(sent.at, lambda times: self._patience.wait(times, asked, self._jitter))
        tries = trouble.tries if self._answered_at < one.began else 3 * trouble.tries  # others are served: be patient
        if attempt >= tries or sent.lane.failures >= trouble.tries:
            raise self._end(trouble.error)
        logger.info("try %d: %s", attempt, trouble.error.failure.message)
        paused = paused or sent.lane.waits  # it has waited longer than any pause
        return Retry(0.0 if paused else self._patience.wait(attempt, asked, self._jitter), way)

    async def _give_back(self, sent: Sent, charged: bool) -> None:
        self._settle(sent, self._journal.lost(sent.identifier) if charged else Cost())
        if not charged:
            await self._journal.release(sent.identifier)

    def _settle(self, sent: Sent, cost: Cost) -> None:
        sent.settled = True
        self._purse.settle(sent.cost, cost)
        sent.lane.correct(sent.permit, cost.tokens)

    def _end(self, error: StageError) -> StageError:
        if error.failure.reason not in _OF_ONE_REQUEST:
            self._fatal = self._fatal or error
        return error

    def _cost(self, request: TeacherRequest, reply: Reply, way: Way, price: Price | None) -> Cost:
        """By the endpoint's own count; where it gives none, the most it can be."""
        prompt = prompt_bound(request) if reply.prompt is None else reply.prompt
        completion = completion_bound(request, way.room) if reply.completion is None else reply.completion
        return priced(prompt, completion, price)

    async def _answer_in_parts(self, request: TeacherRequest, key: str) -> TeacherAnswer:
        """Asks for each of the n answers by itself, where the endpoint gives but one at a time."""
        single = replace(request, n=1)
        parts = await asyncio.gather(*(self._ask(single, self._part(request, i)) for i in range(request.n)))
        texts = [part.texts[0] for part in parts]
        refused, cut = all(part.refused for part in parts), any(part.cut for part in parts)
        answer = await self._journal.answer(None, key, texts, Cost(), refused, cut=cut)
        return replace(
            answer,
            cached=all(part.cached for part in parts),
            prompt_tokens=sum(part.prompt_tokens for part in parts),
            completion_tokens=sum(part.completion_tokens for part in parts),
            usd=sum(part.usd for part in parts),
        )

    async def _keep_parts(self, request: TeacherRequest, reply: Reply, sent: Sent, cost: Cost) -> None:
        """Journals fewer answers than were asked for; the first bears the cost."""
        for i, choice in enumerate(reply.choices):
            identifier = sent.identifier if i == 0 else None
            part_cost = cost if i == 0 else Cost()
            part = self._part(request, i)
            await self._journal.answer(
                identifier,
                part,
                [text_of(choice, request.partial)],
                part_cost,
                choice.refused,
                request.group,
                request.sample,
                cut=choice.cut,
            )

    def _key(self, request: TeacherRequest, part: int | None = None) -> str:
        return request_key(request, self._settings.model, self._scope, part, self._extra)

    def _part(self, request: TeacherRequest, part: int) -> str:
        return self._key(request, part)
