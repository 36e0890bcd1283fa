"""The choice gate: which dataset is used (before prepare), and which student (before train)."""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_api.candidate_licenses import is_allowed, license_found, not_licensed, proposed_as
from prompt2model_api.gates import GateState
from prompt2model_api.licenses import license_objection, spdx
from prompt2model_api.named_datasets import (
    FIELD,
    WHERE,
    Found,
    columns_to_set,
    joined,
    licenses_of,
    named_gate,
    used_as,
    why_read,
    with_licenses,
    with_reasons,
)
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice, DatasetCandidate, StageOutputs
from prompt2model_api.rewriting import may_transform, transform_of, used_as_found, why_not_rewritten
from prompt2model_api.spec.datasets import Selection
from prompt2model_api.stage_run import Decision
from prompt2model_api.texts import cut, told

NO_COLUMNS = "nobody has told which of its columns to use."


def dataset_gate(spec: Prompt2ModelSpec, discovered: StageOutputs) -> GateState:
    """Which retrieved dataset is used: the user's choice, else the first recommended candidate, else one to rewrite, else none.

    It is closed where the score gate asks for a test split that this dataset cannot give: nothing should be paid for that.
    """
    gate = _dataset_choice(spec, discovered)
    asked = spec.evaluation.gate.split if spec.evaluation.gate is not None else None
    if gate.decision is None or asked not in ("Retrieved", "Transformed"):
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
    found = Found(discovered.dataset_candidates or [], discovered.other_datasets or [])
    if spec.datasets.choice is not None:
        return _chosen(spec, spec.datasets.choice, found)
    if not spec.datasets.enabled:
        return _open(Decision(dataset=Choice(none=True), reason="datasets.enabled is false."))
    if spec.datasets.selection is Selection.MANUAL:
        message = f"Choose one of {found.count} dataset candidates in datasets.choice, or none: true. {WHERE}"
        return GateState(False, "AwaitingChoice", message)
    return _unasked(spec, found)


def _chosen(spec: Prompt2ModelSpec, choice: Choice, found: Found) -> GateState:
    if choice.none:
        return _open(Decision(dataset=Choice(none=True), reason="datasets.choice asks for no dataset."))
    transform = transform_of(spec, used_as_found(choice.datasets()[0], found.candidates))
    gate = named_gate(choice, found, spec.datasets.licenses, are_rewritten=bool(transform))
    if gate.decision is None or gate.decision.dataset is None:
        return gate
    kept = "" if transform else why_not_rewritten(spec, gate.decision.dataset, found.candidates)
    reason = cut(" ".join(filter(None, (kept, gate.decision.reason))))
    return _open(gate.decision.model_copy(update={"transform": transform, "reason": reason}))


def _unasked(spec: Prompt2ModelSpec, found: Found) -> GateState:
    """The first recommended dataset, else those that are equally near, else one to rewrite, else none."""
    allowed = [c for c in found.candidates if is_allowed(c, spec.datasets.licenses, "datasets")]
    fitting = [c for c in allowed if c.recommended]
    fitting += _equals(allowed, spec)
    fitting += [c for c in allowed if c.transformable and may_transform(spec)]
    best = next(iter(fitting), None)
    if best is not None and (best.undecided is not None or best.output_column is None):
        return GateState(False, "AwaitingChoice", _undecided(best))
    if best is None:
        reason = f"No existing dataset is used: none of {found.count} fits well enough to be chosen unasked."
        if found.candidates:
            reason = cut(f"{reason} The nearest is {found.candidates[0].name}. {found.candidates[0].reason}")
        return _open(Decision(dataset=Choice(none=True), reason=reason))
    transform = transform_of(spec, best)
    beside = [] if transform else _beside(best, allowed, spec)
    choice = joined([used_as(best), *(used_as(c, c.revision) for c in beside)])
    head = f"{_why(best, beside)} Its rows are rewritten by the teacher." if transform else _why(best, beside)
    reasons = [(c.name, why) for c in (best, *beside) if (why := why_read(c, c.split))]
    decision = Decision(
        dataset=choice, dataset_revision=best.revision, transform=transform, reason=with_reasons(head, reasons)
    )
    return _open(with_licenses(decision, licenses_of([best, *beside])))


def _undecided(best: DatasetCandidate) -> str:
    """The sentence on a dataset that would be used if it were known how to read it: what to set in datasets.choice."""
    config = f", {FIELD}.config to {best.config}" if best.config is not None else ""
    remedy = (
        f"Set {FIELD}.name to {best.name}{config}, and {columns_to_set(FIELD)} to its columns, or {FIELD}.none to true."
    )
    if best.config_wanted:
        remedy = f"Name one of them in {FIELD}.config. {remedy}"
    return told(f"{best.name} would be used, but {best.undecided or NO_COLUMNS}", remedy)


def student_gate(spec: Prompt2ModelSpec, discovered: StageOutputs) -> GateState:
    """Which student train uses: the one that the user names, else the first candidate."""
    candidates, others = discovered.student_candidates or [], discovered.other_students or []
    if (name := spec.student.name) is not None:
        found = proposed_as(name, candidates, others)
        if (closed := not_licensed(found, spec.student.licenses, "student", "student.name")) is not None:
            return closed
        revision, known = (found.revision, license_found(found)) if found else (None, None)
        reason = "student.name names it."
        return _open(Decision(student=name, student_revision=revision, student_license=known, reason=reason))
    if spec.student.selection is Selection.MANUAL:
        proposed = len(candidates) + len(others)
        message = f"Choose one of {proposed} student candidates in student.name. {WHERE}"
        return GateState(False, "AwaitingChoice", message)
    if not candidates:
        message = "No student in the catalog fits student.architectures and student.maxSize: change them, or set student.name."
        return GateState(False, "NoStudent", message, failed=True)
    allowed = [c for c in candidates if is_allowed(c, spec.student.licenses, "student")]
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


def _equals(allowed: Sequence[DatasetCandidate], spec: Prompt2ModelSpec) -> list[DatasetCandidate]:
    """Datasets that are as near as one another: none of them is used alone, but several may be used together."""
    found = _combinable(allowed)
    return found if (spec.datasets.most or 1) > 1 and len(found) > 1 else []


def _combinable(allowed: Sequence[DatasetCandidate]) -> list[DatasetCandidate]:
    return [c for c in allowed if c.combinable and c.output_column is not None and c.undecided is None]


def _why(best: DatasetCandidate, beside: Sequence[DatasetCandidate]) -> str:
    names = ", ".join(candidate.name for candidate in beside)
    if not names:
        return best.reason
    if best.recommended:
        return f"{best.reason} Used beside it, since your examples fit them as well: {names}."
    return f"{best.name} and {names} are near your task, and your examples fit each of them."


def _beside(
    best: DatasetCandidate, allowed: Sequence[DatasetCandidate], spec: Prompt2ModelSpec
) -> list[DatasetCandidate]:
    """The other datasets that are used unasked: those that permission has nothing against, with columns, nearest first."""
    return [c for c in _combinable(allowed) if c.key != best.key][: (spec.datasets.most or 1) - 1]


def _open(decision: Decision) -> GateState:
    return GateState(True, "Chosen", decision.reason, decision)
