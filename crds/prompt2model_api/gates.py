"""The gates: decisions that must be there before the next step.

The choice gate (choice_gate.py) asks for a dataset (before prepare) and a student (before train), the review gate for a look at
the generated examples (before prepare). The score gate compares what evaluate measured (before the service): a number that the
user names with the student's score, else the student with the teacher on the rows that both answered. With `gate.margin` 0
the student's score must be at least the teacher's, else the whole interval of the paired difference must be above -margin
(docs/decisions/0031). A teacher that scores next to nothing, or gave no usable answer to most rows, is no baseline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from prompt2model_api.base import Metric
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Interval, Scores, StageOutputs
from prompt2model_api.stage_run import Decision

ORDER = ("Own", "Retrieved", "Transformed", "Generated")
"""The most telling evidence first."""
BY_THE_TEACHER = ("Transformed", "Generated")
"""Splits whose labels the teacher wrote: they say nothing of how student and teacher compare."""
MINIMUM_ROWS = 5
"""Fewer rows say nothing of two systems: one that wins all of four rows does so by chance alone once in eight times."""
NEAR_ZERO = {Metric.EXACT_MATCH: 5.0, Metric.CHRF: 10.0, Metric.BERT_SCORE: 10.0}
"""Scores below these are those of a system that does not do the task; unrelated English text has some 15 in ChrF++."""
MOST = 0.5
"""A teacher without a usable answer to more than this share of the rows is no baseline."""
REMEDY = (
    "Check teacher.model and its answers in evaluate's predictions, name a better teacher, "
    'or set evaluation.gate.atLeast to a number such as "85".'
)


@dataclass(frozen=True)
class GateState:
    """One gate's answer. open: whether work may go on; failed: whether only an edit of the spec opens it."""

    open: bool
    reason: str
    message: str
    decision: Decision | None = None
    failed: bool = False


def review_gate(spec: Prompt2ModelSpec, generated: StageOutputs | None) -> GateState:
    """Whether a person accepted the generated examples, where the spec asks for it.

    Examples that a person corrected are used for the examples that they were made of and for no others, whether a review is
    required or not. The decision names them; it has nothing where the examples are used as they were generated.
    """
    generation = spec.generation
    if generated is None or (generation.review == "None" and generation.reviewed is None):
        return GateState(True, "NoReview", "No review is asked for.")
    wanted = generated.examples_sha256 or ""
    if not generation.accepts(wanted):
        return GateState(False, "AwaitingReview", _what_to_review(wanted, generation.reviewed))
    if generation.reviewed is None:
        return GateState(True, "Accepted", "generation.accepted names these examples.")
    message = "The generated examples are used as you corrected them (generation.accepted)."
    return GateState(True, "Accepted", message, Decision(reviewed=generation.reviewed))


def score_gate(spec: Prompt2ModelSpec, scores: list[Scores]) -> GateState:
    """Whether the student is good enough.

    It is compared on the user's test set, else on the retrieved one. On generated and transformed data the teacher
    wrote the labels, so its score says nothing: there the student must beat the untrained student, intervals apart.

    Args:
        spec: with what is asked for.
        scores: of evaluate, a split's first one of the metric that it chose, where the spec names none.
    """
    asked = spec.evaluation.gate
    bound = asked.at_least if asked else "Teacher"
    score = compared_score(spec, scores)
    if score is None:
        metric = gate_metric(spec, scores)
        where = f"the {asked.split} test split" if asked and asked.split else "any test split"
        return _not_measured(f"{metric or 'The score'} was not measured on {where}: bring test data.")
    if not _finite(score):
        return _not_measured(f"{_where(score)}: a score is not a number. See evaluate's log and evaluation.encoder.")
    if bound != "Teacher":
        return _reaches_number(score, float(bound), bound)
    if score.rows < MINIMUM_ROWS:
        few = f"{_where(score)}: {score.rows} rows are too few to compare on, at least {MINIMUM_ROWS} are needed"
        return _not_measured(f"{few}. Bring more in evaluation.testData.")
    if score.split not in BY_THE_TEACHER and (problem := baseline_problem(score)) is not None:
        return _not_measured(f"{_where(score)}: {problem} {REMEDY}")
    if score.student_same:
        same = f"{_where(score)}: the student gives one and the same answer to all {score.rows} inputs"
        remedy = "train on more or more varied data, or, where that is right, set evaluation.gate.atLeast to a number."
        return GateState(False, "ScoreTooLow", f"{same}: {remedy}", failed=True)
    if score.split in BY_THE_TEACHER:
        return _beats_untrained(score, "the teacher wrote its labels")
    if score.teacher is None:
        return _beats_untrained(score, "the teacher was not measured")
    return _reaches_teacher(score, score.teacher, asked.margin if asked else 0.0)


def _what_to_review(wanted: str, reviewed: str | None) -> str:
    """What a person should do for the gate to open. wanted: hash of the examples that there are."""
    if reviewed is None:
        return f"Look at the generated examples and set generation.accepted to {wanted[:16]}, or edit the prompt."
    return (
        "generation.accepted names what you made of other generated examples than there are now: review these with `p2m review` "
        "(what you decided of rows that are the same still stands), or set it to "
        f"{wanted[:16]} to use them as they are."
    )


