"""The choice gate: which dataset is used (before prepare), and which student (before train)."""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_api.candidates import FILE, SHOWN
from prompt2model_api.gates import GateState
from prompt2model_api.licenses import UNKNOWN, license_objection, spdx
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import (
    Choice,
    DatasetCandidate,
    OtherCandidate,
    StageOutputs,
    StudentCandidate,
    UsedDataset,
)
from prompt2model_api.spec.datasets import Selection
from prompt2model_api.stage_run import Decision
from prompt2model_api.texts import cut

WHERE = (
    f"status.discovered shows up to {SHOWN} of them, {FILE} of the discover stage (in storage and in MLflow) has all."
)
TRAIN = "train"

Proposed = DatasetCandidate | StudentCandidate | OtherCandidate


def may_transform(spec: Prompt2ModelSpec) -> bool:
    """Whether rows may be rewritten at all: the spec asks for it, and names a teacher; the embedded one is too weak."""
    return spec.datasets.transform != "None" and spec.teacher is not None


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
    candidates, others = discovered.dataset_candidates or [], discovered.other_datasets or []
    proposed = len(candidates) + len(others)
    if spec.datasets.choice is not None:
        return _chosen(spec, spec.datasets.choice, candidates, others)
    if not spec.datasets.enabled:
        return _open(Decision(dataset=Choice(none=True), reason="datasets.enabled is false."))
    if spec.datasets.selection is Selection.MANUAL:
        message = f"Choose one of {proposed} dataset candidates in datasets.choice, or none: true. {WHERE}"
        return GateState(False, "AwaitingChoice", message)
    allowed = [c for c in candidates if _allowed(c, spec.datasets.licenses, "datasets")]
    fitting = [c for c in allowed if c.recommended]
    fitting += _equals(allowed, spec)
    fitting += [c for c in allowed if c.transformable and may_transform(spec)]
    best = next(iter(fitting), None)
    if best is not None and best.undecided is not None:
        return GateState(
            False, "AwaitingChoice", cut(f"{best.name} would be used. {best.undecided} Or set none: true.")
        )
    if best is None or best.output_column is None:
        reason = f"No existing dataset is used: none of {proposed} fits well enough to be chosen unasked."
        if candidates:
            reason = cut(f"{reason} The nearest is {candidates[0].name}. {candidates[0].reason}")
        return _open(Decision(dataset=Choice(none=True), reason=reason))
    transform = _transform(spec, best)
    choice = _whole(best)
    if beside := [] if transform else _beside(best, allowed, spec):
        choice = choice.model_copy(update={"also": [_used(c, c.revision) for c in beside]})
    rewritten = "Its rows are rewritten by the teacher." if transform else ""
    reason = cut(" ".join(filter(None, (_why(best, beside), best.columns_reason, rewritten))))
    decision = Decision(dataset=choice, dataset_revision=best.revision, transform=transform, reason=reason)
    return _open(decision.model_copy(update={"dataset_license": spdx(best.license)}))


def student_gate(spec: Prompt2ModelSpec, discovered: StageOutputs) -> GateState:
    """Which student train uses: the one that the user names, else the first candidate."""
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
    return [c for c in _combinable(allowed) if c.name != best.name][: (spec.datasets.most or 1) - 1]


def _chosen(
    spec: Prompt2ModelSpec,
    chosen: Choice,
    candidates: Sequence[DatasetCandidate],
    others: Sequence[OtherCandidate],
) -> GateState:
    """What datasets.choice names; where it names no columns, those that discover found."""
    if chosen.none:
        return _open(Decision(dataset=chosen, reason="datasets.choice asks for no dataset."))
    whole, reasons = [], ["datasets.choice names it." if not chosen.also else "datasets.choice names them."]
    for one in chosen.datasets():
        found = _named(one.name, candidates, others)
        if (closed := _not_licensed(found, spec.datasets.licenses, "datasets", "datasets.choice")) is not None:
            return closed
        candidate = next((c for c in candidates if c.name == one.name), None)
        used = one if one.has_columns else with_columns(one, candidate)
        if used is None:
            return GateState(False, "AwaitingChoice", _columns_wanted(one, candidate))
        if not one.has_columns and candidate is not None:
            reasons.append(candidate.columns_reason or "The columns are the catalog's.")
        whole.append(used.model_copy(update={"revision": one.revision or (found.revision if found else None)}))
    first = _named(chosen.name, candidates, others)
    decision = Decision(
        dataset=_joined(whole),
        dataset_revision=whole[0].revision,
        transform=_transform(spec, next((c for c in candidates if _is_used_as(c, whole[0])), None)),
        reason=cut(" ".join(reasons)),
    )
    return _open(decision.model_copy(update={"dataset_license": _license(first) if first is not None else None}))


def with_columns(chosen: UsedDataset, candidate: DatasetCandidate | None) -> UsedDataset | None:
    """What is chosen, with the columns that discover knows; None where it knows none of this configuration."""
    if candidate is None or candidate.output_column is None or candidate.undecided is not None:
        return None
    if chosen.config not in (None, candidate.config):
        return None
    used = _used(candidate)
    split = used.split if chosen.split == TRAIN else chosen.split  # another one than train is the user's word
    return used.model_copy(update={"split": split, "share": chosen.share})


def _columns_wanted(chosen: UsedDataset, candidate: DatasetCandidate | None) -> str:
    if candidate is not None and candidate.undecided is not None:
        return candidate.undecided
    return f"Set datasets.choice.inputColumns and datasets.choice.outputColumn for {chosen.name}. {WHERE}"


def _used(candidate: DatasetCandidate, revision: str | None = None) -> UsedDataset:
    return UsedDataset(
        name=candidate.name,
        config=candidate.config,
        split=candidate.split,
        input_columns=candidate.input_columns,
        output_column=candidate.output_column,
        revision=revision,
    )


def _joined(datasets: Sequence[UsedDataset]) -> Choice:
    """The choice of all of them. The revision of the first one stands beside it, in the decision."""
    first = datasets[0].model_dump(exclude={"revision"})
    return Choice(**first, also=list(datasets[1:]) or None)


def _whole(candidate: DatasetCandidate) -> Choice:
    return _joined([_used(candidate)])


def _is_used_as(candidate: DatasetCandidate, chosen: UsedDataset) -> bool:
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


def _open(decision: Decision) -> GateState:
    return GateState(True, "Chosen", decision.reason, decision)
