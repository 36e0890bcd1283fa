"""The first rows of a dataset, with its columns, splits and types, as far as they can be read from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prompt2model_api.data_files import is_path
from prompt2model_api.texts import cut
from prompt2model_stages.catalogs import locate_dataset
from prompt2model_stages.errors import StageError
from prompt2model_stages.hub_data import first_rows
from prompt2model_stages.prepare.retrieving import BUILTIN, read_split
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.tables.class_names import class_names_of, named
from prompt2model_stages.prepare.textualizing import integral_columns, text_of

ROWS = 20
CELL = 240
"""Characters of a cell that are shown."""
NESTED = 3
"""How deep the fields of nested columns are listed."""


@dataclass(frozen=True)
class Sample:
    """What was read of one split.

    table: the first rows; without rows where nothing could be read, which the sentence says.
    columns: also the fields of nested ones, as `a.b`.
    types: of columns, where they are known.
    splits, config, split: those there are, where they are known; and what was read.
    integral: which columns have whole numbers alone, of the whole split; None where the first rows alone were read.
    """

    table: Table
    columns: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    splits: tuple[str, ...] = ()
    config: str = ""
    split: str = "train"
    sentence: str = ""
    integral: Mapping[str, bool] | None = None

    def cells(self) -> list[list[str]]:
        """The rows as they are shown: class ids by their names, numbers as a training row has them."""
        table = self.table
        integral = self.integral or integral_columns(table, table.columns, table.rows)
        return [[_cell(table, row, column, integral[column]) for column in table.columns] for row in table.rows]


def sample(name: str, config: str, split: str, revision: str | None) -> Sample:
    """The first rows. Raises nothing: why there are none is the sample's sentence.

    Args:
        name: at the hub, a path, or builtin:…
        config, split: empty: the dataset's own default.
        revision: the commit that discover found.
    """
    try:
        if name.startswith(BUILTIN) or is_path(name):
            return _of_files(name, config, split or "train")
        return _of_hub(name, config, split, revision)
    except StageError as error:
        said = f"{error.failure.message} {error.failure.remedy}".removeprefix("datasets.choice: ")
        return Sample(Table(name, (), ()), config=config, split=split or "train", sentence=f"No sample rows: {said}")


def _of_files(name: str, config: str, split: str) -> Sample:
    place = str(locate_dataset(name)) if name.startswith(BUILTIN) else name
    read = read_split(place, split, config or None)
    table = Table(name, read.columns, read.rows[:ROWS], read.labels)
    columns = column_paths(table)
    return Sample(table, columns, config=config, split=split, integral=integral_columns(read, columns, read.rows))


def _of_hub(name: str, config: str, split: str, revision: str | None) -> Sample:
    found = first_rows(name, config or None, split or None, revision, ROWS)
    table = Table(name, found.columns, list(found.rows), class_names_of(found.features))
    left_out = f"Left out, they hold files: {', '.join(found.left_out)}." if found.left_out else ""
    return Sample(
        table,
        column_paths(table),
        dict(_types(found.features)),
        tuple(found.splits),
        found.config or "",
        found.split,
        left_out,
    )


def column_paths(table: Table) -> tuple[str, ...]:
    """The columns, and the fields of nested ones as the first rows have them."""
    found: dict[str, None] = {}
    for column in table.columns:
        found[column] = None
        for row in table.rows[:ROWS]:
            found.update(dict.fromkeys(f"{column}.{path}" for path in _paths(row.get(column), NESTED)))
    return tuple(found)


def _paths(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, list):
        for item in value[:1]:
            yield from _paths(item, depth)
    elif isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield str(key)
            yield from (f"{key}.{path}" for path in _paths(inner, depth - 1))


def _types(features: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """A column's type, in the words of `datasets`."""
    for name, feature in features.items():
        inner, lists = feature, 0
        while isinstance(inner, list) or (isinstance(inner, Mapping) and inner.get("_type") in ("Sequence", "List")):
            inner, lists = (inner[0] if isinstance(inner, list) else inner.get("feature")), lists + 1
        if not isinstance(inner, Mapping):
            continue
        kind = inner.get("_type")
        if isinstance(kind, str):
            yield above + name, "list of " * lists + str(inner.get("dtype") if kind == "Value" else kind)
        else:
            yield from _types(inner, f"{above}{name}.")


def _cell(table: Table, row: Mapping[str, Any], column: str, integral: bool) -> str:
    try:
        text = text_of(named(table.cell(row, column), table.column(column), table.labels), integral=integral)
    except ValueError as error:  # bytes that are no text, a class id without a name
        text = f"({error})"
    return cut(text, CELL)


def labelled(columns: Sequence[str], types: Mapping[str, str]) -> list[tuple[str, str]]:
    """Columns to pick from, as a pair of what is shown and what is meant."""
    return [(f"{column} ({types[column]})" if column in types else column, column) for column in columns]
