"""What saving will write, line by line, and where."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Protocol

from prompt2model_api.graph import changed_parameters, parameters
from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.stage_run import Stage
from prompt2model_stages.choosing.offers import Offers
from prompt2model_stages.choosing.picking import Fields

AROUND = 2
"""Lines that are shown before and after a change."""
AGAIN = "end this command with Ctrl-C, and start it again once discover is done"

Line = tuple[str, str]
"""A sign (+, -, space; … where lines are left out) and the line."""


@dataclass(frozen=True)
class Present:
    """The resource as it is now.

    identity: tells it from another one of its name.
    content: the file's text, or the resource as the API server has it.
    """

    identity: str
    spec: Prompt2ModelSpec
    content: str = field(repr=False)


@dataclass(frozen=True)
class Proposal:
    """The text before and after; fields: what makes the difference. present: what it was made of."""

    before: str
    after: str
    fields: Fields
    present: Present = field(compare=False, repr=False)

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


class SavedOtherwiseError(SpecError):
    """It was written, but what is there now is not what was shown."""


class Place(Protocol):
    """Where the resource is: a file of the user's, or a cluster."""

    def offers(self) -> Offers:
        """What there is to choose from. Raises: SpecError in one sentence."""

    def located(self, dataset: str) -> str:
        """A dataset that a person typed, by the name that the resource's spec has it by once it is saved."""

    def present(self) -> Present:
        """The resource as it is now. Raises: SpecError in one sentence."""

    def propose(self, present: Present, fields: Fields) -> Proposal:
        """What saving these fields would write. Raises: SpecError in one sentence."""

    def save(self, proposal: Proposal) -> str:
        """Writes it; returns what to do next.

        Raises: SpecError where it cannot be written, or was changed meanwhile; SavedOtherwiseError.
        """


def refuse_others(name: str, shown: tuple[str, Prompt2ModelSpec], present: Present) -> None:
    """The candidates of one prompt are none of another.

    Args:
        name: of the resource.
        shown: identity and spec of what the candidates were found for.
        present: the resource as it is now.

    Raises: SpecError where discover would read something else in it now.
    """
    identity, spec = shown
    if present.identity != identity:
        raise SpecError(f"The candidates on this page are those of another resource than {name} is now: {AGAIN}.")
    changed = changed_parameters(parameters(spec, Stage.DISCOVER), parameters(present.spec, Stage.DISCOVER))
    if changed:
        what = ", ".join(changed)
        raise SpecError(f"The candidates on this page were found before {name} was edited ({what}): {AGAIN}.")
