"""The gates: decisions that must be there before the next step.

The choice gate asks for a dataset (before prepare) and a student (before train), the review gate for a look at the
generated examples (before prepare). The score gate compares what evaluate measured (before the service): a number that the
user names with the student's score, else the student with the teacher on the rows that both answered. With `gate.margin` 0
the student's score must be at least the teacher's, else the whole interval of the paired difference must be above -margin
(docs/decisions/0031). A teacher that scores next to nothing, or gave no usable answer to most rows, is no baseline.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.base import Metric
from prompt2model_api.candidates import FILE, SHOWN
from prompt2model_api.licenses import UNKNOWN, license_objection, spdx
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import (
    Choice,
    DatasetCandidate,
    Interval,
    OtherCandidate,
    Scores,
    StageOutputs,
    StudentCandidate,
)
from prompt2model_api.spec.datasets import Selection
from prompt2model_api.stage_run import Decision
from prompt2model_api.texts import cut

ORDER = ("Own", "Retrieved", "Transformed", "Generated")
"""The most telling evidence first."""
BY_THE_TEACHER = ("Transformed", "Generated")
"""Splits whose labels the teacher wrote: they say nothing of how student and teacher compare."""
MINIMUM_ROWS = 5
"""Fewer rows say nothing of two systems: one that wins all of four rows does so by chance alone once in eight times."""
NEAR_ZERO = {Metric.EXACT_MATCH: 5.0, Metric.CHRF: 10.0, Metric.BERT_SCORE: 10.0}
"""Scores below these are those of a system that does not do the task; unrelated English text has some 15 in ChrF++."""
WHERE = (
    f"status.discovered shows up to {SHOWN} of them, {FILE} of the discover stage (in storage and in MLflow) has all."
)
MOST = 0.5
"""A teacher without a usable answer to more than this share of the rows is no baseline."""
REMEDY = (
    "Check teacher.model and its answers in evaluate's predictions, name a better teacher, "
    'or set evaluation.gate.atLeast to a number such as "85".'
)


Proposed = DatasetCandidate | StudentCandidate | OtherCandidate


@dataclass(frozen=True)
class GateState:
    """One gate's answer. open: whether work may go on; failed: whether only an edit of the spec opens it."""

    open: bool
    reason: str
    message: str
    decision: Decision | None = None
    failed: bool = False


def may_transform(spec: Prompt2ModelSpec) -> bool:
    """Whether rows may be rewritten at all: the spec asks for it, and names a teacher; the embedded one is too weak."""
    return spec.datasets.transform != "None" and spec.teacher is not None


def dataset_gate(spec: Prompt2ModelSpec, discovered: StageOutputs) -> GateState:
    """Which retrieved dataset is used: the user's choice, else the first recommended candidate, else one to rewrite, else none.

    It is closed where the score gate asks for a test split that this dataset cannot give: nothing should be paid for that.
    """
    gate = _dataset_choice(spec, discovered)
    asked = spec.evaluation.gate.split if spec.evaluation.gate is not None else None
    if gate.decision is None or spec.datasets.transform == "None" or asked not in ("Retrieved", "Transformed"):
        return gate
    chosen = gate.decision.dataset.name if gate.decision.dataset is not None else None
    given = "Transformed" if gate.decision.transform else "Retrieved"
    if chosen is not None and asked == given:
        return gate
    how = "rewritten by the teacher" if gate.decision.transform else "used as they are"
    what = f"the rows of {chosen} are {how}" if chosen is not None else "no dataset is used"
    message = cut(f"evaluation.gate.split is {asked}, but {what}: name another split. {gate.decision.reason}")
    return GateState(False, "GateSplitMissing", message, failed=True)


def _dataset_choice(spec: Prompt2ModelSpec, discovered: StageOutputs) -> GateState:
    candidates, others = discovered.dataset_candidates or [], discovered.other_datasets or []
    proposed = len(candidates) + len(others)
    if (chosen := spec.datasets.choice) is not None:
        found = _named(chosen.name, candidates, others)
        if (closed := _not_licensed(found, spec.datasets.licenses, "datasets", "datasets.choice")) is not None:
            return closed
        reason = "datasets.choice names it." if chosen.name else "datasets.choice asks for no dataset."
        named = next((c for c in candidates if _is_used_as(c, chosen)), None)
        transform = None if chosen.none else _transform(spec, named)
        decision = Decision(dataset=chosen, transform=transform, reason=reason)
        if found is not None:
            told = {"dataset_revision": found.revision, "dataset_license": _license(found)}
            decision = decision.model_copy(update=told)
        return _open(decision)
    if not spec.datasets.enabled:
        return _open(Decision(dataset=Choice(none=True), reason="datasets.enabled is false."))
    if spec.datasets.selection is Selection.MANUAL:
        message = f"Choose one of {proposed} dataset candidates in datasets.choice, or none: true. {WHERE}"
        return GateState(False, "AwaitingChoice", message)
    allowed = [c for c in candidates if _allowed(c, spec.datasets.licenses, "datasets")]
    fitting = [c for c in allowed if c.recommended]
    fitting += [c for c in allowed if c.transformable and may_transform(spec)]
    best = next(iter(fitting), None)
    if best is None or best.output_column is None:
        reason = f"No existing dataset is used: none of {proposed} fits well enough to be chosen unasked."
        if candidates:
            reason = cut(f"{reason} The nearest is {candidates[0].name}. {candidates[0].reason}")
        return _open(Decision(dataset=Choice(none=True), reason=reason))
    choice = Choice(
        name=best.name,
        config=best.config,
        split=best.split,
        input_columns=best.input_columns,
        output_column=best.output_column,
    )
    transform = _transform(spec, best)
    reason = cut(f"{best.reason}{' Its rows are rewritten by the teacher.' if transform else ''}")
    decision = Decision(dataset=choice, dataset_revision=best.revision, transform=transform, reason=reason)
    return _open(decision.model_copy(update={"dataset_license": spdx(best.license)}))


