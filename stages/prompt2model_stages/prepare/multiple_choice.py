"""Multiple choice: an answer that is the number or letter of a choice becomes the choice's text (docs/decisions/0095)."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompt2model_stages.prepare.tables.table import Table

CHOICES = frozenset(
    [
        "choices",
        "options",
        "endings",
        "candidates",
        "alternatives",
        "answer_choices",
        "answer_options",
        "multiple_choices",
    ]
)
ANSWERS = frozenset(
    {
        *("answer", "answers", "answerkey", "answer_key", "answer_idx", "answer_index", "answer_id", "label", "labels"),
        *("gold", "correct", "correct_option", "correct_answer", "correct_index", "correct_choice", "cop", "target"),
        *("output", "solution"),
    }
)
ENOUGH = 20
"""Rows from which on numbers that never are 0 are counted from 1."""


@dataclass(frozen=True)
class Choices:
    """Where a table has the choices, and which of them an answer is.

    column: of the choices.
    """

    column: str
    place: Callable[[Any, Sequence[str], Sequence[str]], int | None]

    def answer(self, table: Table, row: Mapping[str, Any], answer: Any) -> str | None:
        """The text of the choice; None where the row has no answer."""
        texts, labels = choices_in(table.cell(row, self.column)) or ([], [])
        place = self.place(answer, texts, labels)
        return texts[place] if place is not None and 0 <= place < len(texts) else None


def choices_of(table: Table, rows: Sequence[Mapping[str, Any]], answers: str) -> Choices | None:
    """The choices that a column's answers number; None where it has none, or any answer is none of its row's choices.

    Args:
        table: with all columns.
        rows: those that are used.
        answers: the output column.
    """
    if answers.casefold().split(".")[-1] not in ANSWERS:
        return None
    for column in table.columns:
        if column.casefold() in CHOICES and column != table.column(answers):
            cells = [(table.cell(row, answers), choices_in(table.cell(row, column))) for row in rows]
            found = [(answer, *cell) for answer, cell in cells if cell is not None and answer not in (None, "")]
            for place in (_by_label, _by_letter, *((_from(start),) if (start := _start(found)) is not None else ())):
                if found and all(_is_one(place(*one), one[1]) for one in found):
                    return Choices(column, place)
    return None


def choices_in(cell: Any) -> tuple[list[str], list[str]] | None:
    """The choices' texts and labels, the latter empty where there are none; None where the cell holds no choices."""
    labels = cell.get("label", []) if isinstance(cell, dict) else []
    texts = cell.get("text") if isinstance(cell, dict) else cell
    if not isinstance(texts, list | tuple) or len(texts) < 2 or not all(isinstance(text, str) for text in texts):
        return None
    return list(texts), [str(label) for label in labels] if len(labels) == len(texts) else []


def choices_text(cell: Any) -> str | None:
    """The choices as the student reads them, `(A) one (B) another`; None where the cell holds none."""
    found = choices_in(cell)
    if found is None:
        return None
    labels = found[1] or [*string.ascii_uppercase, *map(str, range(27, 1000))]
    return " ".join(f"({label}) {text.strip()}" for label, text in zip(labels, found[0], strict=False))


def _is_one(place: int | None, texts: Sequence[str]) -> bool:
    return place is not None and 0 <= place < len(texts)


def _by_label(answer: Any, texts: Sequence[str], labels: Sequence[str]) -> int | None:
    return labels.index(str(answer).strip()) if str(answer).strip() in labels else None


def _by_letter(answer: Any, texts: Sequence[str], labels: Sequence[str]) -> int | None:
    text = str(answer).strip().strip("().").upper()
    return string.ascii_uppercase.index(text) if len(text) == 1 and text in string.ascii_uppercase else None


def _from(start: int) -> Callable[[Any, Sequence[str], Sequence[str]], int | None]:
    def place(answer: Any, texts: Sequence[str], labels: Sequence[str]) -> int | None:
        number = _number(answer)
        return None if number is None else number - start

    return place


def _start(rows: Sequence[tuple[Any, Sequence[str], Sequence[str]]]) -> int | None:
    """Whether numbers count from 0 or 1; None where they do not tell."""
    numbers = [(_number(answer), len(texts)) for answer, texts, _ in rows]
    if any(number is None for number, _ in numbers):
        return None
    if any(number == 0 for number, _ in numbers):
        return 0
    if any(number == count for number, count in numbers):
        return 1
    return 1 if len(numbers) >= ENOUGH else None


def _number(answer: Any) -> int | None:
    if isinstance(answer, float) and answer.is_integer():
        return int(answer)
    text = str(answer).strip()
    return int(text) if text.isdecimal() and not isinstance(answer, bool) else None
