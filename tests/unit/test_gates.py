"""The score gate: on which split, against what, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from prompt2model_api.base import Metric
from prompt2model_api.gates import dataset_gate, score_gate
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import DatasetCandidate, Interval, Scores, StageOutputs

pytestmark = pytest.mark.unit


def spec(**fields: Any) -> Prompt2ModelSpec:
    return Prompt2ModelSpec.model_validate({"prompt": "x", **fields})


def score(split: str, student: float, untrained: float = 0, teacher: float | None = 50, width: float = 5) -> Scores:
    def interval(value: float) -> Interval:
        return Interval(value=value, low=value - width, high=value + width)

    return Scores.model_validate(
        {
            "split": split,
            "metric": Metric.EXACT_MATCH,
            "rows": 10,
            "student": interval(student),
            "untrained": interval(untrained),
            "teacher": interval(teacher) if teacher is not None else None,
        }
    )


@pytest.mark.parametrize(("student", "is_open"), [(50.0, True), (49.9, False)])
def test_the_student_must_reach_the_teacher(student: float, is_open: bool) -> None:
    assert score_gate(spec(), [score("Retrieved", student)]).open is is_open


def test_the_users_test_set_comes_before_the_retrieved_one() -> None:
    scores = [score("Generated", 90), score("Retrieved", 90), score("Own", 10)]
    assert not score_gate(spec(), scores).open
    assert "own test data" in score_gate(spec(), scores).message


def test_on_generated_data_the_teacher_says_nothing() -> None:
    worse_than_teacher = score("Generated", 40, untrained=10, teacher=100)
    gate = score_gate(spec(), [worse_than_teacher])
    assert gate.open and "Weaker evidence" in gate.message
    assert not score_gate(spec(), [score("Generated", 40, untrained=35)]).open


def test_without_a_teachers_score_the_untrained_student_is_compared() -> None:
    assert score_gate(spec(), [score("Retrieved", 40, untrained=10, teacher=None)]).open


def test_a_number_is_compared_with_the_number() -> None:
    asked = spec(evaluation={"gate": {"metric": "ExactMatch", "atLeast": "85"}})
    assert score_gate(asked, [score("Retrieved", 85)]).open
    assert not score_gate(asked, [score("Retrieved", 84.9)]).open


def test_a_split_that_was_not_measured_fails_with_a_sentence() -> None:
    gate = {"metric": "ExactMatch", "split": "Own"}
    asked = spec(evaluation={"gate": gate, "testData": {"uri": "own.csv"}})
    answer = score_gate(asked, [score("Retrieved", 85)])
    assert answer.failed and "was not measured on the Own test split" in answer.message


def test_no_dataset_is_used_where_none_is_recommended() -> None:
    far = DatasetCandidate(name="a/b", score=1.0, input_columns=["x"], output_column="y")
    gate = dataset_gate(spec(), StageOutputs(dataset_candidates=[far]))
    assert gate.open and gate.decision is not None and gate.decision.dataset is not None and gate.decision.dataset.none
