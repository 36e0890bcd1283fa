"""Metrics against their references, and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_stages.evaluate.answers import cleaned
from prompt2model_stages.evaluate.intervals import interval

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (' "1999-06-02"\n', "1999-06-02"),
        ("“x”", "x"),
        ("'it's'", "it's"),
        ('"', '"'),
        ('""', ""),
        ('"a" and b', '"a" and b'),
        ("`` x ``", "x"),
        ("", ""),
    ],
)
def test_spaces_and_quotes_around_an_answer_do_not_count(answer: str, text: str) -> None:
    assert cleaned(answer) == text


@given(st.text(alphabet="\"'a “”"))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert cleaned(cleaned(text)) == cleaned(text)


def mean(
    sums: np.ndarray[tuple[int, ...], np.dtype[np.float64]], n: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return sums[:, 0] / n


def test_an_interval_is_where_theory_has_it() -> None:
    rows = np.where(np.arange(400)[:, None] < 300, 100.0, 0.0).astype(np.float64)
    found = interval(rows, mean, seed=1)
    spread = 1.96 * 100 * (0.75 * 0.25 / 400) ** 0.5
    assert found.value == 75
    assert found.low == pytest.approx(75 - spread, abs=0.8)
    assert found.high == pytest.approx(75 + spread, abs=0.8)
    assert found == interval(rows, mean, seed=1)
    assert found != interval(rows, mean, seed=2)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_the_value_lies_in_its_interval_or_beside_it_by_a_hair(values: list[float]) -> None:
    found = interval(np.asarray(values)[:, None], mean, seed=0)
    assert 0 <= found.low <= found.high <= 100.0001
    assert min(values) - 1e-3 <= found.low
    assert found.high <= max(values) + 1e-3


def test_many_rows_fit_in_memory() -> None:
    rows = np.full((20_000, 24), 3.0)
    assert interval(rows, mean, seed=0).low == 3
