"""How the generator asks where answers come in batches: in rounds, none of which asks for more than all before it together."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from prompt2model_stages.generate.stopping import WINDOW
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest
from tests.unit.test_generate import FakeTeacher, Write, generate, numbers, order, several

pytestmark = pytest.mark.unit
QUIET = 30
"""Turns of the loop without another request, after which a batch is answered."""


class RoundTeacher(FakeTeacher):
    """Answers all that it was asked for at once, when nothing more comes."""

    def __init__(self, write: Write) -> None:
        super().__init__(write)
        self.in_batches, self.concurrency = True, 50_000
        self.turns = 1
        self.rounds: list[int] = []
        self._waiting = 0
        self._sent = asyncio.Event()
        self._quiet: asyncio.Task[None] | None = None

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        self._waiting += 1
        if self._quiet is None:
            self._quiet = asyncio.create_task(self._answer_when_quiet())
        await self._sent.wait()
        return await super().ask(request)

    async def _answer_when_quiet(self) -> None:
        seen, still = 0, 0
        while still < QUIET:
            await asyncio.sleep(0)
            seen, still = self._waiting, still + 1 if seen == self._waiting else 0
        self.rounds.append(self._waiting)
        sent, self._sent = self._sent, asyncio.Event()
        self._waiting, self._quiet = 0, None
        sent.set()


def test_rounds_double_so_that_few_are_enough() -> None:
    teacher = RoundTeacher(numbers())
    made = generate(teacher, order(5000))
    assert len(made.examples) == 5000
    assert teacher.rounds[0] == 50 and len(teacher.rounds) <= 9
    assert all(later <= sum(teacher.rounds[: i + 1]) for i, (_, later) in enumerate(pairwise(teacher.rounds)))
    assert sum(several(request) * request.n for request in teacher.sent) <= 1.2 * 5000


def test_a_teacher_that_has_no_more_to_say_is_asked_for_at_most_twice_what_shows_it() -> None:
    one_by_one, in_rounds = FakeTeacher(numbers(space=400)), RoundTeacher(numbers(space=400))
    one_by_one.concurrency = 8
    few, same = generate(one_by_one, order(5000)), generate(in_rounds, order(5000))
    assert few.shortfall and same.shortfall
    shows = len(one_by_one.sent) + 2 * WINDOW // 5  # a window while it is cool, and one at the hottest
    assert len(in_rounds.sent) <= 2 * shows


def test_garbage_ends_after_one_round_of_each_form() -> None:
    teacher = RoundTeacher(lambda request, rng: ["I cannot help."] * request.n)
    with pytest.raises(Exception, match="no usable examples"):
        generate(teacher, order(1000))
    assert teacher.rounds == [50, 50]


def test_further_outputs_go_into_one_round_each() -> None:
    teacher = RoundTeacher(numbers())
    made = generate(teacher, order(300, outputs_per_input=3))
    assert len(made.examples) == 300 and all(example.of == 3 for example in made.examples)
    assert len(teacher.rounds) <= 6
