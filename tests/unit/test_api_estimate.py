"""The estimate of what the teacher will be asked for: the documented formula, and that more work never costs less."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_api.estimate import estimate, total
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_run import Stage
from prompt2model_api.status import Estimate
from prompt2model_api.teacher_requests import tokens_of

pytestmark = pytest.mark.unit

PRICED = {"baseURL": "http://t/v1", "model": "m", "price": {"inputPerMillion": 1, "outputPerMillion": 10}}
DONE = StageOutputs()


def spec(**fields: Any) -> Prompt2ModelSpec:
    return Prompt2ModelSpec.model_validate({"prompt": "x" * 300, **fields})


def test_the_formula() -> None:
    found = estimate(spec(generation={"examples": 10, "outputsPerInput": 2}, evaluation={"maxRows": 5}), {})
    assert found == {
        Stage.DISCOVER: Estimate(requests=3, tokens=(1600 + 300) + (300 + 300) + (300 + 300)),
        Stage.GENERATE: Estimate(requests=20, tokens=20 * (100 + 600 + 250 + 80)),
        Stage.EVALUATE: Estimate(requests=20, tokens=20 * (100 + 160 + 60)),
    }
    assert list(found) == [Stage.DISCOVER, Stage.GENERATE, Stage.EVALUATE]
    assert total(found) == Estimate(requests=43, tokens=3100 + 20600 + 6400)


@pytest.mark.parametrize(
    ("datasets", "columns"),
    [
        ({}, 5),
        ({"choice": {"none": True}}, 5),
        ({"choice": {"name": "o/d", "also": [{"name": "o/e"}]}}, 7),
        ({"choice": {"name": "o/d"}, "enabled": False}, 1),
        ({"enabled": False}, 0),
    ],
)
def test_the_teacher_may_be_asked_for_the_columns_of_what_is_named_and_of_what_is_used_unasked(
    datasets: dict[str, Any], columns: int
) -> None:
    found = estimate(spec(teacher=PRICED, datasets={**datasets, "own": {"uri": "a"}}), {})[Stage.DISCOVER].requests
    others = 4 + 3 * datasets.get("enabled", True)
    assert found == others + columns


def test_money() -> None:
    found = estimate(spec(teacher=PRICED, generation={"examples": 1000}), {})
    assert found[Stage.GENERATE].usd == pytest.approx((1000 * 950 * 1 + 1000 * 80 * 10) / 1e6)
    assert total(found).usd == pytest.approx(sum(one.usd or 0 for one in found.values()))
    assert total(estimate(spec(), {})).usd is None


def test_what_is_done_costs_nothing_more() -> None:
    done: dict[Stage, StageOutputs | None] = {Stage.DISCOVER: DONE, Stage.GENERATE: None}
    assert list(estimate(spec(), done)) == [Stage.GENERATE, Stage.EVALUATE]
    assert estimate(spec(), dict.fromkeys(Stage, DONE)) == {}


def test_stages_that_are_not_wanted() -> None:
    assert Stage.GENERATE not in estimate(spec(generation={"enabled": False}), {})


@pytest.mark.parametrize(
    ("fields", "splits"),
    [
        ({}, 2),
        ({"datasets": {"choice": {"none": True}}}, 1),
        ({"datasets": {"own": {"uri": "a"}}}, 3),
        ({"evaluation": {"maxRows": 500, "testData": {"uri": "a"}}}, 3),
        ({"datasets": {"enabled": False, "own": {"uri": "a"}}, "generation": {"enabled": False}}, 1),
    ],
)
def test_splits_that_there_may_be(fields: dict[str, Any], splits: int) -> None:
    assert estimate(spec(**fields), {})[Stage.EVALUATE].requests == 2 * splits * 500


def test_rows_are_counted_once_they_are_there() -> None:
    rows = StageOutputs(rows={"train": 900, "test-own": 40, "test-retrieved": 900})
    assert estimate(spec(), {Stage.PREPARE: rows})[Stage.EVALUATE].requests == 1080
    once = spec(evaluation={"teacherPrompts": ["FewShot"]})
    assert estimate(once, {Stage.PREPARE: rows})[Stage.EVALUATE].requests == 540


def test_parts_need_no_parsing() -> None:
    parts = Prompt2ModelSpec(instruction="x" * 300)
    assert estimate(parts, {})[Stage.DISCOVER].requests == 2


def test_tokens() -> None:
    assert [tokens_of(text) for text in ("", "a", "abc", "abcd", "é")] == [0, 1, 1, 2, 1]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 20))
def test_more_work_never_costs_less(one: int, other: int, outputs: int) -> None:
    def tokens(examples: int) -> int:
        return total(estimate(spec(generation={"examples": examples, "outputsPerInput": outputs}), {})).tokens

    assert tokens(min(one, other)) <= tokens(max(one, other))
