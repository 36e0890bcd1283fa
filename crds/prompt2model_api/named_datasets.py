"""What datasets.choice names, made whole with what discover found of each dataset.

discover's record holds nothing of the spec, so the spec as it is today counts: what it names, else what was found of that very
dataset and configuration. What is still missing closes the gate with the fields to set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.candidate_licenses import license_found, not_licensed, proposed_as
from prompt2model_api.candidates import FILE, SHOWN, candidate_of
from prompt2model_api.gates import GateState
from prompt2model_api.licenses import spdx
from prompt2model_api.results import (
    TRAIN,
    Choice,
    DatasetCandidate,
    OtherCandidate,
    UsedDataset,
)
from prompt2model_api.shares import with_shares
from prompt2model_api.spec.datasets import NAMED_TWICE
from prompt2model_api.stage_run import Decision
from prompt2model_api.texts import MESSAGE_LIMIT, cut, told

FIELD = "datasets.choice"
CATALOG = "Catalog"
"""Who proposed the columns of a candidate that a catalog lists."""
WHERE = (
    f"status.discovered shows up to {SHOWN} of them, {FILE} of the discover stage (in storage and in MLflow) has all."
)
UNSEEN = "A later change of what is there is not noticed: give it another address."
"""Of an address that is no dataset's at the hub: nobody takes the hash of what lies there before the stage that reads it."""
MOST_NAMED = 12
"""Configurations in a sentence."""


@dataclass(frozen=True)
class Found:
    """What discover found: those that are shown, and the names of the others."""

    candidates: Sequence[DatasetCandidate]
    others: Sequence[OtherCandidate]

    @property
    def count(self) -> int:
        """How many datasets it proposes."""
        return len(self.candidates) + len(self.others)

    def configs(self, name: str) -> list[str]:
        """The configurations of a dataset that discover knows."""
        known = [(c.name, c.config) for c in self.candidates] + [(c.name, c.config) for c in self.others]
        return sorted({config for of, config in known if of == name and config is not None})


def entries(choice: Choice) -> list[tuple[str, UsedDataset]]:
    """The datasets that a choice names, each with the field that names it."""
    return [(field_of(number), one) for number, one in enumerate(choice.datasets())]


def field_of(number: int) -> str:
    """The field that names one of the datasets of a choice; number: its place, from 0."""
    return f"{FIELD}.also[{number - 1}]" if number else FIELD


def named_gate(
    choice: Choice, found: Found, licenses: Sequence[str] | None, *, are_rewritten: bool = False
) -> GateState:
    """The gate of a choice that names datasets; it is open where all of them are whole.

    Args:
        choice: what the spec names.
        found: what discover found.
        licenses: that a dataset may have; None: any.
        are_rewritten: the rows need not be as the demonstrations are.
    """
    used, reasons, wanted = [], [], []
    for path, one in entries(choice):
        proposed = proposed_as(one.name, found.candidates, found.others)
        if (closed := not_licensed(proposed, licenses, "datasets", path)) is not None:
            return closed
        candidate = candidate_of(one, found.candidates)
        whole = with_columns(one, candidate, are_rewritten=are_rewritten)
        asked = _config_wanted(path, one, candidate, found)
        if whole is None or asked:
            wanted.append(asked or _columns_wanted(path, one, candidate))
            continue
        if not one.has_columns and candidate is not None:
            why = why_read(candidate, whole.split_to_read)
            reasons.append((one.name, why or "The columns are the catalog's."))
        if "://" in one.name and not one.name.startswith("file://"):
            reasons.append((one.name, UNSEEN))
        revision = one.revision or (proposed.revision if proposed is not None else None)
        used.append(whole.model_copy(update={"revision": revision}))
    if wanted:
        return _closed(wanted)
    if len({one.rows_of for one in used}) < len(used):
        return _closed([f"{FIELD}: with the columns that were found, {NAMED_TWICE}."])
    names = f"{FIELD} names {'them' if choice.also else 'it'}."
    decision = Decision(dataset=joined(used), dataset_revision=used[0].revision, reason=with_reasons(names, reasons))
    found_of = {one.name: _license_of(one, found) for one in choice.datasets()}
    licensed = {name: license for name, license in found_of.items() if license is not None}
    return GateState(True, "Chosen", decision.reason, with_licenses(decision, licensed))


def with_columns(
    one: UsedDataset, candidate: DatasetCandidate | None, *, are_rewritten: bool = False
) -> UsedDataset | None:
    """What is named with its split, and its columns or those that discover found.

    None where it found none of this configuration, or none that a person must not confirm (_is_doubtful).
    """
    if one.has_columns:
        return one.model_copy(update={"split": one.split_to_read})
    if (
        candidate is None
        or candidate.key != one.key
        or candidate.output_column is None
        or candidate.undecided is not None
        or (_is_doubtful(candidate) and not are_rewritten)
    ):
        return None
    used = used_as(candidate)
    return used.model_copy(update={"split": one.split or used.split, "share": one.share})


