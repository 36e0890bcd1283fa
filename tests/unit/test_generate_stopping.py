"""A teacher that only repeats itself is not asked on, unless a user wants it; one that does well never notices."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from prompt2model_stages.errors import StageError
from prompt2model_stages.generate.base import LEAST_YIELD, Counts, Generated, Order
from prompt2model_stages.generate.planning import RequestPlanner
from prompt2model_stages.generate.stage import LONGEST_NOTE
from prompt2model_stages.generate.stopping import WINDOW, Yield, shortfall
from tests.unit.generation_cases import ConductedTeacher, Conductor, CoolTeacher, asked, generate, made, numbers
from tests.unit.test_generate_order import order_for

pytestmark = pytest.mark.unit


def run(order: Order, space: int) -> tuple[Generated, ConductedTeacher]:
    conductor = Conductor(5)
    teacher = ConductedTeacher(numbers(space), conductor)
    generated = asyncio.run(generate(teacher, conductor, order))
    assert isinstance(generated, Generated)
    return generated, teacher


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_teacher_is_not_judged_while_it_is_cool(seed: int) -> None:
    conductor = Conductor(seed)
    teacher = CoolTeacher(conductor)
    generated = asyncio.run(generate(teacher, conductor, Order(1000, group="g")))
    assert isinstance(generated, Generated) and generated.shortfall == ""
    assert len(generated.examples) == 1000 and len(teacher.sent) < 500
    temperatures = [request.temperature for request in teacher.sent]
    heated = temperatures.index(1.4)
    assert temperatures[heated - 1] < 1.0 and set(temperatures[heated:]) == {1.4}, "at once, and from then on"


def test_only_a_low_window_at_the_hottest_ends_it() -> None:
    planner = RequestPlanner(Order(1000))
    cool = planner.next(0, [])
    assert cool is not None and cool.temperature == 0.3
    for _ in range(WINDOW // 5):
        planner.answered(cool, 5, 0, 1)
    assert planner.found.heated and not planner.ended(20) and planner.barren == 0
    for _ in range(200):
        planner.answered(cool, 5, 0, 1)  # they were in flight
    assert not planner.ended(20)
    hot = planner.next(20, [])
    assert hot is not None and hot.temperature == 1.4
    for at in range(WINDOW // 5):
        assert not planner.ended(20)
        planner.answered(hot, 5, int(at % 50 == 0), 1)
    assert planner.found.too_low and planner.ended(20)


def test_a_temperature_that_never_rises_is_the_hottest() -> None:
    planner = RequestPlanner(Order(1000, coolest=0.7, hottest=0.7))
    plan = planner.next(0, [])
    assert plan is not None
    for at in range(WINDOW // 5):
        planner.answered(plan, 5, int(at % 50 == 0), 1)
    assert planner.found.too_low and not planner.found.heated


@pytest.mark.parametrize("wanted", [400, 1000])
def test_a_teacher_that_only_repeats_itself_is_not_asked_on(wanted: int) -> None:
    generated, teacher = run(Order(wanted, group="g"), space=400)
    assert 370 <= len(generated.examples) < 400 and len(teacher.sent) <= 380
    found = generated.shortfall
    assert f"{len(generated.examples)} of {wanted} examples" in found and "% of the" in found and "repeats" in found
    assert all(field in found for field in ("generation.examples", "generation.temperature", "generation.leastYield"))
    assert len(found) <= LONGEST_NOTE and found.count(". ") == 0, "it is one sentence"


def test_who_wants_it_asks_on() -> None:
    generated, teacher = run(Order(1000, group="g", least_yield=0), space=400)
    assert len(generated.examples) >= 398 and len(teacher.sent) > 500
    assert "brought nothing new" in generated.shortfall


def test_who_wants_it_asks_on_after_it_stopped_and_pays_for_the_rest_alone() -> None:
    _, stopped = run(Order(1000, group="g"), space=400)
    conductor = Conductor(6)
    again = ConductedTeacher(numbers(400), conductor, stopped.journal)
    generated = asyncio.run(generate(again, conductor, Order(1000, group="g", least_yield=0)))
    assert isinstance(generated, Generated) and len(generated.examples) >= 395
    assert generated.counts.journalled == len(stopped.journal)


@pytest.mark.parametrize("form", [{}, {"examples_per_answer": 1}, {"outputs_per_input": 2}])
def test_a_teacher_that_does_well_is_asked_the_same_with_and_without_the_bound(form: dict[str, int]) -> None:
    with_bound, without = (
        run(Order(200, group="g", **form, least_yield=least), space=260) for least in (LEAST_YIELD, 0.0)
    )
    assert asked(with_bound[1].sent) == asked(without[1].sent)
    assert made(with_bound[0]) == made(without[0])
    assert len(with_bound[0].examples) == 200


def test_the_yield_is_that_of_the_last_ones_asked_for() -> None:
    rng = random.Random(1)
    found = Yield(5)
    answers: list[tuple[int, int]] = []
    while not found.too_low:
        answers.append((rng.choice([1, 5, 10]), int(len(answers) < 80 or rng.random() < 0.1)))
        found.note(*answers[-1])
    asked_for = 0
    for last in range(1, len(answers) + 1):
        asked_for += answers[-last][0]
        if asked_for >= WINDOW:
            break
    assert (found.asked, found.new) == (asked_for, sum(new for _, new in answers[-last:]))
    assert 100 * found.new < 5 * found.asked
    found.note(10, 10)
    assert found.too_low, "what was in flight changes nothing"


def test_another_form_is_not_judged_by_the_one_before() -> None:
    planner = RequestPlanner(Order(5000))
    plan = planner.next(0, [])
    assert plan is not None and plan.several
    for _ in range(100):
        planner.answered(plan, 0, 0, 1)
    assert not planner.several and not planner.found.too_low and planner.found.asked == 0


def test_too_few_examples_to_go_on_with_are_an_error_as_before() -> None:
    found = Yield(5)
    found.note(300, 1)
    with pytest.raises(StageError) as caught:
        shortfall(9, 100, Counts(), 60, found)
    assert caught.value.failure.reason == "TeacherAnswersGarbage"
    assert "9 of 100 examples: only 1 of the last 300" in caught.value.failure.message
    assert "generation.leastYield to 0" in caught.value.failure.remedy


def test_the_spec_sets_the_bound(tmp_path: Path) -> None:
    assert order_for(tmp_path, {"prompt": "Add."}).least_yield == LEAST_YIELD
    assert order_for(tmp_path, {"prompt": "Add.", "generation": {"leastYield": 0}}).least_yield == 0
