"""What saving will write, line by line, and where."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Protocol

from prompt2model_stages.choosing.offers import Offers
from prompt2model_stages.choosing.picking import Fields

AROUND = 2
"""Lines that are shown before and after a change."""

Line = tuple[str, str]
"""A sign (+, -, space; … where lines are left out) and the line."""


@dataclass(frozen=True)
class Proposal:
    """The text before and after; fields: what makes the difference."""

    before: str
    after: str
    fields: Fields

    @property
    def lines(self) -> list[Line]:
        """The changed lines with some around them."""
        before, after = self.before.splitlines(), self.after.splitlines()
        found: list[Line] = []
        for line in list(difflib.unified_diff(before, after, lineterm="", n=AROUND))[2:]:
            if line.startswith("@@"):
                if found:
                    found.append(("…", ""))
            else:
                found.append((line[0], line[1:]))
        return found


class Place(Protocol):
    """Where the resource is: a file of the user's, or a cluster."""

    def offers(self) -> Offers:
        """What there is to choose from. Raises: SpecError in one sentence."""

    def propose(self, fields: Fields) -> Proposal:
        """What saving these fields would write. Raises: SpecError in one sentence."""

    def save(self, proposal: Proposal) -> str:
        """Writes it; returns what to do next. Raises: SpecError where it cannot be written, or was changed meanwhile."""
