"""The rows of the splits, and of what generate and transform wrote, one after another: no file is in memory whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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


def has_references(prepared: Folder, split: str) -> bool:
    """Whether some row of a split has several right outputs. Raises: FileNotFoundError; ValueError where it is damaged."""
    with _opened(prepared, split) as table:
        return REFERENCES in table.schema_arrow.names


def rows_of(prepared: Folder, split: str) -> Iterator[DataRow]:
    """The rows of a split in their order. Raises: FileNotFoundError; ValueError where it is damaged."""
    with _opened(prepared, split) as table:
        held = set(table.schema_arrow.names)
        wanted = [name for name in (*COLUMNS, REFERENCES) if name in held]
        for batch in table.iter_batches(BATCH, columns=wanted):
            columns = {name: batch.column(name).to_pylist() for name in wanted}
            empty = [None] * batch.num_rows
            cells = (columns.get(name, empty) for name in (*COLUMNS, REFERENCES))
            for text, output, source, origin, references in zip(*cells, strict=True):
                if text is None or output is None:
                    raise _damaged(prepared, split, "a row has no input or output")
                yield DataRow(text, output, source or "", origin or "", tuple(references or ()))


@contextmanager
def _opened(prepared: Folder, split: str) -> Iterator[Any]:
    """The Parquet file of a split. Its errors become a ValueError that names the file; the caller's own pass."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with prepared.filesystem.open(prepared.path(split_file(split)), "rb") as stream:
            yield pq.ParquetFile(stream)
    except pa.ArrowException as error:
        raise _damaged(prepared, split, str(error)) from error
    except OSError as error:
        if error.errno is not None:  # the system's; of a damaged page Arrow says OSError, too, without a number
            raise
        raise _damaged(prepared, split, str(error)) from error


def _damaged(prepared: Folder, split: str, why: str) -> ValueError:
    return ValueError(f"{prepared.uri}/{split_file(split)} cannot be used: {' '.join(why.split()).rstrip('.')}")


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