def gate_metric(spec: Prompt2ModelSpec, scores: list[Scores]) -> Metric | None:
    """The gate's metric: the one it names, else the first of evaluation.metrics, else the one that evaluate chose."""
    if spec.evaluation.gate is not None and spec.evaluation.gate.metric is not None:
        return spec.evaluation.gate.metric
    if spec.evaluation.metrics is not None:
        return spec.evaluation.metrics[0]
    return scores[0].metric if scores else None


def compared_score(spec: Prompt2ModelSpec, scores: list[Scores]) -> Scores | None:
    """The score that the gate looks at: the split that it names, else the most telling one that has enough rows."""
    asked, metric = spec.evaluation.gate, gate_metric(spec, scores)
    found = {s.split: s for s in scores if s.metric is metric and s.rows > 0}
    if asked is not None and asked.split is not None:
        return found.get(asked.split)
    there = [found[name] for name in ORDER if name in found]
    return next((score for score in there if score.rows >= MINIMUM_ROWS), there[0] if there else None)


def baseline_problem(score: Scores) -> str | None:
    """Why the teacher's score is nothing to compare with, as a sentence; None where it is, or where nothing was asked."""
    counts = score.teacher_answers
    if counts is not None and counts.asked > 0 and counts.unusable > MOST * counts.asked:
        kinds = {"empty": counts.empty, "cut": counts.cut, "refused": counts.refused, "too long": counts.too_long}
        what = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
        return f"the teacher is no baseline, of its {counts.asked} answers {counts.unusable} are unusable ({what})."
    if counts is not None and counts.asked >= score.rows and score.teacher is None:
        return f"the teacher is no baseline, of its {counts.asked} answers too few are usable to compare with."
    if counts is not None and counts.same:
        return "the teacher is no baseline, it gives one and the same wrong answer to all inputs."
    if score.teacher is not None and score.teacher.value < NEAR_ZERO[score.metric]:
        return f"the teacher is no baseline, it scores {score.teacher.value:.1f}, next to nothing."
    return None


def _reaches_number(score: Scores, bound: float, named: str) -> GateState:
    student = score.student_all or score.student
    got = f"{_where(score)}: student {student.value:.1f}"
    if student.value >= bound:
        return GateState(True, "ScoreReached", f"{got}, asked for {named}.")
    message = f"{got}, below {named}: bring better or more data, train longer, or change evaluation.gate."
    return GateState(False, "ScoreTooLow", message, failed=True)


def _reaches_teacher(score: Scores, teacher: Interval, margin: float) -> GateState:
    difference = score.difference or _unpaired(score.student, teacher)
    got = f"{_where(score)}: student {_span(score.student)}, teacher {_span(teacher)}"
    got += f", difference {_span(difference)} on {score.rows} rows"
    reached = difference.low > -margin if margin > 0 else difference.value >= 0
    if reached:
        within = f", asked for a difference above -{margin:g}" if margin > 0 else ", asked for the teacher's score"
        return GateState(True, "ScoreReached", f"{got}{within}.")
    below = f"the interval of the difference reaches down to {difference.low:.1f}, and -{margin:g} is allowed"
    why = below if margin > 0 else "below the teacher's"
    message = f"{got}; {why}: bring better or more data, train longer, or change evaluation.gate."
    return GateState(False, "ScoreTooLow", message[:1024], failed=True)


def _unpaired(student: Interval, teacher: Interval) -> Interval:
    """The difference where no paired one was measured, its interval rather too wide than too narrow."""
    low, high = student.low - teacher.high, student.high - teacher.low
    return Interval(value=student.value - teacher.value, low=low, high=high)


def _beats_untrained(score: Scores, why: str) -> GateState:
    got = f"Weaker evidence, {why}. {_where(score)}: student {_span(score.student)}"
    if score.untrained is None:
        return _not_measured(f"{got}; the untrained student was not measured.")
    got += f", untrained {_span(score.untrained)}"
    if score.student.value < NEAR_ZERO[score.metric]:
        message = f"{got}: next to nothing. Bring better or more data, or train longer."
        return GateState(False, "ScoreTooLow", message, failed=True)
    if score.student.low > score.untrained.high:
        return GateState(True, "BeatsUntrained", f"{got}.")
    message = f"{got}: the intervals are not apart. Bring test data of your own, or train on more."
    return GateState(False, "ScoreTooLow", message, failed=True)


def _not_measured(message: str) -> GateState:
    return GateState(False, "NotMeasured", message[:1024], failed=True)


def _finite(score: Scores) -> bool:
    spans = (score.student, score.student_all, score.untrained, score.teacher, score.difference)
    return all(math.isfinite(x) for span in spans if span for x in (span.value, span.low, span.high))


def _where(score: Scores) -> str:
    return f"{score.metric} on {score.split.lower()} test data"


def _span(score: Interval) -> str:
    return f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]"
