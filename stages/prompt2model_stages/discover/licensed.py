"""Candidates whose license the spec's list forbids: they are shown with that reason, and never used unasked.

A part that retrieves need not know of licenses: what it proposes goes through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from prompt2model_api.licenses import license_objection
from prompt2model_api.results import DatasetCandidate, StudentCandidate
from prompt2model_api.texts import cut

SHOWN = 5
"""So many candidates of other licenses are shown, at most, where allowed ones could be in their place."""
FORBIDDEN = "Not used unasked"

C = TypeVar("C", DatasetCandidate, StudentCandidate)


def licensed_datasets(
    found: Sequence[DatasetCandidate], allowed: Sequence[str] | None, most: int
) -> list[DatasetCandidate]:
    """The nearest ones in their order; what is forbidden beyond SHOWN gives way to what is allowed.

    Args:
        found: more than are wanted, nearest first.
        allowed: licenses; None: any.
        most: candidates.
    """
    told = [_told(candidate, allowed, "datasets.licenses") for candidate in found]
    forbidden = [at for at, (_, is_allowed) in enumerate(told) if not is_allowed]
    fitting = [at for at, (_, is_allowed) in enumerate(told) if is_allowed]
    kept = {*forbidden[: max(SHOWN, most - len(fitting))]}
    kept |= {*fitting[: max(0, most - len(kept))]}
    return [
        candidate.model_copy(update={} if is_allowed else {"recommended": False, "transformable": None})
        for at, (candidate, is_allowed) in enumerate(told)
        if at in kept
    ][:most]


def licensed_first(found: Sequence[StudentCandidate], allowed: Sequence[str] | None) -> list[StudentCandidate]:
    """The candidates, those that are forbidden behind the others: the first one is used unasked."""
    told = [_told(candidate, allowed, "student.licenses") for candidate in found]
    return [candidate for candidate, _ in sorted(told, key=lambda one: not one[1])]


def _told(candidate: C, allowed: Sequence[str] | None, field: str) -> tuple[C, bool]:
    """A candidate with the reason why it is forbidden, and whether it is allowed."""
    against = license_objection(candidate.license, allowed, field)
    if not against:
        return candidate, True
    reason = cut(f"{FORBIDDEN}: {against}. {candidate.reason}", 512)
    return candidate.model_copy(update={"reason": reason}), False
