"""Which datasets are read at the hub, and how much of the catalog's word counts then.

Read are those that the spec names, and those that would be used unasked, since the spec may name none of them later: nothing is
read again then. Where the spec says nothing and none would be used, the nearest few, for the person who chooses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from prompt2model_api.candidates import SHOWN, candidate_of
from prompt2model_api.conditions import Failure
from prompt2model_api.licenses import license_objection
from prompt2model_api.results import Choice, DatasetCandidate, UsedDataset
from prompt2model_stages.catalogs.catalog import BUILTIN
from prompt2model_stages.errors import StageError
from prompt2model_stages.hub_data import DEADLINE_S, FirstRows

TRAIN = "train"
ROWS = 50
AWAY = ("HubUnreachable", "DatasetUnavailable")

Reader = Callable[[str, str | None, str | None, str | None, int, float], FirstRows]
"""Name, configuration, split, revision, rows, deadline in seconds. Raises: StageError."""

Place = tuple[str, str | None, str | None, str | None]
"""Name, configuration, split, revision."""


@dataclass(frozen=True)
class Reading:
    """What reads rows, and until when: a moment of time.monotonic(). already: what was read before."""

    read: Reader
    end: float
    already: Mapping[Place, FirstRows | Failure] = field(default_factory=dict)

    @classmethod
    def begun(
        cls, read: Reader, deadline_s: float = DEADLINE_S, already: Mapping[Place, FirstRows | Failure] | None = None
    ) -> Reading:
        """With the whole deadline left."""
        return cls(read, time.monotonic() + deadline_s, already or {})

    def __call__(self, name: str, config: str | None, split: str | None, revision: str | None) -> FirstRows | Failure:
        """The first rows, or why there are none."""
        if (known := self.already.get((name, config, split, revision))) is not None:
            return known
        try:
            return self.read(name, config, split, revision, ROWS, max(0.1, self.end - time.monotonic()))
        except StageError as error:
            return error.failure


def is_at_hub(name: str) -> bool:
    """Whether a candidate's rows are at the hub."""
    return not name.startswith(BUILTIN)


def is_away(failure: Failure) -> bool:
    """Whether nothing is known of the dataset because the hub did not answer."""
    return failure.reason in AWAY


def to_read(
    candidates: Sequence[DatasetCandidate], named: Choice | None, licenses: Sequence[str] | None = None
) -> list[int]:
    """Which candidates are read: their places.

    What the spec names and how many are combined is no part of discover's digest, so all that may be used unasked are read,
    SHOWN at most; but none whose license is forbidden.

    Args:
        candidates: nearest first.
        named: what the spec names, or that it wants none.
        licenses: that a dataset may have; None: any.
    """
    there = [row for row, c in enumerate(candidates) if is_at_hub(c.name) and c.revision is not None]
    allowed = [row for row in there if not license_objection(candidates[row].license, licenses, "")]
    unasked = [row for row in allowed if candidates[row].recommended]
    unasked += [row for row in allowed if candidates[row].transformable]
    unasked += [row for row in allowed if candidates[row].combinable]
    nearest = allowed if named is None and not any(c.recommended for c in candidates) else []
    of_spec = [row for row in there if row in places_of(candidates, named)]
    return sorted({*of_spec, *list(dict.fromkeys([*unasked, *nearest]))[:SHOWN]})


def places_of(candidates: Sequence[DatasetCandidate], named: Choice | None) -> dict[int, UsedDataset]:
    """The places of the candidates that the spec names, with what it says of each."""
    found = ((place_of(one, candidates), one) for one in (named.datasets() if named is not None else ()))
    return {place: one for place, one in found if place is not None}


def place_of(one: UsedDataset, candidates: Sequence[DatasetCandidate]) -> int | None:
    """The place of the candidate that is meant; a name without a configuration means the only candidate of that name."""
    if (exact := candidate_of(one, candidates)) is not None:
        return candidates.index(exact)
    of_name = [row for row, c in enumerate(candidates) if c.name == one.name]
    return of_name[0] if one.config is None and len(of_name) == 1 else None


def read_first(candidate: DatasetCandidate, reading: Reading, *, is_named: bool = False) -> FirstRows | Failure:
    """The first rows, or why there are none: what the catalog says of split and configuration may be outdated.

    Args:
        candidate: with the split and configuration that are tried first.
        reading: what reads.
        is_named: the configuration is the spec's word: no other one is read.
    """
    first = reading(candidate.name, candidate.config, candidate.split, candidate.revision)
    if isinstance(first, FirstRows):
        return first
    is_outdated = first.reason == "ConfigUnnamed" and candidate.config is not None and not is_named
    if first.reason != "SplitMissing" and not is_outdated:
        return first
    again = reading(candidate.name, None if is_outdated else candidate.config, None, candidate.revision)
    return first if isinstance(again, Failure) and is_away(again) else again
