"""Which candidates a status shows: few, with all that the gates take unasked. All of them are in candidates.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from prompt2model_api.results import DatasetCandidate, OtherCandidate, StudentCandidate

FILE = "candidates.json"
"""In discover's folder in storage, and among the artifacts of its run in MLflow."""
SHOWN = 5

C = TypeVar("C", DatasetCandidate, StudentCandidate)


def dataset_shortlist(
    candidates: Sequence[DatasetCandidate], named: Sequence[str]
) -> tuple[list[DatasetCandidate], list[OtherCandidate]]:
    """The datasets to show, in their order, and the others: those that are named, the recommended one, what goes with it, the
    nearest."""
    recommended = [c for c in candidates if c.recommended][:1]
    chosen = [next((c for c in candidates if c.name == name), None) for name in named]
    return _split(candidates, [*recommended, *chosen], [c for c in candidates if c.combinable])


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
    candidates: Sequence[C], needed: Sequence[C | None], wanted: Sequence[C] = ()
) -> tuple[list[C], list[OtherCandidate]]:
    """Those that are needed are shown whatever their place, then those that are wanted, then the first ones."""
    order = sorted(
        range(len(candidates)), key=lambda at: (candidates[at] not in needed, candidates[at] not in wanted, at)
    )
    shown = set(order[:SHOWN])
    others = [c for at, c in enumerate(candidates) if at not in shown]
    return (
        [c for at, c in enumerate(candidates) if at in shown],
        [OtherCandidate(name=c.name, revision=c.revision, license=c.license) for c in others],
    )
