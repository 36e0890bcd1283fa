"""The paper's dataset generator (Viswanathan et al. 2023, section 3.3), asynchronous and resumable.

What was written so far is a fold over the journal, so nothing but the journal needs to survive: an attempt takes in all
earlier answers of its group first and asks for what is missing. A request shows examples drawn by
its number, and numbers go on after the highest that was ever sent, so a request that was lost in flight is not repeated
word for word; it is simply not there, and another takes its place.

| what | where |
|---|---|
| what the next request asks for | planning |
| its words and its form | writing, prompts |
| examples in an answer | reading |
| what is left out of them | filtering, validating |
| the unique ones | collecting |
| their outputs | labelling |
| when to stop | stopping |
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable

from prompt2model_stages.errors import StageError
from prompt2model_stages.generate.base import AskableTeacher, DatasetGenerator, Generated, Order, Progress, Task
from prompt2model_stages.generate.collecting import Collection
from prompt2model_stages.generate.handing_on import ExamplesOnDisk
from prompt2model_stages.generate.labelling import Label, Labeller
from prompt2model_stages.generate.planning import REMEMBERED, Plan, RequestPlanner
from prompt2model_stages.generate.pool import Pool
from prompt2model_stages.generate.prompts import ANSWER_TOKENS, example_tokens
from prompt2model_stages.generate.stopping import shortfall
from prompt2model_stages.generate.validating import validators_for
from prompt2model_stages.generate.writing import compose
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest

logger = logging.getLogger(__name__)

TOO_LONG = "PromptTooLong"
AT_A_TIME = 200
"""Journalled answers that are taken in without a pause: 0.2 s at most, with near-duplicates looked up."""
AFTER_ERROR_S = 30.0
"""How long answers in flight are waited for after an error: they are paid for."""
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
"""Bounds of the same wait when there are enough examples."""


class FewShotGenerator(DatasetGenerator):
    """Lets the teacher write examples after the user's demonstrations and a sample of what it wrote before.

    Args:
        task: what the examples are of.
        order: how many, how hot, how often.
        teacher: answers, and holds the journal.
        clock: seconds.
    """

    def __init__(
        self, task: Task, order: Order, teacher: AskableTeacher, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._task, self._order, self._teacher, self._clock = task, order, teacher, clock
        self._planner = RequestPlanner(order, clock, most_in_one=ANSWER_TOKENS // example_tokens(task))
        self._validators = validators_for(task) if order.validate else ()
        self._labeller = Labeller(task, order, self._validators)
        self._pool = Pool()
        self._collection = self._empty()
        self._writing: dict[int, Plan] = {}
        self._sample = 0
        self._progress: Callable[[Progress], None] = lambda progress: None

    async def generate(self, progress: Callable[[Progress], None]) -> Generated:
        """See DatasetGenerator. Raises: StageError."""
        self._progress = progress
        await self._take_in_journal()
        await self._write_all()
        await self._labeller.settle()
        await self._run()  # what is left: outputs of inputs that have too few
        counts = self._collection.counts
        counts.invalid_votes = self._labeller.invalid
        why = shortfall(len(self._collection), self._order.examples, counts, self._planner.barren, self._planner.found)
        if why:
            logger.warning(why)
        self._report(why)
        return Generated(
            examples=ExamplesOnDisk(map(self._labeller.example, self._collection.candidates)),
            counts=counts,
            duplicates_over_time=tuple(self._collection.curve),
            shortfall=why,
            spent=self._teacher.spent,
        )

    async def _journal(self) -> AsyncIterator[TeacherAnswer]:
        """The answers so far in the journal's order; others of the loop get their turn, since there may be 100,000."""
        for number, (_sample, answer) in enumerate(self._teacher.journalled(self._order.group), start=1):
            yield answer
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)

    async def _write_all(self) -> None:
        """Asks until there are enough examples, or asking on is pointless."""
        while True:
            await self._run()
            # The order in which answers woke their tasks may differ from the journal's: the journal decides. In its order there
            # may be fewer examples, because which of two near-duplicates came first decides what else is near.
            journalled = self._collection.counts.journalled
            self._collection = await self._fold()
            self._collection.counts.journalled = journalled
            self._labeller.begin(self._collection.candidates)
            if self._planner.ended(len(self._collection)):
                return

    def _empty(self) -> Collection:
        order = self._order
        return Collection(
            self._task, order.examples, order.drop_near_duplicates, order.on_disagreement, self._validators
        )

    async def _fold(self) -> Collection:
        collection = self._empty()
        async for answer in self._journal():
            collection.take(answer)
        return collection

    async def _take_in_journal(self) -> None:
        rich: deque[bool] = deque(maxlen=REMEMBERED)
        self._sample = self._teacher.next_sample(self._order.group)
        async for answer in self._journal():
            taken = self._collection.take(answer)
            rich.append(taken.written > len(answer.texts))
        self._planner.remember(rich)
        self._collection.counts.journalled = self._collection.counts.requests
        self._labeller.begin(self._collection.candidates)
        if len(self._collection):
            logger.info("%d examples are taken from the journal", len(self._collection))
            self._report()

    async def _run(self) -> None:
        if self._collection.full and self._order.outputs_per_input == 1:
            return
        await self._pool.run(self._refill, self._patience_s, AFTER_ERROR_S)

    def _patience_s(self) -> float:
        usual_s = LONGEST_WAIT_S if self._planner.patient else self._planner.usual_s or 0.0
        return min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, usual_s))

    def _refill(self) -> bool:
        """Starts requests until enough are in flight; returns whether there is nothing left to do."""
        self._planner.patient = self._teacher.in_batches
        if self._teacher.in_batches:
            self._fill_round(self._teacher.concurrency)
        else:
            room = self._planner.in_flight(max(1, self._teacher.concurrency), len(self._collection))
            while len(self._pool) < room and (self._start_output() or self._start_writing()):
                pass
        return self._planner.ended(len(self._collection)) and self._labeller.done

    def _fill_round(self, allowed: int) -> None:
        """Starts what goes into the next batch. Every output is needed, whatever the others bring; examples may be repeats."""
        while len(self._pool) < allowed and self._start_output():
            pass
        room = self._planner.in_round(allowed, len(self._collection), self._collection.counts.requests)
        while len(self._pool) < allowed and len(self._writing) < room and self._start_writing():
            pass

    def _start_writing(self) -> bool:
        """Puts a request for new examples in flight, where more are needed than those in flight should bring."""
        plan = self._planner.next(len(self._collection), self._writing.values())
        if plan is None:
            return False
        request = compose(self._task, self._order, plan, self._collection.pairs(), self._sample)
        self._sample += 1
        self._writing[request.sample] = plan
        self._pool.start(self._write(request, plan))
        return True

    async def _write(self, request: TeacherRequest, plan: Plan) -> None:
        try:
            answer = await self._teacher.ask(request)
        except StageError as error:
            self._shorten(plan, error)
            return
        finally:
            del self._writing[request.sample]
        taken = self._collection.take(answer)
        self._planner.answered(plan, taken.written, taken.new, len(answer.texts))
        self._report()

    def _shorten(self, plan: Plan, error: StageError) -> None:
        """Goes on with shorter prompts. Raises: the error, where it is another, or where not even the task alone fits."""
        if error.failure.reason != TOO_LONG:
            raise error
        if not self._planner.too_long(plan.halved):
            if not len(self._collection):
                raise error
            self._planner.learn(plan.asked, 0, 0, plan.completions)
        logger.info("a prompt was too long for the teacher: prompts are halved %d times now", self._planner.halved)

    def _start_output(self) -> bool:
        """Puts a request for a further output of an input in flight, where one has too few."""
        label = self._labeller.next()
        if label is None:
            return False
        self._pool.start(self._label(label))
        return True

    async def _label(self, label: Label) -> None:
        try:
            answer = await self._teacher.ask(label.request)
        except StageError as error:
            if error.failure.reason != TOO_LONG:
                raise
            self._labeller.give_up(label)
            self._report()
            return
        finally:
            self._labeller.in_flight -= 1
        self._labeller.take(label, answer)
        self._report()

    def _report(self, message: str = "") -> None:
        unique, wanted = len(self._collection), self._order.outputs_per_input
        done = float(unique)
        if wanted > 1:
            done = max(0.0, round(unique - self._labeller.missing / wanted, 1))
        self._progress(Progress(done, self._order.examples, unique, self._collection.counts, message))
