"""The user's own data: one way to read it, for prepare, for the test data and for `p2m validate`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prompt2model_api.spec.references import OwnData
from prompt2model_stages.errors import failed
from prompt2model_stages.examples import Example
from prompt2model_stages.prepare.tables import Table, read_table
from prompt2model_stages.prepare.textualizing import examples_of
from prompt2model_stages.prepare.web import discreet, is_web


@dataclass(frozen=True)
class OwnExamples:
    """A file of the user's, and its rows as examples, in the file's order; some may lack an input or an output."""

    table: Table
    examples: list[Example]


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
    return OwnExamples(replace(table, notes=(*table.notes, *notes)), examples)
