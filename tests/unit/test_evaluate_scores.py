"""From answers to scores: same rows, paired differences, the metric that the outputs ask for, the better way to ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_api.base import Metric, TeacherPrompt
from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_api.results import Spent
from prompt2model_stages.evaluate.choosing import choose_metric
from prompt2model_stages.evaluate.intervals import difference, interval
from prompt2model_stages.evaluate.metrics import ChrFPlusPlus, ExactMatch
from prompt2model_stages.evaluate.predictions import Answers
from prompt2model_stages.evaluate.prompting import SAMPLE, better_answers, sampled, ways
from prompt2model_stages.evaluate.scoring import score
from prompt2model_stages.evaluate.teaching import Outcome, TeacherAnswers
from prompt2model_stages.splits import Row
from prompt2model_stages.stage_files import DiscoveredTask

pytestmark = pytest.mark.unit

FEW, ZERO = TeacherPrompt.FEW_SHOT, TeacherPrompt.ZERO_SHOT
LABELS = ["billing", "bug", "other"]
SENTENCES = [f"The meeting number {i} was moved to the afternoon." for i in range(40)]


@pytest.mark.parametrize(
    ("test", "training", "metric", "why"),
    [
        (LABELS * 20, LABELS * 100, Metric.EXACT_MATCH, "closed set, 3 values in 360 rows"),
        ([f"2021-05-{i:02}" for i in range(1, 31)], [], Metric.EXACT_MATCH, "short, 30 of 30 have at most 3 words"),
        (SENTENCES, SENTENCES, Metric.CHRF, "free text, 0 of 40"),
        (["Your refund was refused by the bank."] * 9 + ["It will come soon, please wait."] * 9, [], Metric.EXACT_MATCH,
         "closed set, 2 values in 18 rows"),
        ([" 'bug' ", "bug"] * 8, [], Metric.EXACT_MATCH, "closed set, 1 value in 16 rows"),
        (["N/A"] * 20 + SENTENCES[:20], [], Metric.CHRF, "free text, 20 of 40"),
        (["5 km"] * 2 + [f"{i} km" for i in range(37)] + SENTENCES[:3], [], Metric.EXACT_MATCH, "39 of 42"),
        ([f"これは番号{i}の長い文章です" for i in range(30)], [], Metric.CHRF, "free text, 0 of 30"),
        ([f"東京{i}" for i in range(30)], [], Metric.EXACT_MATCH, "short, 30 of 30"),
        (["yes", "no"], SENTENCES, Metric.CHRF, "free text, 2 of 42"),  # too few test rows: the training rows speak
        ([f"{'x' * 80}{i}" for i in range(30)], [], Metric.CHRF, "free text, 0 of 30"),  # one word that is none
        ([], [], Metric.CHRF, "free text, 0 of 0"),
    ],
)  # fmt: skip
def test_the_metric_follows_the_outputs(test: list[str], training: list[str], metric: Metric, why: str) -> None:
    chosen, reason = choose_metric(test, training)
    assert chosen is metric
    assert why in reason and f"The default metric is {metric}:" in reason
    assert choose_metric(test[::-1], training[::-1]) == (chosen, reason)


def rows_of(count: int, split: str = "test-own") -> list[Row]:
    return [Row(f"in {i}", f"out {i}", split=split, text=f"text {i}") for i in range(count)]


def taught(answers: Sequence[str | None], prompt: TeacherPrompt = FEW, **outcomes: Outcome) -> TeacherAnswers:
    """Answers of a teacher; where there is none, `i3=Outcome.CUT` says why row 3 has none."""
    made = [
        outcomes.get(f"i{i}", Outcome.UNASKED if answer is None else Outcome.ANSWERED)
        for i, answer in enumerate(answers)
    ]
    return TeacherAnswers(list(answers), made, Spent(), prompt=prompt)


def scored(
    rows: list[Row], student: Sequence[str], teacher: TeacherAnswers, metric: Metric = Metric.EXACT_MATCH
) -> Any:
    answers: Answers = {"student": list(student), "untrained": [""] * len(rows), "teacher": teacher.answers}
    (found,) = score(rows, answers, [metric], None, 0, teacher)
    return found


def test_rows_that_the_teacher_did_not_answer_are_compared_with_none() -> None:
    """The student is right where the teacher refused, and wrong elsewhere: on the same rows they are equal."""
    rows = rows_of(40)
    right = [row.output for row in rows]
    teacher = taught([None if i < 20 else "wrong" for i in range(40)], **{f"i{i}": Outcome.REFUSED for i in range(20)})
    found = scored(rows, [*right[:20], *["wrong too"] * 20], teacher)
    assert (found.rows, found.teacher_rows) == (20, 20)
    assert (found.student.value, found.teacher.value, found.difference.value) == (0, 0, 0)
    assert found.student_all.value == 50
    assert (found.teacher_answers.asked, found.teacher_answers.refused) == (40, 20)
    assert "20 refused" in found.note and "on the 20 of 40 rows" in found.note
    assert found.teacher_prompt is FEW


def test_a_cut_answer_is_not_scored_though_it_looks_right() -> None:
    rows = rows_of(12)
    teacher = taught([row.output for row in rows[:10]] + [None, None], i10=Outcome.CUT, i11=Outcome.TOO_LONG)
    found = scored(rows, [row.output for row in rows], teacher)
    assert found.teacher.value == 100 and found.teacher_rows == 10
    assert (found.teacher_answers.cut, found.teacher_answers.too_long) == (1, 1)
    assert "1 cut at the limit of tokens, 1 too long" in found.note


def test_too_few_answers_leave_the_student_on_all_rows() -> None:
    rows = rows_of(40)
    found = scored(rows, [row.output for row in rows], taught([None] * 31 + ["x"] * 9))
    assert (found.rows, found.teacher, found.difference, found.teacher_answers.asked) == (40, None, None, 9)
    assert "answered 9 of 40 rows and is not measured" in found.note


def test_one_answer_to_everything_is_seen() -> None:
    rows = rows_of(12)
    found = scored(rows, ["x"] * 12, taught(["I cannot help."] * 12))
    assert found.student_same and found.teacher_answers.same
    alike = [Row(f"in {i}", "ham" if i else "spam", split="test-own", text="") for i in range(12)]
    found = scored(alike, ["ham"] * 12, taught(["ham"] * 12))
    assert found.student_same and not found.teacher_answers.same, "the most frequent answer is a fair baseline"
    always = [Row(f"in {i}", "ham", split="test-own", text="") for i in range(12)]
    assert not scored(always, ["ham"] * 12, taught(["ham"] * 12)).student_same


def test_an_empty_answer_is_wrong_and_counted() -> None:
    rows = rows_of(10)
    found = scored(rows, [row.output for row in rows], taught([""] * 6 + [row.output for row in rows[6:]]))
    assert (found.teacher.value, found.teacher_answers.empty, found.note) == (40, 6, "")


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), st.integers(0, 5))
def test_the_paired_difference(pairs: list[tuple[bool, bool]], seed: int) -> None:
    first, second = (100.0 * np.asarray(column, dtype=np.float64)[:, None] for column in zip(*pairs, strict=True))
    metric = ExactMatch()
    found = difference(first, second, metric.aggregate, seed)
    value = interval(first, metric.aggregate, seed).value - interval(second, metric.aggregate, seed).value
    assert found.value == pytest.approx(value, abs=1e-3)
    assert found.low <= found.high and found.low >= -100 and found.high <= 100
    turned = difference(second, first, metric.aggregate, seed)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-3)
    alike = difference(first, first, metric.aggregate, seed)
    assert (alike.low, alike.value, alike.high) == (0, 0, 0)


def test_the_paired_difference_is_narrower_than_that_of_two_intervals() -> None:
    """Both right on the same 200 of 400 rows, and the first on 20 more: what both share says nothing of the difference."""
    first = 100.0 * np.asarray([1] * 220 + [0] * 180, dtype=np.float64)[:, None]
    second = 100.0 * np.asarray([1] * 200 + [0] * 200, dtype=np.float64)[:, None]
    metric = ExactMatch()
    found = difference(first, second, metric.aggregate, 0)
    spread = 1.96 * 100 * (0.05 * 0.95 / 400) ** 0.5
    assert found.value == 5
    assert (found.low, found.high) == pytest.approx((5 - spread, 5 + spread), abs=0.5)
    with pytest.raises(ValueError, match="not measured on the same rows"):
        difference(first, second[1:], metric.aggregate, 0)


def test_the_paired_difference_of_a_corpus_score() -> None:
    references = SENTENCES
    metric = ChrFPlusPlus()
    figures = metric.rows_of({"a": [s[:30] for s in references], "b": [s[:10] for s in references]}, references)
    found = difference(figures["a"], figures["b"], metric.aggregate, 0)
    assert found.value == pytest.approx(metric.score(figures["a"]) - metric.score(figures["b"]), abs=1e-3)
    assert 0 < found.low <= found.value <= found.high


class Asked:
    """A teacher whose answers are told; remembers how it was asked."""

    def __init__(
        self, few: Sequence[str | None], zero: Sequence[str | None], ends: TeacherPrompt | None = None
    ) -> None:
        self.answers, self.calls, self.ends = {FEW: few, ZERO: zero}, [], ends

    def __call__(self, prompt: TeacherPrompt, wanted: Sequence[int] | None) -> TeacherAnswers:
        self.calls.append((prompt, None if wanted is None else len(wanted)))
        places = range(len(self.answers[prompt])) if wanted is None else wanted
        said = [answer if i in places else None for i, answer in enumerate(self.answers[prompt])]
        return TeacherAnswers(
            said,
            [Outcome.UNASKED if a is None else Outcome.ANSWERED for a in said],
            Spent(requests=len(self.calls)),
            budget_ended=prompt is self.ends,
            prompt=prompt,
        )


def better(asked: Asked, rows: list[Row], found: Sequence[TeacherPrompt] = (FEW, ZERO)) -> Any:
    return better_answers(rows, list(found), asked, Metric.EXACT_MATCH, ExactMatch, 0)


def test_the_better_way_to_ask_is_the_baseline_and_both_are_recorded() -> None:
    rows = rows_of(2 * SAMPLE)
    right = [row.output for row in rows]
    asked = Asked(right, ["wrong"] * len(rows))
    best, scores = better(asked, rows)
    assert (best.prompt, best.answers, best.spent.requests) == (FEW, right, 2)
    assert asked.calls == [(FEW, None), (ZERO, SAMPLE)]
    assert [(s.prompt, s.rows, s.score.value, s.chosen) for s in scores] == [
        (FEW, SAMPLE, 100, True),
        (ZERO, SAMPLE, 0, False),
    ]
    asked = Asked(["wrong"] * len(rows), right)
    best, scores = better(asked, rows)
    assert (best.prompt, best.answers) == (ZERO, right)
    assert asked.calls[-1] == (ZERO, None), "what is better on the sample is asked for all rows"
    assert best.spent.requests == 3, "over all ways, whichever is taken"
    assert [s.chosen for s in scores] == [False, True]


def test_a_way_that_gets_no_answers_is_not_better_whatever_it_scores_on_the_few() -> None:
    rows = rows_of(SAMPLE)
    right: list[str | None] = [row.output for row in rows]
    assert better(Asked([*right[:9], *[None] * (SAMPLE - 9)], ["wrong"] * SAMPLE), rows)[0].prompt is ZERO
    assert better(Asked(["wrong"] * SAMPLE, [*right[:9], *[""] * (SAMPLE - 9)]), rows)[0].prompt is FEW
    assert better(Asked([None] * SAMPLE, right), rows)[0].prompt is ZERO
    assert better(Asked([None] * SAMPLE, [None] * SAMPLE), rows)[0].prompt is FEW
    assert better(Asked(right, right), rows)[0].prompt is FEW


def test_a_budget_that_ends_measures_one_way() -> None:
    rows = rows_of(SAMPLE)
    right = [row.output for row in rows]
    asked = Asked(right, right, ends=FEW)
    assert better(asked, rows)[1] == [] and asked.calls == [(FEW, None)]
    asked = Asked(["wrong"] * SAMPLE, right, ends=ZERO)
    assert better(asked, rows)[0].prompt is FEW


def test_the_sample_is_of_the_most_telling_split_first() -> None:
    rows = rows_of(10, "test-own") + rows_of(200, "test-retrieved")
    places = sampled(rows, 3)
    assert places[:10] == list(range(10)) and len(places) == SAMPLE == len(set(places))
    assert places == sampled(rows, 3) != sampled(rows, 4)
    assert sampled([], 0) == []


def test_the_ways_that_there_are() -> None:
    shown = DiscoveredTask(instruction="Say it.", demonstrations=[Demonstration(input="a", output="b")])
    unshown = DiscoveredTask(instruction="Say it.")
    spec = Prompt2ModelSpec.model_validate({"prompt": "p"})
    assert ways(spec, shown) == [FEW, ZERO]
    assert ways(spec, unshown) == [ZERO]
    evaluation = spec.evaluation.model_copy(update={"teacher_prompts": [ZERO]})
    assert ways(spec.model_copy(update={"evaluation": evaluation}), shown) == [ZERO]
    named = spec.evaluation.model_copy(update={"teacher_prompts": [FEW]})
    assert ways(spec.model_copy(update={"evaluation": named}), unshown) == [ZERO]


JOB = {
    "stageRun": {
        "metadata": {"name": "n"},
        "spec": {"resource": "n", "stage": "evaluate", "digest": "a" * 64, "storage": "/s"},
    },
    "attempt": 1,
}
