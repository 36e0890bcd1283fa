"""The user's own data: one way to read it, for prepare, for the test data and for `p2m validate`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prompt2model_api.spec.references import OwnData
from prompt2model_stages.errors import failed
from prompt2model_stages.examples import Example
from prompt2model_stages.prepare.multiple_choice import CHOICES, Answered
from prompt2model_stages.prepare.tables import Table, read_table
from prompt2model_stages.prepare.textualizing import examples_of
from prompt2model_stages.prepare.web import discreet, is_web


@dataclass(frozen=True)
class OwnExamples:
    """A file of the user's, and its rows as examples, in the file's order; some may lack an input or an output.

    told: those of the table's notes that are about its answers; None where nothing may be noted.
    """

    table: Table
    examples: list[Example]
    told: tuple[str, ...] | None = None


def read_own(place: str, own: OwnData, where: str) -> OwnExamples:
    """Reads the file.

    Args:
        place: where it lies.
        own: what the spec says of it.
        where: the spec's field, for messages.

    Raises: StageError of reading a table, ColumnMissing, ColumnTwice; NoRows where no row has an input and an output.
    """
    with discreet(place, where):
        read = _read(place, own, where)
    # No message may repeat what an address of the web answered, so nothing is noted of it.
    return OwnExamples(replace(read.table, notes=()), read.examples) if is_web(place) else read


def read_alike(own: OwnExamples, data: OwnData, other: OwnExamples, other_data: OwnData) -> OwnExamples:
    """The examples again, read as those of the other file: lists as right answers, numbers as choices, values in one spelling.

    Args:
        own, data: the file, and what the spec says of it.
        other, other_data: the test data of train data, or the other way round.
    """
    table = own.table
    if _is_plain(table, data) and _is_plain(other.table, other_data):
        return own
    notes: list[str] = []
    beside = Answered(other.table, other.table.rows, other_data.output_column)
    examples = examples_of(table, data.input_columns, data.output_column, "own", notes=notes, beside=beside)
    if own.told is None:
        return replace(own, examples=examples)
    before = table.notes[: len(table.notes) - len(own.told)]
    return OwnExamples(replace(table, notes=(*before, *notes)), examples, tuple(notes))


def _is_plain(table: Table, data: OwnData) -> bool:
    """Whether there is text alone, which is read in one way whatever stands beside it."""
    if any(column.casefold() in CHOICES for column in table.columns):
        return False
    columns = [*data.input_columns, data.output_column]
    return all(isinstance(table.cell(row, column), str | None) for column in columns for row in table.rows)


def _read(place: str, own: OwnData, where: str) -> OwnExamples:
    wanted = [*own.input_columns, own.output_column]
    table = read_table(place, where, wanted, own.format)
    table.require(wanted, where)
    notes: list[str] = []
    examples = examples_of(table, own.input_columns, own.output_column, "own", notes=notes)
    if not any(example.input and example.output for example in examples):
        raise failed(
            "NoRows",
            f"{where}: none of the {len(examples)} rows of {table.name} has both an input and an output.",
            f"Fill the columns {', '.join(wanted)}, or name others in {where}.",
        )
    return OwnExamples(replace(table, notes=(*table.notes, *notes)), examples, tuple(notes))
