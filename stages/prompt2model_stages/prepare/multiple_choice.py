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
WRITTEN = 0.9
"""Answers are the choices' texts where so many of them are: numbers and letters are choices, too."""

Place = Callable[[Any, Sequence[str], Sequence[str]], int | None]
_Found = list[tuple[Any, list[str], list[str]]]
"""Of each row: the answer, the texts of its choices and their labels."""


@dataclass(frozen=True)
class Choices:
    """Where a table has the choices, and which of them an answer is.

    column: of the choices.
    place: of an answer among its row's choices; None where the numbers do not tell whether they count from 0 or 1.
    """

    column: str
    place: Place | None

    def answer(self, table: Table, row: Mapping[str, Any], answer: Any) -> str | None:
        """The text of the choice; None where the row has no answer. Not for answers whose places are unknown."""
        assert self.place is not None
        texts, labels = choices_in(table.cell(row, self.column)) or ([], [])
        place = self.place(answer, texts, labels)
        return texts[place] if place is not None and 0 <= place < len(texts) else None


@dataclass(frozen=True)
class Answered:
    """A table whose rows have answers.

    rows: those that are used.
    answers: the output column.
    """

    table: Table
    rows: Sequence[Mapping[str, Any]]
    answers: str


def choices_of(own: Answered, other: Answered | None = None) -> Choices | None:
    """The choices that a column's answers number; None where it has none, or any answer is none of its row's choices.

    Args:
        own: where the answers are.
        other: counts, too, for how they are numbered: train and test data, of which one may be small, are read alike.
    """
    if own.answers.casefold().split(".")[-1] not in ANSWERS:
        return None
    for column in own.table.columns:
        if column.casefold() in CHOICES and column != own.table.column(own.answers):
            found = _found(own, column)
            beside = _found(other, column) if other is not None and column in other.table.columns else []
            for rows in (found + beside, found) if found else ():
                if _are_written(rows):
                    return None
                if (places := _places(rows)) is not None:
                    return Choices(column, places[0])
    return None


def _found(answered: Answered, column: str) -> _Found:
    table = answered.table
    cells = [(table.cell(row, answered.answers), choices_in(table.cell(row, column))) for row in answered.rows]
    return [(answer, *cell) for answer, cell in cells if cell is not None and answer not in (None, "")]


def _are_written(rows: _Found) -> bool:
    """Whether the answers are the choices' texts already."""
    return sum(_written(answer) in {text.strip() for text in texts} for answer, texts, _ in rows) >= WRITTEN * len(rows)


def _written(answer: Any) -> str:
    return str(int(answer)) if isinstance(answer, float) and answer.is_integer() else str(answer).strip()


def _places(rows: _Found) -> tuple[Place | None] | None:
    """How the answers say which choice is right, in a tuple; None where they say none."""
    for place in (_by_label, _by_letter):
        if all(_is_one(place(*one), one[1]) for one in rows):
            return (place,)
    able = [start for start in (0, 1) if all(_is_one(_from(start)(*one), one[1]) for one in rows)]
    if not able:
        return None
    return (_from(able[0]) if len(able) == 1 else None,)


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


def _from(start: int) -> Place:
    def place(answer: Any, texts: Sequence[str], labels: Sequence[str]) -> int | None:
        number = _number(answer)
        return None if number is None else number - start

    return place


def _number(answer: Any) -> int | None:
    if isinstance(answer, float) and answer.is_integer():
        return int(answer)
    text = str(answer).strip()
    return int(text) if text.isdecimal() and not isinstance(answer, bool) else None
