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
    candidates: Sequence[DatasetCandidate], named: str | None
) -> tuple[list[DatasetCandidate], list[OtherCandidate]]:
    """The datasets to show, in their order, and the others: the nearest, the one that is recommended, the one that is named."""
    recommended = next((c for c in candidates if c.recommended), None)
    return _split(candidates, recommended, next((c for c in candidates if c.name == named), None))


def student_shortlist(
    candidates: Sequence[StudentCandidate], named: str | None
) -> tuple[list[StudentCandidate], list[OtherCandidate]]:
    """The students to show, in their order, and the others: the best, and the one that is named."""
    return _split(candidates, next((c for c in candidates if c.name == named), None))


def students_to_show(candidates: Sequence[StudentCandidate], named: str | None) -> list[StudentCandidate]:
    """The students in a resource's status: where the spec names one of them, no other was asked for."""
    own = [candidate for candidate in candidates if candidate.name == named]
    return own or student_shortlist(candidates, None)[0]


def _split(candidates: Sequence[C], *needed: C | None) -> tuple[list[C], list[OtherCandidate]]:
    order = sorted(range(len(candidates)), key=lambda at: (candidates[at] not in needed, at))
    shown = set(order[:SHOWN])
    others = [c for at, c in enumerate(candidates) if at not in shown]
    return (
        [c for at, c in enumerate(candidates) if at in shown],
        [OtherCandidate(name=c.name, revision=c.revision, license=c.license) for c in others],
    )
