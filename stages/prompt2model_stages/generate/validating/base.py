"""What a validator is, and why an example is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task


class Reason(StrEnum):
    """Why an example is no example of the task, as statistics.json names it."""

    PLACEHOLDER = "placeholder"
    REFUSAL = "refusal"
    PREAMBLE = "preamble"
    FENCE = "fence"
    PYTHON = "python"
    JSON = "json"
    DATE = "date"
    NUMBER = "number"
    LABEL = "label"
    OUTPUT_SCRIPT = "outputScript"
    INPUT_SCRIPT = "inputScript"
    ECHO = "echo"
    LENGTH = "length"


WORDS = {
    Reason.PLACEHOLDER: "a placeholder",
    Reason.REFUSAL: "a refusal",
    Reason.PREAMBLE: "talk before the output",
    Reason.FENCE: "a code fence around the output",
    Reason.PYTHON: "no Python",
    Reason.JSON: "no JSON like that of the demonstrations",
    Reason.DATE: "no ISO date",
    Reason.NUMBER: "no plain number",
    Reason.LABEL: "no label of the task",
    Reason.OUTPUT_SCRIPT: "an output in another script",
    Reason.INPUT_SCRIPT: "an input in another script",
    Reason.ECHO: "the input repeated",
    Reason.LENGTH: "an output far too long",
}
"""For messages: "12 with " and these words."""


@dataclass(frozen=True)
class Validator:
    """Says of an example whether it has one fault, from its text alone: no network, no model, microseconds."""

    reason: Reason
    finds: Callable[[Pair], bool]


MakesValidator = Callable[[Task], Validator | None]
"""Makes the validator of a task; None where the demonstrations do not say enough for it."""


def outputs_of(task: Task) -> Sequence[str]:
    """The demonstrations' outputs, without spaces around them."""
    return [pair.output.strip() for pair in task.demonstrations]
