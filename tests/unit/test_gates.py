"""The score gate: on which split, against what, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from prompt2model_api.base import Metric
from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.gates import score_gate
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import AnswerCounts, DatasetCandidate, Interval, Scores, StageOutputs

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


def combinable(name: str, **fields: object) -> DatasetCandidate:
    told = {"score": 1.0, "inputColumns": ["x"], "outputColumn": "y", "combinable": True, "revision": f"r-{name}"}
    return DatasetCandidate.model_validate({"name": name, **told, **fields})


def chosen(candidates: list[DatasetCandidate], **datasets: object) -> list[tuple[str, str | None]]:
    """Names and revisions that the gate decides for."""
    gate = dataset_gate(spec(datasets=datasets), StageOutputs(dataset_candidates=candidates))
    assert gate.decision is not None and gate.decision.dataset is not None
    return [(one.name, one.revision) for one in gate.decision.dataset.datasets(gate.decision.dataset_revision)]


def test_as_many_datasets_are_combined_as_the_spec_allows() -> None:
    best, open_ = combinable("a/best", recommended=True), combinable("a/open", undecided="Set the columns.")
    found = [best, open_, combinable("a/2"), combinable("a/far", combinable=None), combinable("a/3")]
    assert chosen(found) == chosen(found, most=1) == [("a/best", "r-a/best")]
    assert chosen(found, most=2) == [("a/best", "r-a/best"), ("a/2", "r-a/2")]
    assert [name for name, _ in chosen(found, most=5)] == ["a/best", "a/2", "a/3"]
    equal = [combinable("a/1"), combinable("a/2")]
    assert chosen(equal) == [] and [name for name, _ in chosen(equal, most=2)] == ["a/1", "a/2"]
    assert chosen(equal[:1], most=2) == []


def test_a_person_names_several_datasets() -> None:
    also = [
        {"name": "a/2"},
        {"name": "a/own", "inputColumns": ["q"], "outputColumn": "r", "share": 20, "revision": "v1"},
    ]
    first = {"name": "a/1", "inputColumns": ["m"], "outputColumn": "n"}
    made = spec(datasets={"choice": {**first, "also": also}})
    gate = dataset_gate(made, StageOutputs(dataset_candidates=[combinable("a/1"), combinable("a/2")]))
    assert gate.decision is not None and gate.decision.dataset is not None
    one, two, three = gate.decision.dataset.datasets(gate.decision.dataset_revision)
    assert (one.input_columns, one.revision) == (["m"], "r-a/1")
    assert (two.input_columns, two.revision) == (["x"], "r-a/2"), "the columns that discover found"
    assert (three.input_columns, three.share, three.revision) == (["q"], 20, "v1")
    closed = dataset_gate(made, StageOutputs(dataset_candidates=[combinable("a/1")]))
    assert (
        not closed.open
        and "Set datasets.choice.also[0].inputColumns and datasets.choice.also[0].outputColumn for a/2."
        in closed.message
    )


def test_a_teacher_that_scores_next_to_nothing_is_no_baseline() -> None:
    """0 >= 0 opened the gate once; so must no student that is good, for want of anything to compare it with."""
    for student, teacher in ((0.0, 0.0), (3.0, 2.0), (90.0, 4.9)):
        gate = score_gate(spec(), [score("Retrieved", student, teacher=teacher)])
        assert (gate.open, gate.failed, gate.reason) == (False, True, "NotMeasured"), (student, teacher)
        assert "next to nothing" in gate.message and "evaluation.gate.atLeast" in gate.message
    assert score_gate(spec(), [score("Retrieved", 90, teacher=5.0)]).open


@pytest.mark.parametrize("kind", ["empty", "cut", "refused", "too_long"])
def test_a_teacher_that_mostly_did_not_answer_is_no_baseline(kind: str) -> None:
    for bad, teacher, reason in ((6, 20.0, "NotMeasured"), (6, None, "NotMeasured"), (5, 20.0, "ScoreReached")):
        made = score("Retrieved", 90, teacher=teacher)
        made = made.model_copy(update={"teacher_answers": AnswerCounts.model_validate({"asked": 10, kind: bad})})
        assert score_gate(spec(), [made]).reason == reason
    few = score("Retrieved", 90, teacher=None).model_copy(update={"rows": 12})
    asked = few.model_copy(update={"teacher_answers": AnswerCounts.model_validate({"asked": 12, kind: 5})})
    assert score_gate(spec(), [asked]).reason == "NotMeasured", "all were asked: it was not the budget that ended"
    ended = few.model_copy(update={"teacher_answers": AnswerCounts.model_validate({"asked": 9, kind: 2})})
    assert score_gate(spec(), [ended]).reason == "BeatsUntrained"
    closed = score_gate(spec(), [made.model_copy(update={"teacher_answers": AnswerCounts(asked=9, cut=4, refused=3)})])
    assert "of its 9 answers 7 are unusable (4 cut, 3 refused)" in closed.message


def test_one_answer_to_everything_is_neither_a_baseline_nor_a_student() -> None:
    same = {"teacher_answers": AnswerCounts(asked=10, same=True)}
    assert score_gate(spec(), [score("Retrieved", 90).model_copy(update=same)]).reason == "NotMeasured"
    constant = score("Retrieved", 90).model_copy(update={"student_same": True})
    assert score_gate(spec(), [constant]).reason == "ScoreTooLow"
    number = spec(evaluation={"gate": {"atLeast": "85"}})
    assert score_gate(number, [constant]).open, "a number is the user's own word"


def test_the_teacher_of_generated_rows_does_not_count() -> None:
    refused = {"teacher_answers": AnswerCounts(asked=10, refused=10)}
    assert score_gate(spec(), [score("Generated", 40, untrained=10).model_copy(update=refused)]).open
    gate = score_gate(spec(), [score("Generated", 4, untrained=0, width=1)])
    assert gate.reason == "ScoreTooLow" and "next to nothing" in gate.message


def difference(value: float, low: float, high: float, student: float = 50.0) -> Scores:
    made = score("Retrieved", student, teacher=student - value)
    return made.model_copy(update={"difference": Interval(value=value, low=low, high=high)})


@pytest.mark.parametrize(
    ("margin", "value", "low", "is_open"),
    [
        (0, 0.0, -9.0, True),  # a tie reaches it
        (0, -0.1, -1.0, False),
        (0, 0.1, -20.0, True),
        (2, -1.0, -1.9, True),
        (2, -1.0, -2.0, False),  # above -margin, not at it
        (2, 5.0, -2.1, False),  # too few rows to tell
        (100, -50.0, -99.0, True),
    ],
)
def test_the_margin_is_compared_with_the_paired_difference(
    margin: float, value: float, low: float, is_open: bool
) -> None:
    gate = score_gate(spec(evaluation={"gate": {"margin": margin}}), [difference(value, low, max(value, 3.0))])
    assert gate.open is is_open, gate.message
    assert f"difference {value:.1f} [{low:.1f}" in gate.message


def test_without_a_paired_difference_the_intervals_stand_in_for_it() -> None:
    margin = spec(evaluation={"gate": {"margin": 8}})
    assert not score_gate(margin, [score("Retrieved", 52, teacher=50)]).open
    assert score_gate(margin, [score("Retrieved", 53, teacher=50)]).open


def test_few_rows_say_nothing_and_those_of_the_next_split_are_taken() -> None:
    few = score("Own", 100, teacher=50).model_copy(update={"rows": 4})
    gate = score_gate(spec(), [few])
    assert gate.reason == "NotMeasured" and "4 rows are too few" in gate.message
    assert "retrieved" in score_gate(spec(), [few, score("Retrieved", 90)]).message
    named = spec(evaluation={"gate": {"split": "Own"}, "testData": {"uri": "own.csv"}})
    assert score_gate(named, [few, score("Retrieved", 90)]).reason == "NotMeasured"
    number = spec(evaluation={"gate": {"atLeast": "85", "split": "Own"}, "testData": {"uri": "own.csv"}})
    assert score_gate(number, [few]).open


@pytest.mark.parametrize("system", ["student", "teacher", "difference"])
def test_what_is_no_number_opens_nothing(system: str) -> None:
    nan = Interval(value=float("nan"), low=0.0, high=0.0)
    made = difference(0, 0, 0).model_copy(update={system: nan})
    for asked in (spec(), spec(evaluation={"gate": {"atLeast": "0"}})):
        assert score_gate(asked, [made]).reason == "NotMeasured"


def test_the_metric_is_the_users_word_before_what_evaluate_chose() -> None:
    exact, chrf = score("Retrieved", 10), score("Retrieved", 90).model_copy(update={"metric": Metric.CHRF})
    assert score_gate(spec(), [chrf, exact]).open
    assert not score_gate(spec(), [exact, chrf]).open
    assert not score_gate(spec(evaluation={"metrics": ["ExactMatch", "ChrF++"]}), [chrf, exact]).open
    assert not score_gate(spec(evaluation={"gate": {"metric": "ExactMatch"}}), [chrf, exact]).open
    assert score_gate(spec(), []).reason == "NotMeasured"


def test_a_number_is_compared_with_the_student_on_all_rows() -> None:
    made = score("Retrieved", 90).model_copy(update={"student_all": Interval(value=80, low=70, high=90)})
    assert not score_gate(spec(evaluation={"gate": {"atLeast": "85"}}), [made]).open
