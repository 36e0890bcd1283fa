"""Which datasets are read at the hub, and how much of the catalog's or the spec's word counts then.

Read are those that the spec names or that would be used unasked; where there is none, the nearest few, for the person who
chooses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prompt2model_api.candidates import SHOWN
from prompt2model_api.conditions import Failure
from prompt2model_api.results import Choice, DatasetCandidate, UsedDataset
from prompt2model_stages.catalogs.catalog import BUILTIN
from prompt2model_stages.discover.columns.checking import Proposal, check
from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.hub_data import DEADLINE_S, FirstRows

CHOICE = "Choice"
FIELD = "datasets.choice"
TRAIN = "train"
ROWS = 50
AWAY = ("HubUnreachable", "DatasetUnavailable")

Reader = Callable[[str, str | None, str | None, str | None, int, float], FirstRows]
"""Name, configuration, split, revision, rows, deadline in seconds. Raises: StageError."""


@dataclass(frozen=True)
class Reading:
    """What reads rows, and until when: a moment of time.monotonic()."""

    read: Reader
    end: float

    def __call__(self, name: str, config: str | None, split: str | None, revision: str | None) -> FirstRows:
        """The first rows. Raises: StageError."""
        return self.read(name, config, split, revision, ROWS, max(0.1, self.end - time.monotonic()))


def is_at_hub(name: str) -> bool:
    """Whether a candidate's rows are at the hub."""
    return not name.startswith(BUILTIN)


def is_away(failure: Failure) -> bool:
    """Whether nothing is known of the dataset because the hub did not answer."""
    return failure.reason in AWAY


def to_read(candidates: Sequence[DatasetCandidate], named: Choice | None, most: int = 1) -> list[int]:
    """Which candidates are read: their places. most: how many would be used unasked."""
    if named is not None:
        wanted = [one.name for one in named.datasets()]
        if not wanted:
            return []
    else:
        wanted = [c.name for c in candidates if c.recommended]
        wanted += [c.name for c in candidates if c.combinable and c.name not in wanted][: most - 1]
    there = [row for row, c in enumerate(candidates) if is_at_hub(c.name) and c.revision is not None]
    return [row for row in there if candidates[row].name in wanted] if wanted else there[:SHOWN]


def said_of(candidate: DatasetCandidate, named: Choice | None) -> UsedDataset | None:
    """What the spec says of a candidate; None where it does not name it."""
    return next((one for one in (named.datasets() if named is not None else []) if one.name == candidate.name), None)


def as_named(candidate: DatasetCandidate, named: Choice | None) -> DatasetCandidate:
    """The candidate with what the spec says of it; what the spec leaves open stays the catalog's."""
    if (choice := said_of(candidate, named)) is None:
        return candidate
    if choice.has_columns:
        columns = {"input_columns": choice.input_columns, "output_column": choice.output_column}
        return candidate.model_copy(
            update={**columns, "columns_by": CHOICE, "split": choice.split, "config": choice.config}
        )
    update = {"config": choice.config} if choice.config is not None else {}
    return candidate.model_copy(update=update if choice.split == TRAIN else {**update, "split": choice.split})


def read_named(
    candidates: Sequence[DatasetCandidate], named: Choice | None, read: Reader, deadline_s: float = DEADLINE_S
) -> dict[str, FirstRows | Failure]:
    """The rows of the datasets that the spec names, by their names, before the teacher is asked for anything.

    Raises: StageError, Blocked, where the hub is there and what the spec says of the dataset cannot be read so.
    """
    reading = Reading(read, time.monotonic() + deadline_s)
    there = [c for c in candidates if is_at_hub(c.name) and c.revision is not None]
    return {candidate.name: _read_named(candidate, named, reading) for candidate in there}


def _read_named(candidate: DatasetCandidate, named: Choice | None, reading: Reading) -> FirstRows | Failure:
    found, choice = read_first(as_named(candidate, named), reading, is_named=True), said_of(candidate, named)
    if isinstance(found, Failure) and not is_away(found):
        raise blocked(found.reason, found.message, found.remedy)
    if isinstance(found, FirstRows) and choice is not None and choice.has_columns:
        own = Proposal(CHOICE, tuple(choice.input_columns), str(choice.output_column))
        if wrong := check(own, found, ()).wrong:
            remedy = f"Correct {FIELD}.inputColumns, {FIELD}.outputColumn or {FIELD}.split."
            raise blocked("ColumnMissing", f"{FIELD}: {candidate.name}: {wrong}.", remedy)
    return found


def read_first(candidate: DatasetCandidate, reading: Reading, *, is_named: bool = False) -> FirstRows | Failure:
    """The first rows. What the catalog says of configuration and split may be outdated; what the spec says counts."""
    try:
        return reading(candidate.name, candidate.config, candidate.split, candidate.revision)
    except StageError as error:
        failure = error.failure
    is_split_said = candidate.columns_by == CHOICE or candidate.split != TRAIN
    if failure.reason == "SplitMissing" and not (is_named and is_split_said):
        config = candidate.config
    elif failure.reason == "ConfigUnnamed" and not is_named and candidate.config is not None:
        config = None
    else:
        return failure
    try:
        return reading(candidate.name, config, None, candidate.revision)
    except StageError as error:
        return error.failure
