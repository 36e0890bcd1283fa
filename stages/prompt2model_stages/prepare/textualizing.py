"""From a table's columns to text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prompt2model_stages.prepare.examples import Example, Source
from prompt2model_stages.prepare.tables import Table


def examples_of(
    table: Table,
    input_columns: Sequence[str],
    output_column: str,
    source: Source,
    rows: int | None = None,
    seed: int = 0,
) -> list[Example]:
    """The table's rows as examples; one without an input or an output comes with an empty text.

    Args:
        table: with all these columns.
        input_columns: one column is taken as it is; several become lines of `column: value`.
        output_column: the answers; class ids become the classes' names.
        source: whose data it is.
        rows: at most so many, drawn with the seed; all where not given.
        seed: of the sample.
    """
    drawn = table.sample(len(table.rows) if rows is None else rows, seed)
    return [
        Example(
            input=_input(table, row, input_columns),
            output=text_of(table.cell(row, output_column), table.labels.get(output_column)),
            source=source,
            origin=f"{table.name}#{number}",
        )
        for number, row in drawn
    ]


def _input(table: Table, row: Mapping[str, Any], columns: Sequence[str]) -> str:
    values = {column: text_of(table.cell(row, column), table.labels.get(column)) for column in columns}
    if len(columns) == 1:
        return values[columns[0]]
    return "\n".join(f"{column}: {value}" for column, value in values.items() if value)


def text_of(value: Any, labels: Sequence[str] | None = None) -> str:
    """A cell as text: nothing for a missing value or a class id without a name; lists joined by commas."""
    if value is None:
        return ""
    if labels is not None and isinstance(value, int) and not isinstance(value, bool):
        return str(labels[value]) if 0 <= value < len(labels) else ""  # -1 marks rows without a label
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, (text_of(item, labels) for item in value)))
    if isinstance(value, dict):
        return encodable(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
    return encodable(str(value)).strip()


def encodable(text: str) -> str:
    """The text without lone surrogates (JSON may hold them), which no UTF-8 file can."""
    return text.encode("utf-8", "replace").decode()
