"""Which candidates a status shows: few, with all that the gates take unasked. All of them are in candidates.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from prompt2model_api.results import DatasetCandidate, OtherCandidate, StudentCandidate, UsedDataset

FILE = "candidates.json"
"""In discover's folder in storage, and among the artifacts of its run in MLflow."""
SHOWN = 5

C = TypeVar("C", DatasetCandidate, StudentCandidate)


def dataset_shortlist(
    candidates: Sequence[DatasetCandidate], named: Sequence[UsedDataset]
) -> tuple[list[DatasetCandidate], list[OtherCandidate]]:
    """The datasets to show, in their order, and the others: those that are named, the recommended one or else the
    first one to rewrite, those to combine, the nearest."""
    recommended = [c for c in candidates if c.recommended][:1]
    chosen = [candidate_of(one, candidates) for one in named]
    rewritten = [] if recommended else [c for c in candidates if c.transformable][:1]
    combined = [c for c in candidates if c.combinable]
    # The spec may name none of them later: what is used then takes the place of nothing that is named, nor the other way round.
    unnamed = [c for c in _split(candidates, recommended, combined, rewritten)[0] if c.combinable]
    return _split(candidates, [*recommended, *chosen], combined, [*rewritten, *unnamed])


def candidate_of(used: UsedDataset, candidates: Sequence[DatasetCandidate]) -> DatasetCandidate | None:
    """The candidate of that name and configuration; None: the default one. Another configuration is another dataset."""
    return next((c for c in candidates if c.key == used.key), None)


def student_shortlist(
    candidates: Sequence[StudentCandidate], named: str | None
) -> tuple[list[StudentCandidate], list[OtherCandidate]]:
    """The students to show, in their order, and the others: the best, and the one that is named."""
    return _split(candidates, [c for c in candidates if c.name == named][:1])


def students_to_show(candidates: Sequence[StudentCandidate], named: str | None) -> list[StudentCandidate]:
    """The students in a resource's status: where the spec names one of them, no other was asked for."""
    own = [candidate for candidate in candidates if candidate.name == named]
    return own or student_shortlist(candidates, None)[0]


def _split(
    candidates: Sequence[C], needed: Sequence[C | None], wanted: Sequence[C] = (), beside: Sequence[C] = ()
) -> tuple[list[C], list[OtherCandidate]]:
    """Those that are needed are all shown, whatever their place, then those that are wanted, then the first ones.

    beside: shown in any case, and in nobody's place.
    """
    order = sorted(
        range(len(candidates)), key=lambda at: (candidates[at] not in needed, candidates[at] not in wanted, at)
    )
    shown = set(order[: max(SHOWN, sum(candidate in needed for candidate in candidates))])
    shown |= {at for at, c in enumerate(candidates) if c in beside}
    others = [c for at, c in enumerate(candidates) if at not in shown]
    return [c for at, c in enumerate(candidates) if at in shown], [_in_short(c) for c in others]


def _in_short(candidate: DatasetCandidate | StudentCandidate) -> OtherCandidate:
    config = candidate.config if isinstance(candidate, DatasetCandidate) else None
    return OtherCandidate(name=candidate.name, revision=candidate.revision, license=candidate.license, config=config)