def _is_doubtful(candidate: DatasetCandidate) -> bool:
    """Whether rows of these columns are not what the demonstrations show, and nobody stands for the columns.

    Who names a dataset of the catalog has looked at what it is; what teacher or rules propose, nobody has looked at.
    """
    return candidate.unlike is not None and candidate.columns_by != CATALOG


def why_read(candidate: DatasetCandidate, split: str) -> str:
    """Why a dataset is read as it is, with the split where that is not train; empty where nothing is known."""
    why, said = candidate.columns_reason or "", f"the split {split}"
    is_told = said in why or (split == TRAIN and candidate.split == TRAIN)
    return why if is_told else " ".join(filter(None, (f"It is read from {said}.", why)))


def used_as(candidate: DatasetCandidate, revision: str | None = None) -> UsedDataset:
    """A candidate with its own columns."""
    return UsedDataset(
        name=candidate.name,
        config=candidate.config,
        split=candidate.split,
        input_columns=candidate.input_columns,
        output_column=candidate.output_column,
        revision=revision,
    )


def joined(datasets: Sequence[UsedDataset]) -> Choice:
    """The choice of all of them. The revision of the first one stands beside it, in the decision."""
    first, *others = with_shares(datasets)
    return Choice(**first.model_dump(exclude={"revision"}), also=others or None)


def with_licenses(decision: Decision, licenses: dict[str, str]) -> Decision:
    """The decision with the licenses of all its datasets, by name."""
    if decision.dataset is None:
        return decision
    beside = {one.name for one in decision.dataset.also or []} - {decision.dataset.name}
    also = {name: license for name, license in licenses.items() if name in beside}
    first = licenses.get(decision.dataset.name or "")
    return decision.model_copy(update={"dataset_license": first, "also_licenses": also or None})


def licenses_of(candidates: Sequence[DatasetCandidate]) -> dict[str, str]:
    """The licenses of candidates by SPDX, by name."""
    return {candidate.name: spdx(candidate.license) for candidate in candidates}


def with_reasons(head: str, reasons: Sequence[tuple[str, str]]) -> str:
    """The sentence, and why each dataset is read as it is: where not all of it fits, each has an equal part of the room."""
    parts = [why if len(reasons) == 1 else f"{name}: {why}" for name, why in reasons]
    whole = " ".join([head, *parts])
    if len(whole) <= MESSAGE_LIMIT or not parts:
        return cut(whole)
    head = cut(head, MESSAGE_LIMIT // (1 + len(parts)))
    room = (MESSAGE_LIMIT - len(head)) // len(parts) - 1
    return " ".join([head, *(cut(part, room) for part in parts)])


def columns_to_set(path: str) -> str:
    """The fields that name the columns of one dataset."""
    return f"{path}.inputColumns and {path}.outputColumn"


def _license_of(one: UsedDataset, found: Found) -> str | None:
    """Its license; None where the hub was away and the spec names the commit, so that the stage that reads it asks the hub."""
    proposed = proposed_as(one.name, found.candidates, found.others)
    is_confirmed = one.revision is None or (proposed is not None and proposed.revision is not None)
    return license_found(proposed) if is_confirmed else None


def _config_wanted(path: str, one: UsedDataset, candidate: DatasetCandidate | None, found: Found) -> str:
    """The sentence that asks for a configuration; empty where none has to be named, or one is."""
    if one.config is not None:
        return ""
    if candidate is not None and candidate.config_wanted:
        remedy = f"Name one of them in {path}.config" + (
            "." if one.has_columns else f", and set {columns_to_set(path)}."
        )
        return told(f"{path}: {one.name}: {candidate.undecided}", remedy)
    known = found.configs(one.name)
    if not known or (candidate is not None and (one.has_columns or candidate.output_column is not None)):
        return ""
    if one.has_columns and len(known) == 1:
        return ""
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return (
        f"{path} names {one.name} without a configuration; discover knows its configurations "
        f"{', '.join(known[:MOST_NAMED])}{more}. Name one of them in {path}.config, or another one that it has."
    )


def _columns_wanted(path: str, one: UsedDataset, candidate: DatasetCandidate | None) -> str:
    """The sentence that asks for the columns of this very entry. What discover found is the cause, never the remedy."""
    remedy = f"Set {columns_to_set(path)} for {one.name}."
    if candidate is not None and candidate.undecided is None and candidate.unlike is not None:
        shown = f"{', '.join(candidate.input_columns)} → {candidate.output_column}"
        cause = f"the {str(candidate.columns_by).lower()} would take {shown}, but {candidate.unlike}."
        return told(f"{path}: {one.name}: {cause}", remedy)
    if candidate is None or candidate.undecided is None:
        return f"{remedy} {WHERE}"
    return told(f"{path}: {one.name}: {candidate.undecided}", remedy)


def _closed(wanted: Sequence[str]) -> GateState:
    """The closed gate with what it waits for: as many whole sentences as there is room for, the first one in any case."""
    message = cut(wanted[0])
    for sentence in wanted[1:]:
        if len(message) + len(sentence) < MESSAGE_LIMIT:
            message = f"{message} {sentence}"
    return GateState(False, "AwaitingChoice", message)
