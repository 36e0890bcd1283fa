"""The parts of the generator: votes, prompts, reading, pace."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Order, Task
from prompt2model_stages.generate.collecting import Collection
from prompt2model_stages.generate.planning import REMEMBERED, SMALLEST, RequestPlanner, temperature
from prompt2model_stages.generate.prompts import (
    CHARACTERS_SHOWN,
    LONGEST,
    SHORTEST,
    ask_one,
    ask_output,
    ask_several,
    example_tokens,
)
from prompt2model_stages.generate.reading import read_examples
from prompt2model_stages.generate.stopping import HOPELESS, STALLED
from prompt2model_stages.generate.votes import winner
from prompt2model_stages.teacher import TeacherAnswer

pytestmark = pytest.mark.unit

DATES = Task("Write the date in ISO format.", (Pair("5/17/2030", "2030-05-17"), Pair("3 May 2021", "2021-05-03")))


@pytest.mark.parametrize(
    ("outputs", "best"),
    [
        (["a", "b", "b"], ("b", 2)),
        (["long", "no", "long", "no"], ("no", 2)),
        (["ab", "cd"], ("ab", 1)),
        (["x"], ("x", 1)),
    ],
)
def test_the_winner_has_most_votes_then_is_shortest_then_first(outputs: list[str], best: tuple[str, int]) -> None:
    assert winner(outputs) == best


@given(st.lists(st.text(max_size=4), min_size=1, max_size=30))
def test_no_output_beats_the_winner(outputs: list[str]) -> None:
    best, votes = winner(outputs)
    assert votes == outputs.count(best) == max(outputs.count(output) for output in outputs)
    assert all(len(best) <= len(output) for output in outputs if outputs.count(output) == votes)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ('{"input": "a", "output": "b"}', [("a", "b")]),
        ('```json\n{"input": "a", "output": "b"}\n```', [("a", "b")]),
        ('{"input": "a", "output": "b"}\n\nMore?', [("a", "b")]),
        ('[{"input": "a", "output": 3}, {"input": "c", "output": {"k": null}}]', [("a", "3"), ("c", '{"k": null}')]),
        ('[{"input": "a", "output": 5.10}, {"input": "c", "output": [1e400],}]', [("a", "5.10"), ("c", "[1e400]")]),
        ('{"examples": [{"input": "a", "output": "b"}, {"input": "c", "out', [("a", "b")]),
        ('{"input": "a", "output": "half an ans', []),
        ('{"input": "a"}', []),
        ('{"input": "a", "output": null}', [("a", "")]),
        ("I cannot help with that.", []),
        ("3", []),
        ("", []),
    ],
)
def test_whole_examples_are_read_and_halves_are_not(text: str, pairs: list[tuple[str, str]]) -> None:
    assert [(pair.input, pair.output) for pair in read_examples(text)] == pairs


def test_another_spelling_is_a_duplicate_without_a_vote() -> None:
    collection = Collection(Task("Count the capitals."), 9)
    for number, (text, output) in enumerate([("Ab c", "1"), ("ab C!", "7"), ("Ab  c", "1"), ("Ab c", "2")]):
        answer = json.dumps({"input": text, "output": output})
        collection.take(TeacherAnswer((answer,), str(number)))
    assert len(collection) == 1
    assert collection.candidates[0].outputs == ["1", "1", "2"]
    assert collection.candidates[0].requests == ["0", "2", "3"]
    assert collection.counts.duplicates == 3


def test_a_prompt_for_several_says_how_many_and_shows_both_kinds() -> None:
    earlier = [Pair(f"early {i}", "x") for i in range(50)]
    text = ask_several(DATES, earlier, 5, random.Random(1))[-1]["content"]
    assert "Write 5 new examples" in text
    assert "5/17/2030" in text
    assert 1 <= text.count("early ") <= 10


def test_prompts_stay_short_whatever_the_examples() -> None:
    long = Task("Copy.", tuple(Pair("y" * 8000, "z" * 8000) for _ in range(64)))
    earlier = [Pair("x" * 8000, "x")] * 100
    for messages in (ask_several(long, earlier, 5, random.Random(0)), ask_one(long, earlier, random.Random(0))):
        size = sum(len(message["content"]) for message in messages)
        assert 16_000 < size < 16_000 + CHARACTERS_SHOWN
    assert example_tokens(long) == LONGEST
    assert example_tokens(Task("Say x.", (Pair("x", "x"),))) == SHORTEST


def test_a_chat_for_one_ends_with_the_demonstrations() -> None:
    earlier = [Pair(f"early {i}", "x") for i in range(50)]
    messages = ask_one(DATES, earlier, random.Random(3))
    assert len(messages) <= 2 + 2 * 6
    assert json.loads(messages[-2]["content"])["input"] in {"5/17/2030", "3 May 2021"}


def test_the_same_input_is_asked_in_the_same_words() -> None:
    assert ask_output(DATES, "today") == ask_output(DATES, "today")
    assert ask_output(DATES, "today")[-1] == {"role": "user", "content": "today"}


def test_the_group_changes_with_all_that_makes_examples_others() -> None:
    groups = {
        DATES.group("a"),
        DATES.group("b"),
        Task(DATES.instruction, DATES.demonstrations[:1]).group("a"),
        Task("Write the date.", DATES.demonstrations).group("a"),
    }
    assert len(groups) == 4
    assert DATES.group("a") == Task(DATES.instruction, DATES.demonstrations).group("a")


@given(st.floats(0, 2000), st.integers(0, 200))
def test_temperature_stays_within_its_bounds(made: float, repeats: int) -> None:
    order = Order(1000, coolest=0.3, hottest=1.4)
    assert 0.3 <= temperature(order, made, repeats) <= 1.4
    assert temperature(order, made, 0) <= temperature(order, made, repeats)


def test_repeats_push_the_temperature_and_unreadable_answers_do_not() -> None:
    order = Order(100)
    pace = RequestPlanner(order)
    pace.learn(asked=5, written=0, new=0, completions=5)
    assert temperature(order, 0, pace.repeats) == order.coolest
    pace.learn(asked=5, written=5, new=0, completions=5)
    assert temperature(order, 0, pace.repeats) > order.coolest
    pace.learn(asked=5, written=5, new=1, completions=5)
    assert temperature(order, 0, pace.repeats) == order.coolest


def test_a_stall_takes_longer_where_there_is_something_to_lose() -> None:
    pace = RequestPlanner(Order(100))
    for _ in range(HOPELESS):
        pace.learn(asked=1, written=0, new=0, completions=1)
    assert pace.stalled(unique=3)
    assert not pace.stalled(unique=50)
    for _ in range(STALLED - HOPELESS):
        pace.learn(asked=1, written=0, new=0, completions=1)
    assert pace.stalled(unique=50)


def test_earlier_attempts_teach_to_ask_for_one() -> None:
    poor, rich, new = RequestPlanner(Order(9)), RequestPlanner(Order(9)), RequestPlanner(Order(9))
    poor.remember([False] * REMEMBERED)
    rich.remember([False] * REMEMBERED + [True] + [False] * 3)
    new.remember([False] * 3)
    assert (poor.several, rich.several, new.several) == (False, True, True)


def test_what_takes_far_too_long_is_not_counted_on() -> None:
    now = [0.0]
    pace = RequestPlanner(Order(9), clock=lambda: now[0])
    for _ in range(9):
        pace.latency(1.0)
    now[0] = 2.0
    assert not pace.overdue(0.0)
    now[0] = 3.0
    assert pace.overdue(0.0)


def test_a_prompt_that_is_too_long_is_halved_until_nothing_but_the_task_is_left() -> None:
    pace = RequestPlanner(Order(examples=10, examples_per_answer=8))
    shown = []
    while pace.too_long(pace.halved):
        shown.append((pace.shown(12_000), pace.batch[0]))
    assert shown[0] == (6000, 4) and shown[-1] == (0, 1) and len(shown) == SMALLEST
    assert pace.too_long(0), "a prompt made before says nothing new"
