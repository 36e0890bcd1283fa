"""From a table's columns to text."""

from __future__ import annotations

import datetime
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from prompt2model_stages.errors import failed
from prompt2model_stages.examples import Example, Source
from prompt2model_stages.prepare.multiple_choice import CHOICES, Answered, choices_of, choices_text
from prompt2model_stages.prepare.references import are_references, is_named_so, listed, target_of
from prompt2model_stages.prepare.spelling import Spelling, integral_cells, spelling_of
from prompt2model_stages.prepare.tables.class_names import named
from prompt2model_stages.prepare.tables.table import Table
from prompt2model_stages.trimming import trimmed


def examples_of(
    table: Table,
    input_columns: Sequence[str],
    output_column: str,
    source: Source,
    rows: int | None = None,
    seed: int = 0,
    integral: Mapping[str, bool] | None = None,
    notes: list[str] | None = None,
    beside: Answered | None = None,
) -> list[Example]:
    """The table's rows as examples; one without an input or an output comes with an empty text.

    Args:
        table: with all these columns.
        input_columns: one column is taken as it is; several become lines of `column: value`.
        output_column: the answers; class ids become the classes' names, numbers of choices the choices' texts. Of a list of
            answers that are each right, one becomes the output, and all are its references.
        source: whose data it is.
        rows: at most so many, drawn with the seed, some of each class; all where not given.
        seed: of the sample.
        integral: as from integral_columns, where the table is a part of the rows that count for it.
        notes: what a person should know of the answers is added.
        beside: rows that are read in the same way: test data beside train data.

    Raises: StageError DataMalformed for a class id that no class has, or bytes that are no text, with row and count.
    """
    drawn = table.sample(len(table.rows) if rows is None else rows, seed, output_column)
    columns = [*input_columns, output_column]
    integral = {**integral_columns(table, columns, [row for _, row in drawn], beside), **(integral or {})}
    answers = _Answers(table, drawn, output_column, integral[output_column], beside)
    examples, wrong = [], []
    for number, row in drawn:
        try:
            texts = {column: _input_text(table, row, column, integral[column]) for column in input_columns}
            output, references = answers.of(row)
        except ValueError as error:  # UnicodeDecodeError of bytes is one, too
            wrong.append((number, str(error)))
            continue
        examples.append(
            Example(
                input=_input(texts, input_columns),
                output=output,
                source=source,
                origin=f"{table.name}#{number}",
                references=references,
            )
        )
    if wrong:
        raise failed(
            "DataMalformed",
            f"{table.name} has {len(wrong)} of {len(drawn)} rows with a value that cannot be read: row {wrong[0][0] + 1} "
            f"has {wrong[0][1]}.",
            "Correct the rows, or name a column of text.",
        )
    if notes is not None:
        notes += answers.notes(examples, input_columns)
    return examples


