"""Batches on their way: requests are gathered, sent as files, waited for and handed back, also those of an earlier process.

    ask ─► queue ─(quiet, or full)─► noted ─► uploaded ─► created ─► waited for ─► results ─► done
                                       └─────── each noted in the journal before the next step ───────┘

A kill at any of the arrows loses nothing. Before "noted" nothing was sent. Before "created" is noted, the batch is looked for by
its name, which is in its metadata. After it, it is waited for. Results that were not journalled yet are fetched again. `resume`
takes up what an earlier process left; whatever nobody of this process asked for goes to `Leftovers`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher import failures
from prompt2model_stages.teacher.batch_api import BatchApi, BatchState, CannotList, FileTooLarge, NoBatchApi
from prompt2model_stages.teacher.batch_book import DONE, DROPPED, UNKNOWN, NotedBatch
from prompt2model_stages.teacher.batch_faults import Faults, Taken, is_full, of_whole
from prompt2model_stages.teacher.batch_files import (
    BatchLimits,
    Result,
    Unanswered,
    answered,
    line_of,
    results_of,
)
from prompt2model_stages.teacher.clocks import Sleep
from prompt2model_stages.teacher.journal import Journal
from prompt2model_stages.teacher.lanes import LineLeft, Unserved
from prompt2model_stages.teacher.leftovers import Leftovers
from prompt2model_stages.teacher.line_queue import LineQueue
from prompt2model_stages.teacher.running_batch import RunningBatch

logger = logging.getLogger(__name__)

QUIET_S = 1.0
"""So long nothing more has been asked for when a batch is sent: a stage asks for all that it wants in one go."""
FIRST_POLL_S, LONGEST_POLL_S, POLL_GROWTH = 1.0, 60.0, 1.5
RELOOK_S = 5.0
"""After so long a batch that was not found is looked for once more: it may have been made while the process was killed."""
PULSE_S = 30.0
FULL_WAIT_S = 60.0
"""How long an account that has too many tokens in its queue is given, where none of our own batches may end."""
AT_ONCE = 200
ENDING_S = 10.0
"""How long a batch whose answers are all journalled may take to be noted as done, and its files to be deleted."""
GONE_IN_A_ROW = 4
"""Times that a batch must be unknown to the endpoint; right after it is made it may be for a moment."""


class Batches:
    """The batches of one process.

    Args:
        api: the calls.
        journal: where every step is noted.
        endpoint: whose batches these are.
        leftovers: the lines of earlier processes.
        always: whether an endpoint without a batch API ends the stage.
        tell: told in a few words how far it is; also a sign of life.
    """

    def __init__(
        self,
        api: BatchApi,
        journal: Journal,
        endpoint: failures.Endpoint,
        leftovers: Leftovers,
        always: bool,
        tell: Callable[[str], None],
        sleep: Sleep = asyncio.sleep,
        limits: BatchLimits | None = None,
    ) -> None:
        self._api, self._journal, self._endpoint, self._leftovers = api, journal, endpoint, leftovers
        self._tell, self._sleep = tell, sleep
        self._taken = Taken(endpoint, always, tell, limits or BatchLimits())
        self._queue = LineQueue()
        self._batches: dict[str, RunningBatch] = {}
        self._of: dict[str, RunningBatch] = {}
        self._made = 0
        self._handing_out = 0
        self._flusher: asyncio.Task[None] | None = None
        self._pulse: asyncio.Task[None] | None = None

    @property
    def limits(self) -> BatchLimits:
        """Of one file, as far as is known."""
        return self._taken.limits

    @property
    def available(self) -> bool:
        """Whether the endpoint has a batch API, as far as is known."""
        return self._taken.available

    async def ask(self, identifier: str, body: Mapping[str, Any]) -> httpx2.Response:
        """The response to a reserved request, with whatever status.

        Raises: Unserved, LineLeft; StageError where the whole batch cannot be had; OSError of the journal.
        """
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await self._queue.outcome(identifier, line_of(identifier, body))

    def over(self, identifier: str) -> None:
        """Notes that whoever asked has journalled what came, or never will."""
        if (batch := self._of.pop(identifier, None)) is not None:
            batch.left.discard(identifier)
            if not batch.left:
                batch.journalled.set()

    def resume(self) -> None:
        """Takes up what earlier processes left at this endpoint."""
        for noted in list(self._journal.ledger.batches.batches.values()):
            if noted.endpoint != self._endpoint.base_url:
                logger.warning("batch %s is at %s, and stays as it is", noted.batch or noted.name, noted.endpoint)
                continue
            lines = self._journal.ledger.batches.open_lines(noted.name)
            batch = self._begun(noted, {line.identifier for line in lines})
            batch.adopted = True
            batch.groups = frozenset(line.group for line in lines if line.group)
            batch.keys = frozenset(line.key for line in lines)
            batch.task = asyncio.create_task(self._run(batch, None))

    async def of_group(self, group: str) -> None:
        """Waits for what an earlier process asked for a group, and has the endpoint stop at what is of other groups alone.

        Raises: StageError, OSError.
        """
        other = [batch for batch in self._batches.values() if batch.groups and group not in batch.groups]
        for batch in other:  # an edit has made it useless; what is answered by now is journalled all the same
            if batch.noted.batch:
                await self._api.cancel(batch.noted.batch)
        await self._end_of([batch for batch in self._batches.values() if group in batch.groups])

    async def of_key(self, key: str) -> None:
        """The same, of one request."""
        await self._end_of([batch for batch in self._batches.values() if key in batch.keys])

    async def close(self, unwanted: bool) -> None:
        """Ends the work, not the batches; unwanted: nobody will ask again for the answers of those that this process sent."""
        ending = [batch.task for batch in self._batches.values() if batch.task and self._is_journalled(batch)]
        if ending:
            await asyncio.wait(ending, timeout=ENDING_S)
        tasks = [batch.task for batch in self._batches.values() if batch.task is not None]
        own = [batch.noted.batch for batch in self._batches.values() if batch.noted.batch and not batch.adopted]
        tasks += [task for task in (self._flusher, self._pulse) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if unwanted:
            await asyncio.gather(*(self._api.cancel(batch) for batch in own))

    def progress(self) -> str:
        """How far the first batch is that is not over; empty where there is none."""
        batch = min(self._batches.values(), key=lambda one: one.number, default=None)
        if batch is None:
            return ""
        return batch.progress(self._made)

    async def _flush(self) -> None:
        """Sends what is queued once nothing more comes; results that are being handed out may yet bring more."""
        while len(self._queue):
            seen = self._queue.arrived
            await self._sleep(QUIET_S)
            if self._queue.is_full(self.limits) or (seen == self._queue.arrived and not self._handing_out):
                self._send_queue()

    def _send_queue(self) -> None:
        for lines in self._queue.take(self.limits):
            noted = NotedBatch(self._journal.new_batch(), self._endpoint.base_url, tuple(lines))
            batch = self._begun(noted, set(lines))
            batch.task = asyncio.create_task(self._run(batch, b"".join(lines.values())))

    def _begun(self, noted: NotedBatch, left: set[str]) -> RunningBatch:
        self._made += 1
        batch = RunningBatch(noted, self._made, left)
        self._batches[noted.name] = batch
        self._of.update(dict.fromkeys(left, batch))
        if self._pulse is None or self._pulse.done():
            self._pulse = asyncio.create_task(self._say_now_and_then())
        return batch

    async def _say_now_and_then(self) -> None:
        """A sign of life while a file is on its way, or the endpoint is away; by the clock of whoever looks for it."""
        while self._batches:
            await asyncio.sleep(PULSE_S)
            self._say()

    async def _run(self, batch: RunningBatch, content: bytes | None) -> None:
        """One batch to its end; content: None where an earlier process sent it. What goes wrong is told to whoever waits."""
        try:
            if content is not None:
                await self._make(batch, content)
            elif not batch.noted.batch and not await self._adopt(batch):
                return
            if (state := await self._wait_for(batch)) is None:
                return
            if state.status == "failed" and not state.output:
                await self._failed(batch, state)
            else:
                await self._take(batch, state)
        except Exception as error:  # every kind: whoever waits must be told, or waits for ever
            batch.error = error
            for identifier in batch.noted.lines:
                self._queue.tell(identifier, error)
        finally:
            self._batches.pop(batch.noted.name, None)

    async def _make(self, batch: RunningBatch, content: bytes) -> None:
        """Uploads and creates, each step noted. Raises: Unserved, StageError, OSError."""
        name, lines = batch.noted.name, list(batch.noted.lines)
        self._say()
        await self._journal.note_batch(name, endpoint=self._endpoint.base_url, lines=lines)
        try:
            file = await self._api.upload(f"{name}.jsonl", content)
            await self._journal.note_batch(name, file=file)
            batch.noted.file = file
            made = await self._api.create(name, file)
        except NoBatchApi as error:
            await self._drop(batch)
            raise self._taken.without(str(error)) from error
        except FileTooLarge as error:
            await self._drop(batch)
            raise self._taken.smaller(len(lines), len(content), str(error)) from error
        except StageError:
            if not batch.noted.file:  # nothing can have come of it
                await self._drop(batch)
            raise
        await self._journal.note_batch(name, batch=made)
        batch.noted.batch = made
        logger.info("batch %s has %d requests", made, len(lines))

    async def _adopt(self, batch: RunningBatch) -> bool:
        """Finds a batch that may have been made before its id was noted. Returns: whether it was."""
        found: str | None = None
        try:
            for wait in (0.0, RELOOK_S) if batch.noted.file else ():
                await self._sleep(wait)
                if (found := await self._api.find(batch.noted.name)) is not None:
                    break
        except CannotList:
            await self._forget(batch)
            return False
        if found is None:
            logger.info("batch %s was never made: its requests are asked again", batch.noted.name)
            await self._drop(batch)
            return False
        await self._journal.note_batch(batch.noted.name, batch=found)
        batch.noted.batch = found
        return True

    async def _wait_for(self, batch: RunningBatch) -> BatchState | None:
        """How it ended; None where the endpoint does not know an earlier process' batch any more. Raises: StageError."""
        wait, gone = FIRST_POLL_S, 0
        while True:
            state = await self._api.look(batch.noted.batch)
            gone = gone + 1 if state is None else 0
            if gone >= GONE_IN_A_ROW:
                await self._forget(batch)
                if batch.adopted:
                    return None
                raise of_whole(self._endpoint, f"it does not know batch {batch.noted.batch} any more")
            if state is not None:
                batch.state = state
                self._say()
                if state.is_over:
                    return state
            await self._sleep(wait)
            wait = min(LONGEST_POLL_S, wait * POLL_GROWTH)

    async def _take(self, batch: RunningBatch, state: BatchState) -> None:
        """Hands out the results, and waits until they are journalled."""
        self._handing_out += 1
        try:
            self._taken.full_in_a_row = 0
            for file in (state.output, state.errors):
                content = await self._api.content(file) if file else b""
                for number, result in enumerate(results_of(content, self._endpoint.base_url)):
                    await self._hand(batch, result)
                    if number % AT_ONCE == 0:
                        await asyncio.sleep(0)  # whoever looks how far it is gets an answer meanwhile
            missing = Unanswered(f"the batch is {state.status}")
            for identifier in list(batch.left):
                await self._hand(batch, Result(identifier, missing))
            if not batch.left:
                batch.journalled.set()
            await batch.journalled.wait()
        finally:
            self._handing_out -= 1
        if not self._is_journalled(batch):
            return  # who asked was stopped: the next process fetches the results again
        if state.status != "completed":
            logger.warning("batch %s is %s: what it did not answer is asked again", batch.noted.batch, state.status)
        await self._journal.note_batch(batch.noted.name, over=DONE)
        for file in (batch.noted.file, state.output, state.errors):
            if file:
                await self._api.delete(file)

    def _is_journalled(self, batch: RunningBatch) -> bool:
        """Whether everybody has what came, and none of it is lost by noting that the batch is done."""
        there = batch.adopted or not self._journal.ledger.batches.open_lines(batch.noted.name)
        return batch.journalled.is_set() and there

    async def _hand(self, batch: RunningBatch, result: Result) -> None:
        """One result, to whoever waits for it. A line comes twice where the file was read before: the first one counts."""
        if result.identifier not in batch.left:
            return
        if batch.adopted:
            if isinstance(result.outcome, httpx2.Response):
                await self._leftovers.take(result.identifier, result.outcome)
            else:
                self._leftovers.give_back([result.identifier])
            self.over(result.identifier)
        else:
            left_out = LineLeft(result.outcome.why) if isinstance(result.outcome, Unanswered) else result.outcome
            self._queue.tell(result.identifier, left_out)

    async def _failed(self, batch: RunningBatch, state: BatchState) -> None:
        """The endpoint took none of it. Raises: Unserved, StageError."""
        faults = Faults.of(state)
        logger.warning("batch %s failed: %s", batch.noted.batch, failures.redact(faults.text, self._endpoint))
        await self._drop(batch)
        if batch.adopted:
            return
        if is_full(faults.text):
            self._taken.full(len(batch.noted.lines), faults)
            await self._wait_for_room()
            raise Unserved(faults.text)
        for number, identifier in enumerate(batch.noted.lines, start=1):
            if number in faults.lines:
                self._queue.tell(identifier, answered(400, {"error": faults.lines[number]}, self._endpoint.base_url))
        if faults.lines:
            raise Unserved(faults.text)
        raise self._taken.unfit(faults)

    async def _wait_for_room(self) -> None:
        """Until a batch of ours has ended, or a while."""
        working = [one for one in self._batches.values() if one.noted.batch and not (one.state and one.state.is_over)]
        others = [one.task for one in working if one.task is not None]
        if others:
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        else:
            await self._sleep(FULL_WAIT_S)

    async def _drop(self, batch: RunningBatch) -> None:
        """Notes that nothing came of it, and nothing will."""
        await self._journal.note_batch(batch.noted.name, over=DROPPED)
        self._release(batch, served=False)

    async def _forget(self, batch: RunningBatch) -> None:
        """Notes that nobody knows what comes of it."""
        logger.warning(
            "what became of batch %s is not known: it is booked in full", batch.noted.batch or batch.noted.name
        )
        await self._journal.note_batch(batch.noted.name, over=UNKNOWN)
        self._release(batch, served=True)

    def _release(self, batch: RunningBatch, served: bool) -> None:
        if batch.adopted:
            self._leftovers.give_back(list(batch.left), served)
            for identifier in list(batch.left):
                self.over(identifier)

    async def _end_of(self, batches: list[RunningBatch]) -> None:
        tasks = [batch.task for batch in batches if batch.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        for batch in batches:
            if batch.error is not None:
                raise batch.error

    def _say(self) -> None:
        if told := self.progress():
            self._tell(told)
