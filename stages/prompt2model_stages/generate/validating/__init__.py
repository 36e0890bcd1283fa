"""What a teacher wrote that is no example of the task: a cascade of cheap validators, chosen by what the demonstrations are.

The user's examples are the evidence. A validator works only where enough of them say that it should, and all of them pass it:
dropping good data is worse than keeping bad. docs/decisions/0108 says how each was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.validating import forms, labels, phrases, scripts
from prompt2model_stages.generate.validating.base import WORDS, MakesValidator, Reason, Validator

__all__ = ["CASCADE", "WORDS", "Reason", "Validator", "fault_of", "told", "validators_for"]

CASCADE: tuple[MakesValidator, ...] = (
    phrases.placeholder,
    phrases.refusal,
    phrases.preamble,
    phrases.fence,
    forms.python,
    forms.as_json,
    forms.date,
    forms.number,
    labels.label,
    scripts.output_script,
    scripts.input_script,
    forms.echo,
    forms.length,
)
"""In this order: the first that finds a fault names it."""


def validators_for(task: Task) -> tuple[Validator, ...]:
    """The validators that the task's demonstrations call for, and all pass."""
    made = (make(task) for make in CASCADE)
    return tuple(one for one in made if one is not None and not any(map(one.finds, task.demonstrations)))


def fault_of(pair: Pair, validators: Sequence[Validator]) -> Reason | None:
    """The first fault of an example; None where it has none."""
    return next((one.reason for one in validators if one.finds(pair)), None)


def told(invalid: Mapping[str, int], most: int = 4) -> str:
    """Counts by reason in words, the largest first: "9 with a refusal, 3 with no Python". most: reasons that are named."""
    largest = sorted(invalid.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count:,} with {WORDS[Reason(reason)]}" for reason, count in largest[:most]]
    rest = sum(count for _, count in largest[most:])
    return ", ".join([*named, *([f"{rest:,} others"] if rest else [])])
