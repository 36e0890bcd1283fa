"""A training row as the student will see it: made by the same functions as in prepare."""

from __future__ import annotations

from dataclasses import dataclass

from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_stages.choosing.picking import Pick
from prompt2model_stages.errors import StageError
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.textualizing import examples_of
from prompt2model_stages.preprocessing import INSTRUCTION_LIMIT, Preprocessing

REWRITTEN = "The teacher may rewrite this row first (datasets.transform): what it makes of it is not shown here."


@dataclass(frozen=True)
class Preview:
    """text: what the student reads. output: what it learns to write. note: what else there is to know of the row."""

    text: str = ""
    output: str = ""
    note: str = ""


def preprocessing_of(spec: Prompt2ModelSpec, instruction: str) -> Preprocessing:
    """As prepare makes it."""
    limit = spec.training.max_instruction_characters
    return Preprocessing(instruction, INSTRUCTION_LIMIT if limit is None else limit)


def preview(table: Table, pick: Pick, preprocessing: Preprocessing, row: int, *, transform: bool = False) -> Preview:
    """One of the table's rows.

    Args:
        row: from 0; the last one where there are fewer.
        transform: whether the teacher may rewrite the rows before.
    """
    if not table.rows:
        return Preview(note="There is no row.")
    try:
        examples = examples_of(table, pick.inputs, pick.output, "retrieved")
    except StageError as error:
        return Preview(note=f"{error.failure.message} {error.failure.remedy}")
    example = examples[min(row, len(examples) - 1)]
    empty = "input" if not example.input.strip() else "output" if not example.output.strip() else ""
    note = f"This row is left out: its {empty} is empty." if empty else REWRITTEN if transform else ""
    return Preview(preprocessing.text(example.input), example.output, note)