def _is_used_as(candidate: DatasetCandidate, chosen: Choice) -> bool:
    """Whether what discover found of the candidate's form holds for the choice: other columns of a dataset are another task."""
    same = (candidate.name, candidate.config, candidate.split) == (chosen.name, chosen.config, chosen.split)
    columns = sorted(candidate.input_columns) == sorted(chosen.input_columns)
    return same and columns and candidate.output_column == chosen.output_column


def _transform(spec: Prompt2ModelSpec, candidate: DatasetCandidate | None) -> bool | None:
    """Whether the rows of the chosen dataset are rewritten; candidate: what discover found of it."""
    if not may_transform(spec):
        return None
    another_form = candidate is not None and candidate.transformable and not candidate.recommended
    return True if spec.datasets.transform == "Always" or another_form else None


def student_gate(spec: Prompt2ModelSpec, discovered: StageOutputs) -> GateState:
    """Which student train uses: the one that the user names, else the first candidate that can be used."""
    candidates, others = discovered.student_candidates or [], discovered.other_students or []
    if (name := spec.student.name) is not None:
        found = _named(name, candidates, others)
        if (closed := _not_licensed(found, spec.student.licenses, "student", "student.name")) is not None:
            return closed
        revision, known = (found.revision, _license(found)) if found else (None, None)
        reason = "student.name names it."
        return _open(Decision(student=name, student_revision=revision, student_license=known, reason=reason))
    if spec.student.selection is Selection.MANUAL:
        proposed = len(candidates) + len(others)
        message = f"Choose one of {proposed} student candidates in student.name. {WHERE}"
        return GateState(False, "AwaitingChoice", message)
    if not candidates:
        message = "No student in the catalog fits student.architectures and student.maxSize: change them, or set student.name."
        return GateState(False, "NoStudent", message, failed=True)
    allowed = [c for c in candidates if _allowed(c, spec.student.licenses, "student")]
    if not allowed:
        message = f"No student that fits has a license of student.licenses. The best is {candidates[0].name}: "
        message += f"{license_objection(candidates[0].license, spec.student.licenses, 'student.licenses')}. "
        return GateState(False, "NoStudent", f"{message}Add a license, or set student.name to one.", failed=True)
    best = next((c for c in allowed if c.unusable is None), None)
    if best is None:
        message = f"None of the proposed students can be used. The best is {allowed[0].name}: {allowed[0].unusable} "
        message += "Set student.name, or change student.architectures or student.maxSize."
        return GateState(False, "NoStudent", message, failed=True)
    decision = Decision(student=best.name, student_revision=best.revision, reason=cut(best.reason))
    return _open(decision.model_copy(update={"student_license": spdx(best.license)}))


def _named(name: str | None, *proposed: Sequence[Proposed]) -> Proposed | None:
    """What discover found of a name; None where it proposes no such name."""
    return next((candidate for some in proposed for candidate in some if candidate.name == name), None)


def _license(found: Proposed) -> str | None:
    """Its license by SPDX; None where it was not looked up, as for a folder, or where the hub gave no answer and it is unknown."""
    unanswered = found.revision is None and spdx(found.license) == UNKNOWN
    return None if found.license is None or unanswered else spdx(found.license)


def _allowed(candidate: Proposed, licenses: Sequence[str] | None, field: str) -> bool:
    return not license_objection(candidate.license, licenses, f"{field}.licenses")


def _not_licensed(found: Proposed | None, licenses: Sequence[str] | None, section: str, field: str) -> GateState | None:
    """The closed gate of a name whose license is not allowed; the stage looks up one that discover did not find."""
    if found is None or _license(found) is None:
        return None
    against = license_objection(found.license, licenses, f"{section}.licenses")
    if not against:
        return None
    message = f"{field} names {found.name}, and {against}: name another one, or add the license."
    return GateState(False, "LicenseNotAllowed", message, failed=True)


def review_gate(spec: Prompt2ModelSpec, generated: StageOutputs | None) -> GateState:
    """Whether a person accepted the generated examples, where the spec asks for it."""
    if spec.generation.review == "None" or generated is None:
        return GateState(True, "NoReview", "No review is asked for.")
    wanted, given = generated.examples_sha256 or "", spec.generation.accepted
    if given is not None and wanted.startswith(given):
        return GateState(True, "Accepted", "generation.accepted names these examples.")
    message = f"Look at the generated examples and set generation.accepted to {wanted[:16]}, or edit the prompt."
    return GateState(False, "AwaitingReview", message)


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


def _open(decision: Decision) -> GateState:
    return GateState(True, "Chosen", decision.reason, decision)
