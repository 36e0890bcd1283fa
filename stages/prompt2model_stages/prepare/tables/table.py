"""Rows with named columns, and the error of a file that cannot be read as such."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prompt2model_stages.classes import with_each_class
from prompt2model_stages.errors import failed

MISSING_SHOWN = 20
DEPTH = 64
PROBED = 100
"""Rows looked at for the fields of a nested column."""


class MalformedError(ValueError):
    """A file that is not what it should be.

    Args:
        what: the rest of a sentence that begins with the file's name.
        remedy: what to do.
    """

    def __init__(self, what: str, remedy: str = "Correct the file.") -> None:
        super().__init__(what)
        self.remedy = remedy


def refuse_deep(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raises: MalformedError where a value is nested deeper than DEPTH: what reads it further would fall over it."""
    for number, row in enumerate(rows, start=1):
        level: list[Any] = [value for value in row.values() if isinstance(value, list | dict)]
        for _ in range(DEPTH):
            if not level:
                break
            inner = (item for held in level for item in (held.values() if isinstance(held, dict) else held))
            level = [value for value in inner if isinstance(value, list | dict)]
        if level:
            raise MalformedError(f"is nested too deep: row {number} has over {DEPTH} levels", "Write a text a column.")


LEAST_OF_A_CLASS = 3
"""Rows of each label that a sample keeps: one for each split."""
OutputOf = Callable[[Mapping[str, Any]], str]
"""A row's output."""
MOST_LOOKED_AT = 200_000
"""Rows of which the labels are read, to draw some of each."""


@dataclass(frozen=True)
class Table:
    """Rows with named columns.

    name: what messages call it.
    labels: for columns that hold class ids, the classes' names in order. The key is the column, or the path to the ids
        inside a nested column (`a.b`); lists add nothing to a path.
    sha256: of the file that it was read from; empty where it was none.
    twice: columns that the file has more than once, so that nobody can say which of them is meant.
    notes: what a person should know of how the file was read.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sha256: str = ""
    twice: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def require(self, columns: Sequence[str], where: str) -> None:
        """Checks that the columns are there. Raises: StageError ColumnMissing, naming those that are; ColumnTwice."""
        if ambiguous := sorted({self.column(column).partition(".")[0] for column in columns} & self.twice):
            raise failed(
                "ColumnTwice",
                f"{where}: {self.name} has the column {ambiguous[0]} more than once.",
                "Give each column a name of its own, or remove the one that is not meant.",
            )
        missing = [column for column in columns if not self.has(column)]
        if not missing:
            return
        shown = ", ".join(name[:60] for name in self.columns[:MISSING_SHOWN]) or "none"
        more = f" and {len(self.columns) - MISSING_SHOWN} more" if len(self.columns) > MISSING_SHOWN else ""
        alone = " If another character stands between its values, name it in format.delimiter."
        raise failed(
            "ColumnMissing",
            f"{where}: {self.name} has no column {', '.join(missing)}; its columns are {shown}{more}.",
            f"Name one of these columns in {where} (inputColumns, outputColumn); if they are no names but the first row, "
            "put a line with the columns' names before it." + (alone if len(self.columns) == 1 else ""),
        )

    def has(self, column: str) -> bool:
        """Whether there is such a column, or such a field of a nested one."""
        column = self.column(column)
        outer, _, inner = column.partition(".")
        if column in self.columns or not inner or outer not in self.columns:
            return column in self.columns
        values = (row.get(outer) for row in self.rows[:PROBED])
        return any(_present(nested(value, inner)) for value in values)

    def column(self, asked: str) -> str:
        """The column's name in the file: as asked, or the only one that differs in case and spaces around it alone."""
        if asked in self.columns or asked.partition(".")[0] in self.columns:
            return asked
        alike = [name for name in self.columns if name.strip().casefold() == asked.strip().casefold()]
        return alike[0] if len(alike) == 1 else asked

    def cell(self, row: Mapping[str, Any], column: str) -> Any:
        """A row's value; `a.b` is field b of the nested column a, unless a column has that very name."""
        column = self.column(column)
        outer, _, inner = column.partition(".")
        return row.get(column) if column in self.columns or not inner else nested(row.get(outer), inner)

    def sample(self, rows: int, seed: int, outputs: str = "") -> list[tuple[int, Mapping[str, Any]]]:
        """At most so many rows, drawn with the seed, each with its number, in the table's order.

        Args:
            rows: at most.
            seed: decides.
            outputs: a column; where its values are labels, some rows of each are among those that are drawn.
        """
        numbers = range(len(self.rows))
        drawn = sorted(random.Random(seed).sample(numbers, rows)) if len(numbers) > rows else list(numbers)
        if outputs and len(drawn) < len(numbers) <= MOST_LOOKED_AT:
            classes = [str(self.cell(row, outputs)) for row in self.rows]
            drawn = with_each_class(classes, drawn, LEAST_OF_A_CLASS, seed)
        return [(number, self.rows[number]) for number in drawn]


def nested(value: Any, path: str) -> Any:
    """A field of a nested value; of a list of them, a list of the fields."""
    if isinstance(value, list):
        return [nested(item, path) for item in value]
    outer, _, inner = path.partition(".")
    found = value.get(outer) if isinstance(value, dict) else None
    return nested(found, inner) if inner else found


def _present(value: Any) -> bool:
    return any(_present(item) for item in value) if isinstance(value, list) and value else value is not None
