"""The paper's dataset generator (Viswanathan et al. 2023, section 3.3), asynchronous and resumable.

What was written so far is a fold over the journal, so nothing but the journal needs to survive: an attempt takes in all
earlier answers of its group first and asks for what is missing. A request shows examples drawn by
its number, and numbers go on after the highest that was ever sent, so a request that was lost in flight is not repeated
word for word; it is simply not there, and another takes its place.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.examples import VotedExample
from prompt2model_stages.generate.base import (
    PURPOSE,
    AskableTeacher,
    DatasetGenerator,
    Generated,
    Order,
    Progress,
    Task,
)
from prompt2model_stages.generate.collecting import Candidate, Collection, winner
from prompt2model_stages.generate.pacing import ENOUGH, RequestPlanner, temperature
from prompt2model_stages.generate.pool import Pool
from prompt2model_stages.generate.prompts import (
    ANSWER_TOKENS,
    CHARACTERS_IN_CHAT,
    CHARACTERS_SHOWN,
    ONE,
    SEVERAL,
    ask_one,
    ask_output,
    ask_several,
    example_tokens,
    output_tokens,
)
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest

logger = logging.getLogger(__name__)

OUTPUT_TEMPERATURE = 0.7
"""Of the further outputs of an input: warm enough to differ where the teacher is unsure."""
TOO_LONG = "PromptTooLong"
AFTER_ERROR_S = 30.0
"""How long answers in flight are waited for after an error: they are paid for."""
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
"""Bounds of the same wait when there are enough examples."""


@dataclass
class _Writing:
    """A request for new examples in flight."""

    request: TeacherRequest
    asked: int
    several: bool
    since: float
    halved: int


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
        self._pace = RequestPlanner(order, clock)
        self._pool = Pool()
        self._collection = Collection(task, order.examples)
        self._writing: dict[int, _Writing] = {}
        self._sample = 0
        self._open: deque[Candidate] = deque()
        self._outputs: dict[str, dict[int, tuple[str, str]]] = {}
        self._asked_outputs: dict[str, int] = {}
        self._labelling = 0
        self._progress: Callable[[Progress], None] = lambda progress: None

    async def generate(self, progress: Callable[[Progress], None]) -> Generated:
        """See DatasetGenerator. Raises: StageError."""
        self._progress = progress
        self._take_in_journal()
        await self._run()
        # The order in which answers woke their tasks may differ from the journal's: the journal decides.
        counts = self._collection.counts
        self._collection = self._fold()
        self._collection.counts.journalled = counts.journalled
        self._open = deque(self._collection.candidates)
        await self._run()
        shortfall = self._shortfall()
        self._report(shortfall)
        return Generated(
            examples=tuple(self._example(candidate) for candidate in self._collection.candidates),
            counts=self._collection.counts,
            duplicates_over_time=tuple(self._collection.curve),
            shortfall=shortfall,
            spent=self._teacher.spent,
        )

    def _journal(self) -> Sequence[tuple[int, TeacherAnswer]]:
        return self._teacher.journalled(self._order.group)

    def _fold(self) -> Collection:
        collection = Collection(self._task, self._order.examples)
        for _sample, answer in self._journal():
            collection.take(answer)
        return collection

    def _take_in_journal(self) -> None:
        rich: list[bool] = []
        self._sample = self._teacher.next_sample(self._order.group)
        for _sample, answer in self._journal():
            taken = self._collection.take(answer)
            rich.append(taken.written > len(answer.texts))
        self._pace.remember(rich)
        self._collection.counts.journalled = self._collection.counts.requests
        self._open.extend(self._collection.candidates)
        if len(self._collection):
            logger.info("%d examples are taken from the journal", len(self._collection))
            self._report()

    async def _run(self) -> None:
        if self._refill_is_pointless():
            return
        await self._pool.run(self._refill, self._patience_s, AFTER_ERROR_S)

    def _refill_is_pointless(self) -> bool:
        return self._collection.full and self._order.outputs_per_input == 1

    def _patience_s(self) -> float:
        return min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, self._pace.usual_s or 0.0))

    def _refill(self) -> bool:
        """Starts requests until enough are in flight; returns whether there is nothing left to do."""
        room = self._pace.in_flight(max(1, self._teacher.concurrency), len(self._collection))
        while len(self._pool) < room and (self._start_output() or self._start_writing()):
            pass
        ended = self._collection.full or self._pace.stalled(len(self._collection))
        return ended and not self._labelling and not self._open

    def _start_writing(self) -> bool:
        """Puts a request for new examples in flight, where more are needed than those in flight should bring."""
        unique = len(self._collection)
        if self._collection.full or self._pace.stalled(unique):
            return False
        rate = self._pace.new_per_asked
        expected = rate * sum(w.asked for w in self._writing.values() if not self._pace.overdue(w.since))
        # A standard deviation more than expected, so that the last few examples do not take rounds of their own.
        missing = self._order.examples + math.sqrt(expected * (1 - min(rate, 1.0))) - unique - expected
        if missing <= 0:
            return False
        writing = self._compose(math.ceil(missing / rate), unique + expected)
        self._writing[writing.request.sample] = writing
        self._pool.start(self._write(writing))
        return True

    def _compose(self, useful: int, made: float) -> _Writing:
        order, sample, pace = self._order, self._sample, self._pace
        self._sample += 1
        rng = random.Random(f"{order.seed}/{sample}")
        earlier = self._collection.pairs()
        each = example_tokens(self._task)
        in_one, completions = pace.batch
        in_one = max(1, min(in_one, useful, ANSWER_TOKENS // each))
        if pace.several:
            messages, schema = ask_several(self._task, earlier, in_one, rng, pace.shown(CHARACTERS_SHOWN)), SEVERAL
        else:
            messages, schema = ask_one(self._task, earlier, rng, characters=pace.shown(CHARACTERS_IN_CHAT)), ONE
        n = max(1, min(completions, useful))
        request = TeacherRequest(
            purpose=PURPOSE,
            messages=messages,
            temperature=temperature(order, made, pace.repeats),
            max_tokens=in_one * each,
            n=n,
            schema=schema,
            sample=sample,
            group=order.group,
            partial=True,
        )
        return _Writing(request, in_one * n, pace.several, self._clock(), pace.halved)

    async def _write(self, writing: _Writing) -> None:
        try:
            answer = await self._teacher.ask(writing.request)
        except StageError as error:
            self._shorten(writing, error)
            return
        finally:
            del self._writing[writing.request.sample]
        self._pace.latency(self._clock() - writing.since)
        before = len(self._collection)
        taken = self._collection.take(answer)
        if writing.several:
            self._pace.judge_several(taken.written, writing.asked)
        outdated = writing.several and not self._pace.several
        self._pace.learn(writing.asked, taken.written, taken.new, len(answer.texts), outdated)
        self._open.extend(self._collection.candidates[before:])
        self._report()

    def _shorten(self, writing: _Writing, error: StageError) -> None:
        """Goes on with shorter prompts. Raises: the error, where it is another, or where not even the task alone fits."""
        if error.failure.reason != TOO_LONG:
            raise error
        if not self._pace.too_long(writing.halved):
            if not len(self._collection):
                raise error
            self._pace.learn(writing.asked, 0, 0, writing.request.n)
        logger.info("a prompt was too long for the teacher: prompts are halved %d times now", self._pace.halved)

    def _start_output(self) -> bool:
        """Puts a request for a further output of an input in flight, where one has too few."""
        while self._open:
            candidate = self._open[0]
            asked = self._asked_outputs.get(candidate.input, 0)
            if asked < self._further(candidate):
                self._asked_outputs[candidate.input] = asked + 1
                self._labelling += 1
                self._pool.start(self._output(candidate, asked + 1))
                return True
            self._open.popleft()
        return False

    def _further(self, candidate: Candidate) -> int:
        """Outputs to ask for, beside those that came with the examples."""
        return max(0, self._order.outputs_per_input - len(candidate.outputs))

    async def _output(self, candidate: Candidate, sample: int) -> None:
        request = TeacherRequest(
            purpose=PURPOSE,
            messages=ask_output(self._task, candidate.input),
            temperature=OUTPUT_TEMPERATURE,
            max_tokens=output_tokens(self._task),
            sample=sample,
        )
        try:
            answer = await self._teacher.ask(request)
        except StageError as error:
            if error.failure.reason != TOO_LONG:
                raise
            self._report()
            return  # this input has a vote less
        finally:
            self._labelling -= 1
        if text := answer.texts[0].strip():
            self._outputs.setdefault(candidate.input, {})[sample] = (text, answer.key)
        self._report()

    def _example(self, candidate: Candidate) -> VotedExample:
        outputs, requests = list(candidate.outputs), list(candidate.requests)
        further = self._outputs.get(candidate.input, {})
        # Only as many as the journal's order calls for, so that the same journal gives the same votes.
        for sample in sorted(further)[: self._further(candidate)]:
            outputs.append(further[sample][0])
            requests.append(further[sample][1])
        output, votes = winner(outputs)
        return VotedExample(candidate.input, output, tuple(requests), votes, len(outputs))

    def _report(self, message: str = "") -> None:
        unique, wanted = len(self._collection), self._order.outputs_per_input
        done = float(unique)
        if wanted > 1:
            missing = sum(max(0, self._further(c) - self._asked_outputs.get(c.input, 0)) for c in self._open)
            done = max(0.0, round(unique - (missing + self._labelling) / wanted, 1))
        self._progress(Progress(done, self._order.examples, unique, self._collection.counts, message))

    def _shortfall(self) -> str:
        """Why there are fewer examples than wanted. Raises: StageError where there are too few to go on."""
        unique, wanted, counts = len(self._collection), self._order.examples, self._collection.counts
        if unique >= wanted:
            return ""
        why = (
            f"{unique} of {wanted} examples: the last {self._pace.barren} answers brought nothing new. Of "
            f"{counts.answers} answers {counts.malformed} were unreadable and {counts.refused} refused; of "
            f"{counts.written} examples {counts.duplicates} were repeats, {counts.demonstrations} the user's own and "
            f"{counts.empty} empty."
        )
        if unique >= min(ENOUGH, wanted):
            logger.warning(why)
            return why
        raise blocked(
            "TeacherAnswersGarbage",
            f"The teacher gives no usable examples. {why}",
            "Name a stronger teacher in teacher.model, say the task more clearly in prompt, or add demonstrations; "
            "every answer so far is kept.",
        )
