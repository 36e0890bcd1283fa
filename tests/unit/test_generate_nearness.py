"""Near-duplicates while examples are collected: which are left out, whose outputs vote, and that the journal alone decides."""

from __future__ import annotations

import asyncio
import json
import random
import tracemalloc
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Counts, Generated, Order, Task
from prompt2model_stages.generate.buckets import WAYS, Buckets
from prompt2model_stages.generate.collecting import Collection
from prompt2model_stages.generate.nearness import Nearness
from prompt2model_stages.generate.stage import _said
from prompt2model_stages.generate.tallies import Tally
from prompt2model_stages.prepare.sketches import signature_of, signatures_of
from prompt2model_stages.stage_files import json_lines
from prompt2model_stages.teacher import TeacherAnswer
from tests.unit.generation_cases import ConductedTeacher, Conductor, generate

pytestmark = pytest.mark.unit

TASK = Task("Answer.")
THINGS = (
    "lamp",
    "kettle",
    "guitar",
    "umbrella",
    "printer",
    "mattress",
    "tent",
    "sofa",
    "rug",
    "drill",
    "watch",
    "toaster",
)
STARTS = {"Please send back the": "return", "Somebody broke my": "damage"}
LABELLED = [
    Pair(f"{start} {thing}{end}", label)
    for start, label in STARTS.items()
    for thing in THINGS
    for end in ("", " at night", " today")
]
OTHERS = [Pair(f"another {number} text", f"output {number}") for number in range(300)]


def collected(*pairs: Pair, wanted: int = 10**6, drop: bool = True) -> Collection:
    made = Collection(TASK, wanted, drop)
    for number, pair in enumerate(pairs):
        made.take(TeacherAnswer((json.dumps(asdict(pair)),), f"k{number}"))
    return made


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Pair("What is the capital of France?", "Paris"), Pair("What is the capital of Spain?", "Madrid")),
        (Pair("the day after 3 May 2021", "2021-05-04"), Pair("the day after 4 May 2021", "2021-05-05")),
        (Pair("the day after 3 May 2021", "2021-05-04"), Pair("the day after 3 June 2021", "2021-06-04")),
        (Pair("Is the shop open on Sunday?", "It is."), Pair("Is the shop not open on Sunday?", "It is not.")),
        (Pair("Where does Anna Berg live now?", "Rome"), Pair("Where does Anne Berg live now?", "Oslo")),
    ],
)
def test_numbers_dates_names_and_negations_are_other_questions_where_outputs_differ(one: Pair, other: Pair) -> None:
    assert len(collected(*OTHERS, one, other)) == 302


def test_what_differs_in_articles_votes_whatever_its_output() -> None:
    texts = (
        "Who founded the old city of Arvo?",
        "Who founded old city of Arvo",
        "Who founded the old city of the Árvo?",
    )
    made = collected(*(Pair(text, output) for text, output in zip(texts, ("Bo", "Ann", "Ann"), strict=True)))
    assert (len(made), made.counts.near_duplicates, made.counts.duplicates) == (1, 2, 0)
    assert made.candidates[0].outputs == ["Bo", "Ann", "Ann"] and made.pairs()[0] == Pair(texts[0], "Ann")


def test_what_differs_in_a_word_is_left_out_for_its_output_and_does_not_vote() -> None:
    one, other = "Which river flows through the city of Arvo?", "Which big river flows through the city of Arvo?"
    made = collected(*OTHERS, Pair(one, "the Moe"), Pair(other, "Moe"))
    assert len(made) == 301 and made.candidates[300].outputs == ["the Moe"]
    assert len(collected(*OTHERS, Pair(one, "the Moe"), Pair(other, "Ilm"))) == 302


def test_where_outputs_are_labels_the_input_alone_decides() -> None:
    made = collected(
        *LABELLED, Pair("Somebody broke my umbrlela today", "return"), Pair("back the kettle Please send", "return")
    )
    assert len(made) == len(LABELLED) and made.counts.near_duplicates == 2
    at = LABELLED.index(Pair("Somebody broke my umbrella today", "damage"))
    assert made.candidates[at].outputs == ["damage", "return"]
    kept = collected(
        *LABELLED, Pair("Somebody broke my old guitar", "damage"), Pair("Somebody broke my 2 guitar", "damage")
    )
    assert len(kept) == len(LABELLED) + 2


def test_a_place_that_many_words_fill_is_a_variable() -> None:
    pairs = [Pair(f"I want to order one more {thing} from your web shop", "shop page") for thing in THINGS]
    kept = list(collected(*OTHERS, *pairs, *pairs).pairs())[len(OTHERS) :]
    left_out = {*THINGS} - {pair.input.split()[6] for pair in kept}
    assert left_out <= {*THINGS[:4]}, "before it is known that the place is a variable"


