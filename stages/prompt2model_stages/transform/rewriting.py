"""Lets the teacher rewrite rows, as many at a time as the endpoint takes.

Each row is one request at temperature 0, so its key in the journal is the same in every attempt: what was answered is read from
there, and what became of the rows depends on their order alone. An answer that does not say whether the row is refused is asked
for once more, with what is wrong with it.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.examples import Example, Pair, normalised, same_text
from prompt2model_stages.generate.base import AskableTeacher, Task
from prompt2model_stages.generate.pool import Pool
from prompt2model_stages.generate.votes import winner
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest
from prompt2model_stages.transform.base import Outcome, Refused, Result, Unusable, kind_of, texts_of
from prompt2model_stages.transform.prompts import PLAN_TOKENS, ROW_FORM, ask_again, ask_plan, ask_row, row_tokens
from prompt2model_stages.transform.reading import read_answer

PURPOSE = "transform"
TOO_LONG = "PromptTooLong"
FIRST_IN_FLIGHT = 30
"""Before the first row is rewritten: a dataset of no use should not cost a thousand requests."""
HOPELESS = 30
"""Answers without one in form, or with hardly more than one example among them, after which the teacher is taken to be too weak."""
REPEATED = 10
"""Different inputs of rows for each different example from which a teacher only repeats itself."""
REFUSED_ALL = 100
"""Answers without a usable row, after which the dataset is taken to be of no use."""
AFTER_ERROR_S = 30.0
"""How long answers in flight are waited for after an error: they are paid for."""

Progress = Callable[[int, int, int], None]
"""Told how many rows are through, how many there are, and how many of them are rewritten."""


async def write_plan(task: Task, sample: Sequence[Pair], teacher: AskableTeacher) -> str:
    """The plan for all rows; empty where the teacher gives none, or the rows are too long for it. Raises: StageError."""
    request = TeacherRequest(
        purpose=PURPOSE,
        messages=ask_plan(task, sample),
        temperature=0.0,
        max_tokens=PLAN_TOKENS,
        partial=True,
        at_once=True,
    )
    try:
        answer = await teacher.ask(request)
    except StageError as error:
        if error.failure.reason != TOO_LONG:
            raise
        return ""
    return "" if answer.refused else answer.texts[0].strip()


class Rewriter:
    """Rewrites rows one by one after a plan.

    Args:
        task: what the rows are rewritten for.
        plan: how; empty where there is none.
        dataset: its name, for messages.
        rows: as they are in the dataset.
        teacher: answers, and holds the journal.
        progress: told after each row.
        seed: of the order in which rows are asked about. Many a dataset is sorted, so its first rows tell nothing of the others.
    """

    def __init__(
        self,
        task: Task,
        plan: str,
        dataset: str,
        rows: Sequence[Example],
        teacher: AskableTeacher,
        progress: Progress,
        seed: int,
    ) -> None:
        self._task, self._plan, self._dataset, self._rows = task, plan, dataset, rows
        self._teacher, self._progress, self._pool = teacher, progress, Pool()
        self._shown = {normalised(pair.input) for pair in task.demonstrations}
        self._results: list[Result | None] = [self._unasked(row) for row in rows]
        self._order = random.Random(seed).sample(range(len(rows)), len(rows))
        self._left: Iterator[int] = iter(())
        self._done = sum(result is not None for result in self._results)
        self._answered = self._in_form = self._pairs = 0
        self._made: set[str] = set()
        self._copied: set[str] = set()
        self._rewritten: set[str] = set()

    async def rewrite(self) -> list[Result]:
        """What became of each row, in their order.

        Raises: StageError of the teacher; TeacherAnswersGarbage (Blocked) where it does not keep to the form, NothingTransformed
            (Failed) where no row is of use; both as soon as it is clear.
        """
        while self._done < len(self._rows) and not self._is_pointless:
            self._left = iter([place for place in self._order if self._results[place] is None])
            await self._pool.run(self._refill, lambda: AFTER_ERROR_S, AFTER_ERROR_S)
        self._raise_if_nothing()
        return _distinct([result for result in self._results if result is not None])

    def _unasked(self, row: Example) -> Result | None:
        """The result of a row that the teacher is not asked about."""
        if not row.input and not row.output:
            return Result(row, Unusable.EMPTY)
        shown = any(normalised(text) in self._shown for text in texts_of(row))
        return Result(row, Unusable.DEMONSTRATION) if shown else None

    def _refill(self) -> bool:
        """Starts requests until enough are in flight; returns whether it is clear that asking on is pointless."""
        if self._is_pointless:
            return True
        room = max(1, self._teacher.concurrency)
        self._progress(self._done, len(self._rows), len(self._made))  # a sign of life where the endpoint makes it wait
        if self._teacher.in_batches and self._answered < REFUSED_ALL:
            room = min(
                room, REFUSED_ALL
            )  # in one round what tells whether the dataset is of use, in the next all others
        room = room if self._made else min(room, FIRST_IN_FLIGHT)
        while len(self._pool) < room and (place := next(self._left, None)) is not None:
            self._pool.start(self._ask(place))
        return False

    async def _ask(self, place: int) -> None:
        row = self._rows[place]
        request = TeacherRequest(
            purpose=PURPOSE,
            messages=ask_row(self._task, self._plan, row),
            temperature=0.0,
            max_tokens=row_tokens(self._task, row),
            schema=ROW_FORM,
        )
        outcome, answer = await self._asked(request)
        if outcome is Unusable.UNDECIDED and answer is not None:
            again = replace(request, messages=ask_again(request.messages, answer.texts[0]))
            second, told = await self._asked(again)
            # A prompt that became too long leaves the first answer as it is.
            outcome, answer = (second, told) if told is not None else (outcome, answer)
        self._take(place, outcome, answer.key if answer is not None else "")

    async def _asked(self, request: TeacherRequest) -> tuple[Outcome, TeacherAnswer | None]:
        """What an answer says of a row; no answer where the row is too long for the teacher."""
        try:
            answer = await self._teacher.ask(request)
        except StageError as error:
            if error.failure.reason != TOO_LONG:
                raise
            return Unusable.TOO_LONG, None
        return read_answer(answer), answer

    def _take(self, place: int, outcome: Outcome, key: str) -> None:
        self._answered += 1
        self._in_form += isinstance(outcome, Pair | Refused) or outcome is Unusable.OVERLONG
        if isinstance(outcome, Pair):
            self._pairs += 1
            self._rewritten.add(normalised(self._rows[place].input))
            question = normalised(outcome.input)
            copied = question in self._shown
            (self._copied if copied else self._made).add(question)
            outcome = Unusable.DEMONSTRATION if copied else outcome
        self._results[place] = Result(self._rows[place], outcome, key)
        self._done += 1
        self._progress(self._done, len(self._rows), len(self._made))

    @property
    def _is_garbage(self) -> bool:
        """Whether nothing is in form, or one example comes again and again."""
        return not self._in_form or self._repeats

    @property
    def _repeats(self) -> bool:
        """A dataset may have many rows of one input: these may well become one question."""
        different, inputs = len(self._made | self._copied), len(self._rewritten)
        return inputs >= HOPELESS and different * REPEATED <= inputs

    @property
    def _is_pointless(self) -> bool:
        return (self._answered >= HOPELESS and self._is_garbage) or (self._answered >= REFUSED_ALL and not self._made)

    def _raise_if_nothing(self) -> None:
        if self._made and not self._repeats:
            return
        there = [result for result in self._results if result is not None]
        found = summary(there)
        if self._repeats:
            found = f"{self._pairs} times one of {len(self._made | self._copied)} examples, {found}".removesuffix(", ")
        if self._answered and self._is_garbage:
            raise blocked(
                "TeacherAnswersGarbage",
                f"The teacher's {self._answered} answers about rows of {self._dataset} are of no use: {found}.",
                "Name a stronger teacher in teacher.model, or set datasets.transform to None; every answer so far is kept.",
            )
        raise failed(
            "NothingTransformed",
            f"Nothing of {self._dataset} is left: none of {len(there)} rows could be rewritten for the task ({found}).",
            "Choose another dataset in datasets.choice, or none: true, or say in the prompt more clearly what is wanted.",
        )


def _distinct(results: Sequence[Result]) -> list[Result]:
    """The results, of rows that became the same question one alone as a pair for each answer, as prepare does.

    Each wording has the answer that most of its rows came to, since another spelling may want another one.
    """
    wordings: dict[str, list[tuple[int, Pair]]] = defaultdict(list)
    for place, result in enumerate(results):
        if isinstance(result.outcome, Pair):
            wordings[same_text(result.outcome.input)].append((place, result.outcome))
    kept: dict[tuple[str, str], int] = {}
    for same in wordings.values():
        output, _ = winner(pair.output for _, pair in same)
        place, pair = next((place, pair) for place, pair in same if pair.output == output)
        kept.setdefault((normalised(pair.input), output), place)
    chosen = set(kept.values())
    return [
        replace(result, outcome=Unusable.DUPLICATE)
        if isinstance(result.outcome, Pair) and place not in chosen
        else result
        for place, result in enumerate(results)
    ]


def summary(results: Sequence[Result]) -> str:
    """What became of the rows that are not rewritten, as a list of counts; the most frequent first."""
    counts = Counter(kind_of(result.outcome) for result in results if not isinstance(result.outcome, Pair))
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))
