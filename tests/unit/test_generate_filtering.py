"""The chain of filters: which one keeps an example back, and which count says so."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_stages.examples import Pair, normalised, same_text
from prompt2model_stages.generate.base import Counts, Task
from prompt2model_stages.generate.collecting import Collection
from prompt2model_stages.generate.filtering import FILTERS, LONGEST_TEXT, Written, kept_back_by
from prompt2model_stages.raised import marked
from prompt2model_stages.teacher import TeacherAnswer

pytestmark = pytest.mark.unit

TASK = Task("Name the capital.", (Pair("Peru?", "Lima"),))


def collection(wanted: int = 2) -> Collection:
    """With one example."""
    made = Collection(TASK, wanted)
    made.take(answer(Pair("France?", "Paris")))
    return made


def answer(*pairs: Pair, key: str = "a") -> TeacherAnswer:
    return TeacherAnswer(tuple(json.dumps(asdict(pair)) for pair in pairs), key)


@pytest.mark.parametrize(
    ("pair", "name"),
    [
        (Pair("Spain?", "Madrid"), None),
        (Pair("", "Madrid"), "is_empty"),
        (Pair("Spain?", ""), "is_empty"),
        (Pair("Spain?" + "x" * LONGEST_TEXT, "Madrid"), "is_empty"),
        (Pair("France?", "Lyon"), "is_repeat"),
        (Pair(" France? ", "Lyon"), "is_repeat"),
        (Pair("peru", "Lima"), "is_demonstration"),
        (Pair("FRANCE!", "Paris"), "is_respelled"),
    ],
)
def test_the_first_filter_that_keeps_an_example_back_decides(pair: Pair, name: str | None) -> None:
    found = kept_back_by(Written(pair), collection())
    assert (found.keeps_back.__name__ if found else None) == name


def test_what_is_new_is_surplus_when_there_are_enough() -> None:
    found = kept_back_by(Written(Pair("Spain?", "Madrid")), collection(wanted=1))
    assert found is not None and found.count == "surplus"


def test_every_filter_has_a_count_and_what_asks_the_same_votes() -> None:
    assert {one.count for one in FILTERS} <= {field.name for field in fields(Counts)}
    assert [one.keeps_back.__name__ for one in FILTERS if one.votes] == ["is_repeat", "is_near_duplicate"]


def test_refusals_and_wrong_form_are_counted_apart() -> None:
    made = collection()
    made.take(TeacherAnswer(("", ""), "b", refused=True))
    made.take(TeacherAnswer(("I cannot.", '{"input": "Spain?"}'), "c"))
    assert (made.counts.refused, made.counts.malformed, made.counts.answers) == (1, 2, 5)
    assert len(made) == 1


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(" \t\n\u00a0\u0301éÉßİ.-—①"))))
def test_what_makes_no_other_question_is_left_out_letter_by_letter(text: str) -> None:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", marked(text)).casefold())
    spaced = "".join(" " if unicodedata.category(letter)[0] in "PZC" else letter for letter in folded)
    assert normalised(text) == (" ".join(spaced.split()) or " ".join(folded.split()))
    assert same_text(text).split() == text.split()
    assert len(text.splitlines()) > 1 or same_text(text) == re.sub(r"\s+", " ", text).strip()
    assert normalised(same_text(text)) == normalised(text), "inputs of one text are of one question"
