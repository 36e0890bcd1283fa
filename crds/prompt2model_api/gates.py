"""The gates: decisions that must be there before the next step.

The choice gate asks for a dataset (before prepare) and a student (before train), the review gate for a look at the
generated examples (before prepare), the score gate compares what evaluate measured (before the service).
"""

from __future__ import annotations

from dataclasses import dataclass

from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice, Interval, Scores, StageOutputs
from prompt2model_api.spec.datasets import Selection
from prompt2model_api.stage_run import Decision


@dataclass(frozen=True)
class GateState:
    """One gate's answer. open: whether work may go on; failed: whether only an edit of the spec opens it."""

    open: bool
    reason: str
    message: str
    decision: Decision | None = None
    failed: bool = False


def dataset_gate(spec: Prompt2ModelSpec, discovered: StageOutputs) -> GateState:
    """Which retrieved dataset prepare uses: the user's choice, else the first recommended candidate, else none."""
    candidates = discovered.dataset_candidates or []
    if (chosen := spec.datasets.choice) is not None:
        revision = next((c.revision for c in candidates if c.name == chosen.name), None)
        reason = "datasets.choice names it." if chosen.name else "datasets.choice asks for no dataset."
        return _open(Decision(dataset=chosen, dataset_revision=revision, reason=reason))
    if not spec.datasets.enabled:
        return _open(Decision(dataset=Choice(none=True), reason="datasets.enabled is false."))
    if spec.datasets.selection is Selection.MANUAL:
        message = f"Choose one of {len(candidates)} dataset candidates in datasets.choice, or none: true."
        return GateState(False, "AwaitingChoice", message)
    best = next((c for c in candidates if c.recommended), None)
    if best is None or best.output_column is None:
        reason = f"No existing dataset is used: none of {len(candidates)} fits well enough to be chosen unasked."
        if candidates:
            reason = f"{reason} The nearest is {candidates[0].name}. {candidates[0].reason}"[:1024]
        return _open(Decision(dataset=Choice(none=True), reason=reason))
    choice = Choice(
        name=best.name,
        config=best.config,
        split=best.split,
        input_columns=best.input_columns,
        output_column=best.output_column,
    )
    return _open(Decision(dataset=choice, dataset_revision=best.revision, reason=best.reason[:1024]))


def student_gate(spec: Prompt2ModelSpec, discovered: StageOutputs) -> GateState:
    """Which student train uses: the one that the user names, else the first candidate."""
    candidates = discovered.student_candidates or []
    if (name := spec.student.name) is not None:
        revision = next((c.revision for c in candidates if c.name == name), None)
        return _open(Decision(student=name, student_revision=revision, reason="student.name names it."))
    if spec.student.selection is Selection.MANUAL:
        return GateState(
            False, "AwaitingChoice", f"Choose one of {len(candidates)} student candidates in student.name."
        )
    if not candidates:
        message = "No student in the catalog fits student.architectures and student.maxSize: change them, or set student.name."
        return GateState(False, "NoStudent", message, failed=True)
    best = candidates[0]
    return _open(Decision(student=best.name, student_revision=best.revision, reason=best.reason[:1024]))


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
    """Whether the student is good enough to be served.

    It is compared on the user's test set, else on the retrieved one. On generated data alone the teacher wrote the
    labels, so its score says nothing: there the student must beat the untrained student, intervals apart.
    """
    asked = spec.evaluation.gate
    metric = asked.metric if asked else spec.evaluation.metrics[0]
    bound = asked.at_least if asked else "Teacher"
    score = compared_score(spec, scores)
    if score is None:
        where = f"the {asked.split} test split" if asked and asked.split else "any test split"
        return GateState(False, "NotMeasured", f"{metric} was not measured on {where}: bring test data.", failed=True)
    if bound != "Teacher":
        return _reaches(score, float(bound), bound)
    if score.split == "Generated" or score.teacher is None:
        return _beats_untrained(score)
    return _reaches(score, score.teacher.value, f"the teacher's {score.teacher.value:.1f}")


def compared_score(spec: Prompt2ModelSpec, scores: list[Scores]) -> Scores | None:
    """The score that the gate looks at: the gate's metric, else the first; the user's test set, else the retrieved one."""
    asked = spec.evaluation.gate
    metric = asked.metric if asked else spec.evaluation.metrics[0]
    found = {s.split: s for s in scores if s.metric is metric and s.rows > 0}
    order = [asked.split] if asked and asked.split else ["Own", "Retrieved", "Generated"]
    return next((found[name] for name in order if name in found), None)


def _reaches(score: Scores, bound: float, named: str) -> GateState:
    got = f"{score.metric} on {score.split.lower()} test data: student {score.student.value:.1f}"
    if score.student.value >= bound:
        return GateState(True, "ScoreReached", f"{got}, asked for {named}.")
    message = f"{got}, below {named}: bring better or more data, train longer, or change evaluation.gate."
    return GateState(False, "ScoreTooLow", message, failed=True)


def _beats_untrained(score: Scores) -> GateState:
    why = "the teacher wrote its labels" if score.split == "Generated" else "the teacher was not measured"
    got = f"Weaker evidence, {why}. {score.metric} on {score.split.lower()} test data: student {_span(score.student)}"
    if score.untrained is None:
        return GateState(False, "NotMeasured", f"{got}; the untrained student was not measured.", failed=True)
    got += f", untrained {_span(score.untrained)}"
    if score.student.low > score.untrained.high:
        return GateState(True, "BeatsUntrained", f"{got}.")
    message = f"{got}: the intervals are not apart. Bring test data of your own, or train on more."
    return GateState(False, "ScoreTooLow", message, failed=True)


def _span(score: Interval) -> str:
    return f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]"


def _open(decision: Decision) -> GateState:
    return GateState(True, "Chosen", decision.reason, decision)
