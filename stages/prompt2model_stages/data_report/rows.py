"""The rows of the splits, and of what generate and transform wrote, one after another: no file is in memory whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from prompt2model_stages.examples import EXAMPLES, SOURCES, TRANSFORMED, Pair
from prompt2model_stages.splits import REFERENCES, TRAIN, VALIDATION, split_file, split_names, test_split
from prompt2model_stages.storage import Folder

BATCH = 2048
"""Rows that are in memory at once."""
COLUMNS = ("input", "output", "source", "origin")
"""Of splits.COLUMNS; the first two are always there, the others may be missing from what earlier versions wrote."""


@dataclass(frozen=True)
class DataRow(Pair):
    """A row with its source and origin; empty where they are not known.

    references: all outputs that are right, where there are several.
    """

    source: str
    origin: str
    references: tuple[str, ...] = ()


def splits_in(prepared: Folder) -> list[str]:
    """The names of the splits in prepare's folder: train, validation, then the tests, the most trusted source's first."""
    names = split_names(prepared.names())
    known = [name for name in (TRAIN, VALIDATION, *map(test_split, SOURCES)) if name in names]
    return known + [name for name in names if name not in known]


def rows_of(prepared: Folder, split: str) -> Iterator[DataRow]:
    """The rows of a split in their order. Raises: FileNotFoundError; ValueError where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = split_file(split)
    try:
        with prepared.filesystem.open(prepared.path(file), "rb") as stream:
            table = pq.ParquetFile(stream)
            held = set(table.schema_arrow.names)
            wanted = [name for name in (*COLUMNS, REFERENCES) if name in held]
            for batch in table.iter_batches(BATCH, columns=wanted):
                columns = {name: batch.column(name).to_pylist() for name in wanted}
                empty = [None] * batch.num_rows
                cells = (columns.get(name, empty) for name in (*COLUMNS, REFERENCES))
                for text, output, source, origin, references in zip(*cells, strict=True):
                    if text is None or output is None:
                        raise ValueError(f"{prepared.uri}/{file} cannot be used: a row has no input or output")
                    yield DataRow(text, output, source or "", origin or "", tuple(references or ()))
    except pa.ArrowException as error:
        raise _damaged(prepared, file, error) from error


def generated_rows(folder: Folder) -> Iterator[DataRow]:
    """The examples that generate wrote. Raises: FileNotFoundError; ValueError with the line's number."""
    return _lines(folder, EXAMPLES, "generated")


def transformed_rows(folder: Folder) -> Iterator[DataRow]:
    """The rows that transform rewrote. Raises: FileNotFoundError; ValueError with the line's number."""
    return _lines(folder, TRANSFORMED, "transformed")


def _lines(folder: Folder, name: str, source: str) -> Iterator[DataRow]:
    with folder.filesystem.open(folder.path(name), "rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                tree = json.loads(line)
                text, output = str(tree["input"]).strip(), str(tree["output"]).strip()
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{folder.uri}/{name} cannot be used: line {number} has no input or output") from error
            yield DataRow(text, output, source, str(tree.get("origin", "")))


def _damaged(prepared: Folder, file: str, error: Exception) -> ValueError:
    return ValueError(f"{prepared.uri}/{file} cannot be used: {error}")
