"""A training row as the student will see it: made by the same functions as in prepare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_stages.choosing.picking import Pick
from prompt2model_stages.errors import StageError
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.textualizing import examples_of, integral_columns
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


def preview(
    table: Table,
    pick: Pick,
    preprocessing: Preprocessing,
    row: int,
    *,
    transform: bool = False,
    integral: Mapping[str, bool] | None = None,
) -> Preview:
    """One of the table's rows.

    Args:
        row: from 0; the last one where there are fewer.
        transform: whether the teacher may rewrite the rows before.
        integral: which columns have whole numbers alone, of the whole split; None: the table's rows are all that is known of it.
    """
    if not table.rows:
        return Preview(note="There is no row.")
    try:
        examples = examples_of(table, pick.inputs, pick.output, "retrieved", integral=integral)
    except StageError as error:
        return Preview(note=f"{error.failure.message} {error.failure.remedy}")
    number = min(row, len(examples) - 1)
    example = examples[number]
    empty = "input" if not example.input.strip() else "output" if not example.output.strip() else ""
    if empty:
        notes = [f"This row is left out: its {empty} is empty."]
    else:
        unsure = _unsure(table, pick, number) if integral is None else ""
        notes = [REWRITTEN if transform else "", preprocessing.note, unsure]
    return Preview(preprocessing.text(example.input), example.output, " ".join(filter(None, notes)))


def _unsure(table: Table, pick: Pick, row: int) -> str:
    """That a number may be written another way, since how depends on all rows that training reads."""
    columns = [*pick.inputs, pick.output]
    whole = integral_columns(table, columns, table.rows)
    shown = integral_columns(table, columns, [table.rows[row]])
    found = [column for column in columns if whole[column] and shown[column]]
    if not found:
        return ""
    return f"Numbers of {', '.join(found)} are written like 3 if all rows that training reads have whole ones, else like 3.0."
