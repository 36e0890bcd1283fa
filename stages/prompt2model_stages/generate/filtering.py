"""What is left out of what the teacher wrote: a chain of filters, each a pure function with a count of its own.

An example goes through FILTERS in their order. The first that keeps it back counts it, in the field of Counts that it
names; what none keeps back is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from prompt2model_stages.examples import Pair, normalised, same_text
from prompt2model_stages.generate.candidates import hash_of
from prompt2model_stages.teacher import TeacherAnswer

LONGEST_TEXT = 8192
"""Characters of an input or an output; the same bound as for a demonstration."""


@dataclass(frozen=True)
class Written:
    """An example as the teacher wrote it, and what it is compared by."""

    pair: Pair

    @cached_property
    def text(self) -> bytes:
        """Hash of the input, whatever its spaces."""
        return hash_of(same_text(self.pair.input))

    @cached_property
    def question(self) -> bytes:
        """Hash of the input without what does not make it another question."""
        return hash_of(normalised(self.pair.input))


class Known(Protocol):
    """What is there already."""

    @property
    def full(self) -> bool:
        """Whether there are as many examples as wanted."""

    def is_invalid(self, written: Written) -> bool:
        """Whether it is no example of the task."""

    def has_text(self, written: Written) -> bool:
        """Whether an example has this input, but for spaces."""

    def has_question(self, written: Written) -> bool:
        """Whether an example has this input in some spelling."""

    def is_near(self, written: Written) -> bool:
        """Whether an example asks the same in nearly the same words, and such ones are left out."""

    def is_demonstration(self, written: Written) -> bool:
        """Whether one of the user's examples has this input in some spelling."""


def is_refused(answer: TeacherAnswer) -> bool:
    """A request that the teacher answered with nothing, or would not answer."""
    return answer.refused


def is_malformed(pairs: Sequence[Pair], answer: TeacherAnswer) -> bool:
    """A completion that holds no whole example, though nothing was refused."""
    return not pairs and not answer.refused


def is_empty(written: Written, known: Known) -> bool:
    """Without an input or an output, or longer than allowed."""
    pair = written.pair
    return not pair.input or not pair.output or max(len(pair.input), len(pair.output)) > LONGEST_TEXT


def is_invalid(written: Written, known: Known) -> bool:
    """No example of the task, by what the demonstrations are: not even a vote."""
    return known.is_invalid(written)


def is_repeat(written: Written, known: Known) -> bool:
    """The input is there, but for spaces: its output is another vote."""
    return known.has_text(written)


def is_demonstration(written: Written, known: Known) -> bool:
    """The input is one of the user's."""
    return known.is_demonstration(written)


def is_respelled(written: Written, known: Known) -> bool:
    """The input is there in another spelling, which may want another output (a task about capitals, say): no vote."""
    return known.has_question(written)


def is_near_duplicate(written: Written, known: Known) -> bool:
    """An example asks the same in nearly its words, by the rule by which prepare keeps rows in one split."""
    return known.is_near(written)


def is_surplus(written: Written, known: Known) -> bool:
    """New, when there are enough."""
    return known.full


@dataclass(frozen=True)
class Filter:
    """One filter of the chain.

    count: the field of Counts that says how many it kept back.
    keeps_back: the pure function that decides.
    votes: whether the output of what it keeps back may be a vote for the example that is there.
    """

    count: str
    keeps_back: Callable[[Written, Known], bool]
    votes: bool = False


FILTERS = (
    Filter("empty", is_empty),
    Filter("invalid", is_invalid),
    Filter("duplicates", is_repeat, votes=True),
    Filter("demonstrations", is_demonstration),
    Filter("duplicates", is_respelled),
    Filter("near_duplicates", is_near_duplicate, votes=True),
    Filter("surplus", is_surplus),
)


def kept_back_by(written: Written, known: Known) -> Filter | None:
    """The first filter that keeps an example back; None where it is new."""
    return next((one for one in FILTERS if one.keeps_back(written, known)), None)
