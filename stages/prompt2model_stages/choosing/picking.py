"""What a person picked on the page: what is wrong with it in one sentence, and the fields of the spec that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice

CHOICE_PATH = ("spec", "datasets", "choice")
STUDENT_PATH = ("spec", "student", "name")

Fields = Mapping[tuple[str, ...], Any]


@dataclass(frozen=True)
class Pick:
    """A dataset as it is picked.

    name: empty: the field is left as it is. none: no dataset is wanted.
    """

    name: str = ""
    none: bool = False
    config: str = ""
    split: str = "train"
    inputs: Sequence[str] = ()
    output: str = ""


def problem_of(pick: Pick, known: Sequence[str] = ()) -> str:
    """What is wrong with the pick, in one sentence; empty where nothing is.

    Args:
        pick: as the page has it.
        known: the columns of the split; empty where they are not known.
    """
    if pick.none or not pick.name:
        return ""
    twice = next((column for column in pick.inputs if pick.inputs.count(column) > 1), None)
    within = next((column for column in pick.inputs if pick.output.startswith(f"{column}.")), None)
    unknown = next((column for column in [*pick.inputs, pick.output] if known and column not in known), None)
    if not pick.split:
        return "Name the split to read."
    if not pick.inputs:
        return "Choose at least one input column."
    if not pick.output:
        return "Choose the output column."
    if twice is not None:
        return f"The input column {twice} is chosen twice: remove it once."
    if pick.output in pick.inputs:
        return f"The column {pick.output} is both an input and the output: choose another one for one of them."
    if within is not None:
        return f"The input column {within} contains the output {pick.output}: remove it from the inputs."
    if unknown is not None:
        return f"This split has no column {unknown}; its columns are {', '.join(known)}."
    return ""


def choice_of(pick: Pick) -> Choice | None:
    """The pick as `datasets.choice`; None where the field is left as it is. Raises: ValueError in one sentence."""
    if pick.none:
        return Choice(none=True)
    if not pick.name:
        return None
    try:
        return Choice(
            name=pick.name,
            config=pick.config or None,
            split=pick.split,
            input_columns=list(pick.inputs),
            output_column=pick.output,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"datasets.choice: {first['msg']}.") from error


def fields_of(choice: Choice | None, student: str, spec: Prompt2ModelSpec) -> dict[tuple[str, ...], Any]:
    """The fields that change, by path.

    Args:
        choice: None: left as it is.
        student: empty: left as it is.
        spec: as it is.
    """
    fields: dict[tuple[str, ...], Any] = {}
    before = spec.datasets.choice
    if choice is not None and before is not None and choice.name == before.name:
        choice = choice.model_copy(update={"share": before.share, "also": before.also})  # the page shows the first one
    if choice is not None and choice != spec.datasets.choice:
        fields[CHOICE_PATH] = written(choice)
    if student and student != spec.student.name:
        fields[STUDENT_PATH] = student
    return fields


def written(choice: Choice) -> dict[str, Any]:
    """A choice as it is written into YAML, without empty fields."""
    return {"none": True} if choice.none else {name: value for name, value in choice.dump().items() if value != []}


def given(spec: Prompt2ModelSpec) -> Pick:
    """What the spec has already."""
    choice = spec.datasets.choice
    if choice is None:
        return Pick()
    return Pick(
        name=choice.name or "",
        none=bool(choice.none),
        config=choice.config or "",
        split=choice.split,
        inputs=tuple(choice.input_columns),
        output=choice.output_column or "",
    )