def test_nothing_is_left_out_where_near_duplicates_are_kept() -> None:
    pairs = (Pair("Who founded the city of Arvo?", "Bo"), Pair("Who founded city of Arvo?", "Bo"))
    assert len(collected(*pairs, drop=False)) == 2 and len(collected(*pairs)) == 1


def test_more_that_is_wanted_changes_nothing_of_what_there_is() -> None:
    rng = random.Random(3)
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru", "te") for b in ("bel", "dor", "fin", "gus", "han", "vik")]
    pairs = [Pair(" ".join(rng.choices(words, k=5)), rng.choice(words)) for _ in range(400)]
    pairs += [Pair(f"{pair.input} the", pair.output) for pair in pairs[::3]]
    rng.shuffle(pairs)
    less, more = collected(*pairs, wanted=200), collected(*pairs)
    assert list(less.pairs()) == list(more.pairs())[:200] and len(more) < len(pairs) - 100


def test_one_signature_is_that_of_many() -> None:
    texts = ["a", "who founded arvo", "月の 東京", "x " * 500 + "y"]
    for text, signature in zip(texts, signatures_of(texts), strict=True):
        assert (signature_of(text) == signature).all() and (signature_of(text, 10) == signature[:10]).all()


def test_buckets_find_what_was_added_also_after_they_grew() -> None:
    buckets = Buckets()
    keys = np.random.default_rng(1).integers(0, 2**32, (5000, 3), dtype=np.uint32)
    for place, some in enumerate(keys):
        buckets.add(some, place)
    found = sum(place in buckets.find(some, 16) for place, some in enumerate(keys))
    assert found > 4850, "a full set forgets its oldest entry"
    assert buckets.find(np.array([7, 8, 9], np.uint32), 16) == []


def test_of_a_frequent_key_the_latest_are_found_and_rare_keys_go_first() -> None:
    buckets = Buckets()
    for place in range(20):
        buckets.add(np.array([5, 1000 + place], np.uint32), place)
    assert buckets.find(np.array([5], np.uint32), 99) == [*range(19, 19 - WAYS, -1)]
    assert buckets.find(np.array([5, 1003], np.uint32), 2) == [3, 19]


def test_a_tally_counts_and_says_what_is_new() -> None:
    tally = Tally(2)
    assert tally.add("\ud800é") and "\ud800é" not in tally
    assert not tally.add("\ud800é") and "\ud800é" in tally and "other" not in tally


def test_what_is_held_of_an_example_does_not_grow_with_its_words() -> None:
    pairs: list[Pair] = []
    nearness = Nearness(pairs.__getitem__)
    rng = random.Random(4)
    made = [Pair(" ".join(str(rng.randrange(10**6)) for _ in range(20)), f"{number}") for number in range(1000)]
    tracemalloc.start()
    try:
        for pair in made:
            nearness.add(nearness.look(pair), len(pairs))
            pairs.append(pair)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 3_000_000 + 300 * 1000, "the tallies' 2 MB, and 300 bytes an example"


def wordings(messages: list[dict[str, str]], count: int, n: int, rng: random.Random) -> list[str]:
    """Few questions in many wordings."""

    def pair() -> dict[str, str]:
        number = rng.randrange(90)
        name = f"{'abcdefghi'[number // 10] * 3}{'uvwxyzrstq'[number % 10] * 4}"
        text = rng.choice(
            ("Who founded the city of {}?", "Who founded city of {}?", "Who really founded the city of {}")
        )
        return {"input": text.format(name), "output": rng.choice((name.title(), name.title(), "Bo"))}

    return [json.dumps({"examples": [pair() for _ in range(count)]} if count > 1 else pair()) for _ in range(n)]


@pytest.mark.parametrize("most", [1, 4, 9, 15])
@pytest.mark.parametrize("votes", [1, 2])
def test_a_run_killed_at_any_point_ends_with_what_the_journal_gives(most: int, votes: int) -> None:
    order = Order(60, group="g", drop_near_duplicates=True, outputs_per_input=votes)

    async def attempt(journal: Any, seed: int, most: int = 10**9) -> tuple[ConductedTeacher, Any]:
        conductor = Conductor(seed, most)
        teacher = ConductedTeacher(wordings, conductor, journal)
        return teacher, await generate(teacher, conductor, order, TASK)

    killed, _ = asyncio.run(attempt(None, 1, most))
    resumed, first = asyncio.run(attempt(killed.journal, 2))
    again, second = asyncio.run(attempt(resumed.journal, 3))
    assert isinstance(first, Generated) and isinstance(second, Generated)
    assert len(first.examples) == 60 and first.counts.near_duplicates > 0
    assert again.sent == [] and json_lines(first.examples) == json_lines(second.examples)


def test_the_line_of_progress_says_how_many_were_left_out() -> None:
    assert "near" not in _said(Counts(written=10, duplicates=2))
    assert _said(Counts(written=97, near_duplicates=3)).endswith(", 3.1 % near-duplicates dropped")
