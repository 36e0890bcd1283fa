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


def fewer_datasets(
    found: Sequence[DatasetCandidate], allowed: Sequence[str] | None, most: int
) -> list[DatasetCandidate]:
    """The nearest ones in their order; what is forbidden beyond SHOWN, or beyond half of them, gives way to what is allowed.

    It goes by the license that each has (selecting.py puts the hub's answer there).

    Args:
        found: more than are wanted, nearest first.
        allowed: licenses; None: any.
        most: candidates.
    """
    forbidden = [at for at, candidate in enumerate(found) if license_objection(candidate.license, allowed, "")]
    fitting = [at for at in range(len(found)) if at not in {*forbidden}]
    shown = min(len(forbidden), max(min(SHOWN, most // 2), most - len(fitting)))
    kept = {*forbidden[:shown], *fitting[: most - shown]}
    return [candidate for at, candidate in enumerate(found) if at in kept]


def licensed_datasets(found: Sequence[DatasetCandidate], allowed: Sequence[str] | None) -> list[DatasetCandidate]:
    """The candidates in their order; those that are forbidden are not used unasked, and say why."""
    return [
        candidate.model_copy(
            update={} if is_allowed else {"recommended": False, "transformable": None, "combinable": None}
        )
        for candidate, is_allowed in (_told(one, allowed, "datasets.licenses") for one in found)
    ]


def fewer_students(
    found: Sequence[StudentCandidate], allowed: Sequence[str] | None, most: int
) -> list[StudentCandidate]:
    """The best ones, those of an allowed license first."""
    return sorted(found, key=lambda candidate: bool(license_objection(candidate.license, allowed, "")))[:most]


def licensed_students(
    found: Sequence[StudentCandidate], allowed: Sequence[str] | None
) -> tuple[list[StudentCandidate], list[StudentCandidate]]:
    """The candidates that are allowed, and those that are forbidden, which say why: the first one is used unasked."""
    told = [_told(candidate, allowed, "student.licenses") for candidate in found]
    return [one for one, is_allowed in told if is_allowed], [one for one, is_allowed in told if not is_allowed]


def _told(candidate: C, allowed: Sequence[str] | None, field: str) -> tuple[C, bool]:
    """A candidate with the reason why it is forbidden, and whether it is allowed."""
    against = license_objection(candidate.license, allowed, field)
    if not against:
        return candidate, True
    reason = cut(f"{FORBIDDEN}: {against}. {candidate.reason}", 512)
    return candidate.model_copy(update={"reason": reason}), False
