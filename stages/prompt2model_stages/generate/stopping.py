"""When to ask on is pointless, and what is said then."""

from __future__ import annotations

from collections import deque

from prompt2model_stages.errors import blocked
from prompt2model_stages.generate.base import Counts
from prompt2model_stages.generate.validating import told

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

    A teacher that repeats itself while it is asked coolly may have more to say: a low window then calls for the hottest
    temperature and is forgotten. Only one that was hot throughout says that asking on is a waste.

    Args:
        least: new ones for each 100, below which asking on is a waste; 0: it never is.
    """

    def __init__(self, least: float) -> None:
        self.least = least
        self.heated = False
        """Whether there were too few while it was cool: all that is asked from then on is asked at the hottest."""
        self.too_low = False
        """Whether there were too few at the hottest. What is still in flight then changes nothing of it."""
        self.asked = self.new = 0
        self._cool = 0
        self._answers: deque[tuple[int, int, bool]] = deque()

    def note(self, asked: int, new: int, hottest: bool = True) -> None:
        """Notes an answer: examples that were asked for, how many are new, and whether it was asked at the hottest."""
        if self.too_low:
            return
        self._answers.append((asked, new, hottest))
        self._add(asked, new, hottest, 1)
        while self.asked - self._answers[0][0] >= WINDOW:
            self._add(*self._answers.popleft(), -1)
        if self.asked >= WINDOW and 100 * self.new < self.least * self.asked:
            self._judge()

    def forget(self) -> None:
        """What was asked for until now, in another form or cooler, says nothing of what comes."""
        self.asked = self.new = self._cool = 0
        self._answers.clear()

    def _add(self, asked: int, new: int, hottest: bool, sign: int) -> None:
        self.asked += sign * asked
        self.new += sign * new
        self._cool += sign * (not hottest)

    def _judge(self) -> None:
        """Of a low window: the last word where all of it was hot, else the sign to heat."""
        if self._cool:
            self.heated = True
            self.forget()
        else:
            self.too_low = True


def shortfall(unique: int, wanted: int, counts: Counts, barren: int, found: Yield) -> str:
    """Why there are fewer examples than wanted, in a sentence; empty where there are as many.

    Raises: StageError, Blocked, TeacherAnswersGarbage, where there are too few to go on.
    """
    if unique >= wanted:
        return ""
    enough = unique >= min(ENOUGH, wanted)
    few_new = f"only {found.new} of the last {found.asked} that the teacher was asked for were new"
    if found.too_low and enough:
        repeats = 100 * counts.duplicates / max(1, counts.written)
        return (
            f"generate stopped with {unique} of {wanted} examples, because {few_new}, and {repeats:.0f} % of the "
            f"{counts.written} that it wrote were repeats{_invalid(counts)}: lower generation.examples, raise "
            "generation.temperature, write more demonstrations, or set generation.leastYield to 0 to ask on."
        )
    why = (
        f"{unique} of {wanted} examples: {few_new if found.too_low else f'the last {barren} answers brought nothing new'}. Of "
        f"{counts.answers} answers {counts.malformed} were unreadable and {counts.refused} refused; of "
        f"{counts.written} examples {counts.duplicates} were repeats, {counts.demonstrations} the user's own and "
        f"{counts.empty} empty{_invalid(counts)}."
    )
    if enough:
        return why
    ask_on = " To ask this teacher on, set generation.leastYield to 0." if found.too_low else ""
    raise blocked(
        "TeacherAnswersGarbage",
        f"The teacher gives no usable examples. {why}",
        "Name a stronger teacher in teacher.model, say the task more clearly in prompt, or add demonstrations; "
        f"every answer so far is kept.{ask_on}{_keep_them(counts)}",
    )


def _invalid(counts: Counts) -> str:
    """The rest of a sentence on what became of the examples; empty where none was invalid."""
    if not counts.invalid:
        return ""
    return f", and {sum(counts.invalid.values())} were no examples of the task ({told(counts.invalid)})"


def _keep_them(counts: Counts) -> str:
    """What to do where the validators, and not the teacher, may be wrong."""
    if 4 * sum(counts.invalid.values()) < counts.written:
        return ""
    return " statistics.json shows what was no example of the task; to keep such examples, set generation.validate to None."
