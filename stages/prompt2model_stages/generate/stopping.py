"""When to ask on is pointless, and what is said then."""

from __future__ import annotations

from collections import deque

from prompt2model_stages.errors import blocked
from prompt2model_stages.generate.base import Counts

STALLED = 60
"""Completions in a row without a new example, after which the teacher is taken to have no more."""
HOPELESS = 30
"""The same, where there are fewer than ENOUGH examples yet."""
WINDOW = 300
"""Examples asked for, the latest, over which their yield is looked at: 60 requests for five."""
ENOUGH = 10
"""Fewer examples than this (or than wanted) are no data: the stage stops instead of going on with them."""


def is_stalled(barren: int, unique: int, wanted: int) -> bool:
    """Whether so many completions in a row without a new example are too many."""
    return barren >= (STALLED if unique >= min(ENOUGH, wanted) else HOPELESS)


class Yield:
    """How many of the examples asked for are new, over the last WINDOW of them.

    Args:
        least: new ones for each 100, below which asking on is a waste; 0: it never is.
    """

    def __init__(self, least: float) -> None:
        self.least = least
        self.too_low = False
        """Whether there were too few. What is still in flight then changes nothing of it."""
        self.asked = self.new = 0
        self._answers: deque[tuple[int, int]] = deque()

    def note(self, asked: int, new: int) -> None:
        """Notes an answer: examples that were asked for, and how many of them are new."""
        if self.too_low:
            return
        self._answers.append((asked, new))
        self.asked += asked
        self.new += new
        while self.asked - self._answers[0][0] >= WINDOW:
            first = self._answers.popleft()
            self.asked -= first[0]
            self.new -= first[1]
        self.too_low = self.asked >= WINDOW and 100 * self.new < self.least * self.asked

    def forget(self) -> None:
        """What was asked for until now in another form says nothing of what comes."""
        self.asked = self.new = 0
        self._answers.clear()


def shortfall(unique: int, wanted: int, counts: Counts, barren: int, found: Yield) -> str:
    """Why there are fewer examples than wanted, in a sentence; empty where there are as many.

    Raises: StageError, Blocked, TeacherAnswersGarbage, where there are too few to go on.
    """
    if unique >= wanted:
        return ""
    if found.too_low and unique >= min(ENOUGH, wanted):
        repeats = 100 * counts.duplicates / max(1, counts.written)
        return (
            f"generate stopped with {unique} of {wanted} examples, because only {found.new} of the last {found.asked} that "
            f"the teacher was asked for were new, and {repeats:.0f} % of the {counts.written} that it wrote were repeats: lower "
            "generation.examples, raise generation.temperature, write more demonstrations, or set generation.leastYield to 0 to "
            "ask on."
        )
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
