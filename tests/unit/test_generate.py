"""The generator against a teacher made of Python: what it asks, when it stops, and what a killed run finds again."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable

import pytest

from prompt2model_api.results import Spent
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Counts, Generated, Order, Progress, Task
from prompt2model_stages.generate.generator import FewShotGenerator
from prompt2model_stages.generate.prompts import SEVERAL
from prompt2model_stages.stage_files import json_lines
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest
from prompt2model_stages.teacher.requests import request_key

pytestmark = pytest.mark.unit

TASK = Task("Say the number in words.", (Pair("1", "one"), Pair("2", "two")))
Write = Callable[[TeacherRequest, random.Random], list[str]]


def several(request: TeacherRequest) -> int:
    """How many examples the request wants in a completion."""
    if request.schema != SEVERAL:
        return 1
    return int(request.messages[-1]["content"].split("Write ")[1].split()[0])


def numbers(space: int = 10**6, outputs: tuple[str, ...] = ("right",)) -> Write:
    """A teacher that writes well-formed examples out of so many inputs."""

    def write(request: TeacherRequest, rng: random.Random) -> list[str]:
        if request.schema is None:
            return [rng.choice(outputs)] * request.n

        def pair() -> dict[str, str]:
            return {"input": f"number {rng.randrange(space)}", "output": rng.choice(outputs)}

        if request.schema == SEVERAL:
            return [json.dumps({"examples": [pair() for _ in range(several(request))]}) for _ in range(request.n)]
        return [json.dumps(pair()) for _ in range(request.n)]

    return write


class FakeTeacher:
    """Answers by a function after a random number of turns of the loop, and keeps a journal as the real one does."""

    def __init__(self, write: Write, journal: dict[str, tuple[TeacherRequest, TeacherAnswer]] | None = None) -> None:
        self.write = write
        self.journal = {} if journal is None else journal
        self.concurrency = 16
        self.in_batches = False
        self.sent: list[TeacherRequest] = []
        self.sent_before: list[TeacherRequest] = [request for request, _ in self.journal.values()]
        self.in_flight = self.most_in_flight = 0
        self.dies_after: int | None = None
        self.turns: int | None = None  # fixed, answers come in waves
        self.error: StageError | None = None

    @property
    def spent(self) -> Spent:
        return Spent(requests=len(self.sent))

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        key = request_key(request, "fake", "")
        if key in self.journal:
            return self.journal[key][1]
        self.sent.append(request)
        if self.error is not None and len(self.sent) > 5:
            raise self.error
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        rng = random.Random(key)
        try:
            for _ in range(self.turns or rng.randint(1, 20)):
                await asyncio.sleep(0)
        finally:
            self.in_flight -= 1
        if self.dies_after is not None and len(self.journal) >= self.dies_after:
            raise KeyboardInterrupt
        answer = TeacherAnswer(tuple(self.write(request, rng)), key)
        self.journal[key] = (request, answer)
        return answer

    def journalled(self, group: str) -> list[tuple[int, TeacherAnswer]]:
        return [(r.sample, a) for r, a in self.journal.values() if r.group == group]

    def next_sample(self, group: str) -> int:
        return max((r.sample + 1 for r in [*self.sent_before, *self.sent] if r.group == group), default=0)


def order(examples: int, **more: object) -> Order:
    return Order(examples, group="g", **more)  # type: ignore[arg-type]


def generate(teacher: FakeTeacher, wanted: Order, task: Task = TASK) -> Generated:
    return asyncio.run(FewShotGenerator(task, wanted, teacher).generate(lambda progress: None))


@pytest.mark.parametrize("per_answer", [1, 5])
@pytest.mark.parametrize("examples", [1, 7, 200])
def test_writes_exactly_as_many_unique_examples_as_wanted(examples: int, per_answer: int) -> None:
    teacher = FakeTeacher(numbers())
    made = generate(teacher, order(examples, examples_per_answer=per_answer))
    inputs = [example.input for example in made.examples]
    assert len(inputs) == len(set(inputs)) == examples
    assert made.shortfall == ""


def test_the_tail_does_not_overshoot() -> None:
    teacher = FakeTeacher(numbers())
    teacher.concurrency = 50
    generate(teacher, order(500))
    assert sum(several(r) * r.n for r in teacher.sent) <= 500 * 1.1


def test_requests_have_no_barrier_and_keep_to_the_teachers_limit() -> None:
    teacher = FakeTeacher(numbers())
    generate(teacher, order(500))
    assert teacher.most_in_flight == teacher.concurrency


def test_a_teacher_that_slows_down_gets_fewer_at_once() -> None:
    teacher = FakeTeacher(numbers())
    teacher.concurrency = 2
    generate(teacher, order(100))
    assert teacher.most_in_flight == 2


def test_temperature_rises_in_a_line_from_first_to_last() -> None:
    teacher = FakeTeacher(numbers(10**9))
    teacher.concurrency = 1
    generate(teacher, order(101, examples_per_answer=1, completions=1, coolest=0.5, hottest=1.5))
    temperatures = [request.temperature for request in teacher.sent]
    assert temperatures == pytest.approx([0.5 + i / 100 for i in range(101)], abs=1e-4)


def test_prompts_mix_demonstrations_with_earlier_examples() -> None:
    teacher = FakeTeacher(numbers())
    teacher.concurrency = 1
    made = generate(teacher, order(30))
    first, last = (str(teacher.sent[i].messages) for i in (0, -1))
    assert '"one"' in first.replace("\\", "") and "written since" not in first
    assert "written since" in last and any(example.input in last for example in made.examples)


def test_the_most_frequent_output_wins() -> None:
    def write(request: TeacherRequest, rng: random.Random) -> list[str]:
        word = f"word {rng.randrange(12)}"
        return [json.dumps({"input": word, "output": rng.choices([f"{word}!", "wrong"], [4, 1])[0]})]

    made = generate(FakeTeacher(write), order(12, examples_per_answer=1))
    assert len(made.examples) == 12
    assert made.counts.duplicates > 0
    assert any(example.of > 1 for example in made.examples)


def test_further_outputs_are_asked_for_each_input() -> None:
    teacher = FakeTeacher(numbers(outputs=("right", "right", "right", "wrong")))
    made = generate(teacher, order(60, outputs_per_input=5))
    assert all(example.of >= 5 for example in made.examples)
    assert sum(example.output == "right" for example in made.examples) >= 54
    answered = [r for r in teacher.sent if r.schema is None]
    assert len(answered) <= 4 * 60
    assert len({request_key(r, "", "") for r in answered}) == len(answered)
    assert all(r.temperature > 0 for r in answered)


def test_inputs_equal_to_a_demonstration_are_dropped() -> None:
    def write(request: TeacherRequest, rng: random.Random) -> list[str]:
        return [json.dumps({"input": rng.choice([" 1", "2.", "3", "4"]), "output": "x"})]

    made = generate(FakeTeacher(write), order(2, examples_per_answer=1))
    assert {example.input for example in made.examples} == {"3", "4"}
    assert made.counts.demonstrations > 0


def test_falls_to_one_example_an_answer_when_several_cannot_be_read() -> None:
    def write(request: TeacherRequest, rng: random.Random) -> list[str]:
        return ["{"] if request.schema == SEVERAL else numbers()(request, rng)

    teacher = FakeTeacher(write)
    teacher.concurrency = 50
    made = generate(teacher, order(100))
    assert len(made.examples) == 100
    assert sum(r.schema == SEVERAL for r in teacher.sent) <= teacher.concurrency + 4
    assert made.counts.malformed > 0


def test_too_few_inputs_end_with_what_there_is_and_a_reason() -> None:
    made = generate(FakeTeacher(numbers(space=25)), order(1000))
    assert len(made.examples) == 25
    assert "25 of 1000 examples" in made.shortfall


@pytest.mark.parametrize("text", ["I cannot help.", "", '{"input": "", "output": ""}'])
def test_garbage_blocks_after_few_requests(text: str) -> None:
    teacher = FakeTeacher(lambda request, rng: [text] * request.n)
    teacher.concurrency = 200
    with pytest.raises(StageError) as caught:
        generate(teacher, order(1000))
    assert caught.value.failure.reason == "TeacherAnswersGarbage"
    assert caught.value.failure.remedy
    assert len(teacher.sent) <= 120


def test_the_teachers_error_passes_and_answers_in_flight_are_kept() -> None:
    teacher = FakeTeacher(numbers())
    teacher.error = blocked("BudgetExhausted", "used up", "raise it")
    with pytest.raises(StageError) as caught:
        generate(teacher, order(1000))
    assert caught.value.failure.reason == "BudgetExhausted"
    assert len(teacher.journal) == 5


@pytest.mark.parametrize("outputs_per_input", [1, 3])
@pytest.mark.parametrize("dies_after", [1, 9, 20])
def test_a_killed_run_goes_on_without_asking_again(dies_after: int, outputs_per_input: int) -> None:
    wanted = order(120, outputs_per_input=outputs_per_input)
    killed = FakeTeacher(numbers(space=500))
    killed.dies_after = dies_after
    with pytest.raises(KeyboardInterrupt):
        generate(killed, wanted)
    paid = set(killed.journal)
    second = FakeTeacher(numbers(space=500), killed.journal)
    made = generate(second, wanted)
    assert len(made.examples) == 120
    assert not paid & {request_key(r, "fake", "") for r in second.sent}


def test_a_request_that_was_lost_in_flight_is_not_repeated_word_for_word() -> None:
    wanted = order(400)
    killed = FakeTeacher(numbers())
    killed.turns, killed.dies_after = 5, 16
    with pytest.raises(KeyboardInterrupt):
        generate(killed, wanted)
    second = FakeTeacher(numbers(), killed.journal)
    second.turns, second.sent_before = 5, killed.sent
    generate(second, wanted)
    assert not {str(r.messages) for r in killed.sent} & {str(r.messages) for r in second.sent}


def test_the_same_journal_gives_the_same_examples_byte_by_byte() -> None:
    wanted = order(80, outputs_per_input=2)
    teacher = FakeTeacher(numbers(space=300, outputs=("a", "b")))
    first = generate(teacher, wanted)
    again = FakeTeacher(numbers(), teacher.journal)
    second = generate(again, wanted)
    assert json_lines(first.examples) == json_lines(second.examples)
    assert again.sent == []
    assert second.counts.journalled == second.counts.requests


def test_more_examples_pay_for_the_difference_alone() -> None:
    teacher = FakeTeacher(numbers())
    half = generate(teacher, order(100))
    more = FakeTeacher(numbers(), teacher.journal)
    whole = generate(more, order(200))
    assert [e.input for e in whole.examples[:100]] == [e.input for e in half.examples]
    # 100 are missing. How many of the written ones are new depends on the order of answers; all 200 would be asked as 200 or more.
    assert sum(several(r) for r in more.sent) < 160
    assert min(r.sample for r in more.sent) > max(r.sample for r in teacher.sent)


def test_progress_counts_up_to_the_total() -> None:
    seen: list[Progress] = []
    asyncio.run(FewShotGenerator(TASK, order(50), FakeTeacher(numbers())).generate(seen.append))
    assert [p.unique for p in seen] == sorted(p.unique for p in seen)
    assert (seen[-1].done, seen[-1].total) == (50, 50)
    assert isinstance(seen[-1].counts, Counts)


def test_prompts_that_are_too_long_are_shortened_and_end_nothing() -> None:
    written = numbers()

    def write(request: TeacherRequest, rng: random.Random) -> list[str]:
        if sum(len(message["content"]) for message in request.messages) > 900:
            raise failed("PromptTooLong", "too long", "shorten it")
        return written(request, rng)

    long = Task("Say it.", tuple(Pair(f"{i} " + "x" * 300, "one") for i in range(8)))
    generated = asyncio.run(
        FewShotGenerator(long, Order(examples=40), FakeTeacher(write)).generate(lambda progress: None)
    )
    assert len(generated.examples) == 40
