"""How long an input is for the student, and what says it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Length:
    """What an input comes to: its own tokens, those of the instruction before it, and how many the student reads of both."""

    tokens: int
    instruction: int
    limit: int

    @property
    def is_cut(self) -> bool:
        """Whether the student would not read all of it."""
        return self.tokens + self.instruction > self.limit


Measure = Callable[[list[str]], Awaitable[list[Length]]]
"""Raw inputs to their lengths, in order."""
