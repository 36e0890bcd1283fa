"""When to ask on is pointless, and what is said then."""

from __future__ import annotations

from prompt2model_stages.errors import blocked
from prompt2model_stages.generate.base import Counts

STALLED = 60
"""Completions in a row without a new example, after which the teacher is taken to have no more."""
HOPELESS = 30
"""The same, where there are fewer than ENOUGH examples yet."""
ENOUGH = 10
"""Fewer examples than this (or than wanted) are no data: the stage stops instead of going on with them."""


def is_stalled(barren: int, unique: int, wanted: int) -> bool:
    """Whether so many completions in a row without a new example are too many."""
    return barren >= (STALLED if unique >= min(ENOUGH, wanted) else HOPELESS)


def shortfall(unique: int, wanted: int, counts: Counts, barren: int) -> str:
    """Why there are fewer examples than wanted; empty where there are as many.

    Raises: StageError, Blocked, TeacherAnswersGarbage, where there are too few to go on.
    """
    if unique >= wanted:
        return ""
    why = (
        f"{unique} of {wanted} examples: the last {barren} answers brought nothing new. Of "
        f"{counts.answers} answers {counts.malformed} were unreadable and {counts.refused} refused; of "
        f"{counts.written} examples {counts.duplicates} were repeats, {counts.demonstrations} the user's own and "
        f"{counts.empty} empty."
    )
    if unique >= min(ENOUGH, wanted):
        return why
    raise blocked(
        "TeacherAnswersGarbage",
        f"The teacher gives no usable examples. {why}",
        "Name a stronger teacher in teacher.model, say the task more clearly in prompt, or add demonstrations; "
        "every answer so far is kept.",
    )
