"""What the spec says of the datasets that it names, held against their rows. None of it goes into a candidate.

A wrong configuration, split or column blocks discover: an edit of it is in no digest and starts the same work again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prompt2model_api.candidates import candidate_of
from prompt2model_api.conditions import Failure
from prompt2model_api.named_datasets import FIELD, columns_to_set, entries
from prompt2model_api.results import Choice, DatasetCandidate, UsedDataset
from prompt2model_stages.discover.columns.checking import Proposal, check
from prompt2model_stages.discover.columns.reading import (
    Place,
    Reader,
    Reading,
    is_at_hub,
    is_away,
    read_first,
)
from prompt2model_stages.errors import blocked
from prompt2model_stages.hub_data import DEADLINE_S, FirstRows

CHOICE = "Choice"

Rows = Mapping[Place, FirstRows | Failure]


def read_named(
    candidates: Sequence[DatasetCandidate], named: Choice | None, read: Reader, deadline_s: float = DEADLINE_S
) -> Rows:
    """The rows of the datasets that the spec names, before the teacher is asked for anything.

    Raises: StageError, Blocked, where the hub is there and what the spec says of a dataset cannot be read so.
    """
    rows: dict[Place, FirstRows | Failure] = {}
    for path, one in entries(named) if named is not None else ():
        candidate = candidate_of(one, candidates)
        if candidate is None or not is_at_hub(one.name) or candidate.revision is None:
            continue
        reading = Reading.begun(read, deadline_s, rows)
        if one.has_columns or says_more(one):
            said = place_said(one, candidate)
            rows[said] = _there(reading(*said), path)
        if one.has_columns:
            _check(path, one, rows[said], Proposal(CHOICE, tuple(one.input_columns), str(one.output_column)))
        else:
            own = (candidate.name, candidate.config, candidate.split, candidate.revision)
            rows[own] = _there(read_first(candidate, reading, is_named=True), path)
    return rows


def check_named(candidates: Sequence[DatasetCandidate], named: Choice | None, rows: Rows) -> None:
    """Holds the columns that were found against the rows of the split and revision that the spec names.

    Raises: StageError ColumnMissing, Blocked.
    """
    for path, one in entries(named) if named is not None else ():
        candidate = candidate_of(one, candidates)
        if one.has_columns or not says_more(one) or candidate is None or candidate.output_column is None:
            continue
        found = Proposal(str(candidate.columns_by), tuple(candidate.input_columns), candidate.output_column)
        _check(path, one, rows.get(place_said(one, candidate)), found)


def says_more(one: UsedDataset) -> bool:
    """Whether the spec says which split or revision to read."""
    return one.split is not None or one.revision is not None


def place_said(one: UsedDataset, candidate: DatasetCandidate) -> Place:
    """What the spec says, as it is read."""
    split = one.split_to_read if one.has_columns else one.split or candidate.split
    return one.name, one.config, split, one.revision or candidate.revision


def _there(found: FirstRows | Failure, path: str) -> FirstRows | Failure:
    """What was read, or that the hub is away. Raises: StageError, Blocked, with the field of this very entry."""
    if isinstance(found, FirstRows) or is_away(found):
        return found
    message, remedy = (text.replace(FIELD, path) for text in (found.message, found.remedy))
    raise blocked(found.reason, message, remedy)


def _check(path: str, one: UsedDataset, rows: FirstRows | Failure | None, columns: Proposal) -> None:
    if isinstance(rows, FirstRows) and (wrong := check(columns, rows, ()).wrong):
        verb = "Correct" if one.has_columns else "Set"
        remedy = f"{verb} {columns_to_set(path)}, or correct {path}.split."
        raise blocked("ColumnMissing", f"{path}: {one.name}: {wrong}.", remedy)