class _Answers:
    """The output column: texts, numbers of choices, or lists of answers that are each right."""

    def __init__(
        self,
        table: Table,
        drawn: Sequence[tuple[int, Mapping[str, Any]]],
        column: str,
        integral: bool,
        beside: Answered | None,
    ) -> None:
        self._table, self._column = table, column
        rows = [row for _, row in drawn]
        is_class = table.column(column) in table.labels
        self._choices = None if is_class else choices_of(Answered(table, rows, column), beside)
        cells = [table.cell(row, column) for row in rows]
        others = [] if beside is None else [beside.table.cell(row, beside.answers) for row in beside.rows]
        self._spelling = Spelling(integral)
        if beside is not None:
            names = _names(cells, table, column), _names(others, beside.table, beside.answers)
            self._spelling = spelling_of(*names)
        self._several = self._choices is None and are_references(column, cells + others)
        self._joined = 0
        if not self._several and self._choices is None and is_named_so(column):
            self._joined = sum(len(listed(cell) or ()) > 1 for cell in cells)
        self._unanswered = 0
        self._indented = any(isinstance(cell, str) and _is_indented(cell) for cell in [*cells, *others])

    def of(self, row: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """A row's output, and all that are right where there are several. Raises: ValueError for a value that is no text."""
        cell = self._table.cell(row, self._column)
        if self._choices is not None and self._choices.place is not None:
            return output_text((self._choices.answer(self._table, row, cell) or "").strip()), ()
        answers = listed(cell) if self._several else None
        if answers is None:
            return self._text(cell), ()
        texts = [text for one in answers if (text := self._text(one))]
        self._unanswered += not texts
        right = tuple(dict.fromkeys(texts))
        return target_of(texts), right if len(right) > 1 else ()

    def _text(self, cell: Any) -> str:
        value = named(cell, self._table.column(self._column), self._table.labels)
        return output_text(text_of(self._spelling.read(value), integral=self._spelling.integral, lone=self._indented))

    def notes(self, examples: Sequence[Example], input_columns: Sequence[str]) -> list[str]:
        """What a person should know of how the answers were read."""
        told, name = [], f"{self._table.name}, column {self._column}"
        if several := sum(bool(example.references) for example in examples):
            told.append(
                f"{name}: {several:,} of {len(examples):,} rows have several answers. The most frequent one is trained on; in "
                "evaluation each of them is right."
            )
        if self._unanswered:
            told.append(
                f"{name}: {self._unanswered:,} of {len(examples):,} rows have no answer (an empty list) and are left out. "
                'To train on them, write what the student should say there, such as "unanswerable".'
            )
        if self._joined:
            told.append(
                f"{name}: {self._joined:,} of {len(examples):,} rows have a list, and the items of most have no words in common. "
                "All of them are the answer, joined by commas. Where each is right by itself, write one of them as text."
            )
        if self._choices is not None and self._choices.place is None:
            told.append(
                f"{name}: its numbers do not tell whether {self._choices.column} are counted from 0 or from 1 (none is 0, none "
                "is that of a last choice), so the output is the number as it is. Write the choice's text instead."
            )
        elif self._choices is not None:
            seen = self._choices.column in {self._table.column(column) for column in input_columns}
            hint = (
                "" if seen else f" The student does not see the choices: name {self._choices.column} in inputColumns."
            )
            told.append(f"{name}: it says which of {self._choices.column} is right; the output is its text.{hint}")
        return told


def _input_text(table: Table, row: Mapping[str, Any], column: str, integral: bool) -> str:
    cell = table.cell(row, column)
    choices = choices_text(cell) if table.column(column).casefold() in CHOICES else None
    return _text(table, row, column, integral) if choices is None else encodable(choices)


def _text(table: Table, row: Mapping[str, Any], column: str, integral: bool) -> str:
    return text_of(named(table.cell(row, column), table.column(column), table.labels), integral=integral)


def _input(texts: Mapping[str, str], columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return texts[columns[0]]
    return "\n".join(f"{column}: {texts[column]}" for column in columns if texts[column])


def integral_columns(
    table: Table, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], beside: Answered | None = None
) -> dict[str, bool]:
    """Of each column, whether all its floats in these rows are integers; they are written as such then.

    Args:
        table: with all these columns.
        columns: their names.
        rows: those that count.
        beside: rows of another table that count, too, where it has the column.

    pandas makes floats of integers where one is missing. False also where there are no floats.
    """
    found = {}
    for column in columns:
        cells = [table.cell(row, column) for row in rows]
        if beside is not None and beside.table.has(column):
            cells += [beside.table.cell(row, column) for row in beside.rows]
        found[column] = integral_cells(cells)
    return found


def _names(cells: Sequence[Any], table: Table, column: str) -> list[Any]:
    """The cells with classes' names for their ids; an id that no class has stays, and is told of where its row is read."""
    path = table.column(column)
    return [f"{cell}" if path in table.labels and cell is not None else cell for cell in cells]


def _is_indented(text: str) -> bool:
    """Whether it is lines of which the first has an indentation."""
    found = trimmed(text)
    return found[:1].isspace() and "\n" in found


def output_text(text: str) -> str:
    """An output as all of them are written: of two spellings of one accent (NFC, NFD) the usual one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def text_of(value: Any, *, integral: bool = False, lone: bool = False) -> str:
    """A cell as text: nothing for a missing value (None, NaN, NaT); lists joined by commas.

    Args:
        value: of any type that JSON and Parquet have.
        integral: floats are written as the integers that they were.
        lone: a text of one line keeps its indentation (see trimmed).

    Raises: ValueError for bytes that are no UTF-8 text.
    """
    if _missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value, integral)
    if isinstance(value, bytes | bytearray | memoryview):
        return trimmed(encodable(_decoded(bytes(value))), lone)
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, (text_of(item, integral=integral) for item in value)))
    if isinstance(value, dict):
        return encodable(json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, allow_nan=False))
    if isinstance(value, Decimal):
        return f"{value:f}"
    return trimmed(encodable(str(value)), lone)


def _missing(value: Any) -> bool:
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return True
    return isinstance(value, datetime.datetime) and value != value  # pandas' NaT is no moment, and not equal to itself


def _number(value: float, integral: bool) -> str:
    if integral and value.is_integer():
        return str(int(value))
    return getattr(value, "written", "") or str(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"bytes that are no UTF-8 text (0x{value[error.start]:02X})") from error


def _plain(value: Any) -> Any:
    """The value as JSON has it; what it has no type for becomes text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if _missing(value):
        return None
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return text_of(value)


def encodable(text: str) -> str:
    """The text without lone surrogates (JSON may hold them), which no UTF-8 file can."""
    return text.encode("utf-8", "replace").decode()
