"""Requests that wait at once are answered in one batch, and no more are taken than can be answered in time.

A batch starts as soon as the one before it is done, with what is there: a student has no use for waiting longer. See
docs/decisions/0041 for why this is not BentoML's adaptive batching.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from prompt2model_stages.service.speed import Speed

WAIT_LIMIT_S = 30.0
"""A request that would be answered later than this is refused at once; gateways commonly give up after 60 s."""

ANSWER_LIMIT_S = 100.0
"""The longest that one request may take, where nothing else waits."""

TEXTS_WAITING = 4096
"""The most texts that wait, however quick the student is."""


class OverloadedError(Exception):
    """No room now. retry_after: seconds until there should be."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(
            f"The service is busy: {waiting} texts wait already, more than it answers in {WAIT_LIMIT_S:.0f} s. "
            f"Try again in {retry_after} s."
        )
        self.retry_after = retry_after


class TooManyError(Exception):
    """One request alone takes too long. most: texts that are possible at once."""

    def __init__(self, texts: int, seconds: float, most: int) -> None:
        super().__init__(
            f"{texts} texts would take about {seconds:.0f} s, and a request is answered in at most {ANSWER_LIMIT_S:.0f} s: "
            f"send at most {most} texts in one request."
        )


@dataclass(eq=False)
class _Job:
    text: str
    answer: asyncio.Future[str]


class Batches:
    """One queue before one student.

    Args:
        answer: outputs for texts, in order; it runs in a thread of its own, one batch at a time.
        batch_limit: texts at once.
        speed: what the batches took so far; it is kept up here.
        observe: is told the size of each batch.
    """

    def __init__(
        self,
        answer: Callable[[list[str]], list[str]],
        batch_limit: int,
        speed: Speed,
        observe: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._answer, self._batch_limit, self._speed, self._observe = answer, batch_limit, speed, observe
        self._queue: deque[_Job] = deque()
        self._running = 0
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "answering")

    @property
    def waiting(self) -> int:
        """Texts that are not answered yet, those in the batch at work included."""
        return len(self._queue) + self._running

    async def ask(self, texts: list[str]) -> list[str]:
        """Outputs for the texts of one request, in order.

        Raises: OverloadedError, TooManyError; what `answer` raises. A request that is cancelled is not answered.
        """
        self._admit(len(texts))
        loop = asyncio.get_running_loop()
        jobs = [_Job(text, loop.create_future()) for text in texts]
        self._queue.extend(jobs)
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        try:
            return list(await asyncio.gather(*(job.answer for job in jobs)))
        finally:
            self._drop(jobs)

    def _admit(self, texts: int) -> None:
        waiting = self.waiting
        seconds = self._speed.seconds(waiting + texts)
        if waiting == 0:
            if texts > 1 and seconds > ANSWER_LIMIT_S:
                raise TooManyError(texts, seconds, self._speed.texts_within(ANSWER_LIMIT_S))
            return
        if seconds > WAIT_LIMIT_S or waiting + texts > TEXTS_WAITING:
            over = seconds - WAIT_LIMIT_S
            raise OverloadedError(waiting, min(60, max(1, math.ceil(over))))

    def _drop(self, jobs: list[_Job]) -> None:
        """Takes what is left of a request out of the queue, where it was cancelled or one of its texts failed."""
        if all(job.answer.done() and not job.answer.cancelled() for job in jobs):
            return
        gone = set(map(id, jobs))
        self._queue = deque(job for job in self._queue if id(job) not in gone)
        for job in jobs:
            job.answer.cancel()

    async def _work(self) -> None:
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(self._batch_limit, len(self._queue)))]
                self._running = len(batch)
                await self._one(batch)
                self._running = 0
        finally:
            self._running, self._worker = 0, None

    async def _one(self, batch: list[_Job]) -> None:
        self._observe(len(batch))
        began = time.monotonic()
        try:
            outputs = await self._answered(batch)
        except Exception as error:
            if len(batch) > 1:  # one text must not fail its companions
                for job in batch:
                    await self._one([job])
            elif not batch[0].answer.done():
                batch[0].answer.set_exception(error)
            return
        self._speed.measured(len(batch), time.monotonic() - began)
        for job, output in zip(batch, outputs, strict=True):
            if not job.answer.done():
                job.answer.set_result(output)

    async def _answered(self, batch: list[_Job]) -> list[str]:
        texts = [job.text for job in batch]
        outputs = await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, texts)
        if len(outputs) != len(batch):
            raise RuntimeError(f"{len(batch)} texts have {len(outputs)} answers")
        return outputs
