"""prepare's splits, a Parquet file each: the columns, and how they are written and read."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prompt2model_stages.examples import Example, Pair, Source
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.storage import Folder

TRAIN, VALIDATION = "train", "validation"
COLUMNS = ("input", "text", "output", "source", "origin", "group")
"""All are strings; see Example. `text` is the input as the student is given it."""


@dataclass(frozen=True, kw_only=True)
class Row(Pair):
    """A row of a split.

    split: the split's name.
    text: the input as the student is given it.
    """

    split: str
    text: str


def test_split(source: Source) -> str:
    """The name of a source's test split."""
    return f"test-{source}"


def split_file(split: str) -> str:
    """The name of the split's file."""
    return f"{split}.parquet"


def write_split(folder: Folder, split: str, examples: Sequence[Example], preprocessing: Preprocessing) -> None:
    """Writes a split; the same examples give the same bytes. Raises: OSError."""
    rows: dict[str, list[str]] = {
        "input": [example.input for example in examples],
        "text": [preprocessing.text(example.input) for example in examples],
        "output": [example.output for example in examples],
        "source": [example.source for example in examples],
        "origin": [example.origin for example in examples],
        "group": [example.group for example in examples],
    }
    folder.write_bytes(split_file(split), parquet({column: rows[column] for column in COLUMNS}))


def read_split(folder: Folder, split: str) -> list[Row]:
    """All rows of a split, in its order; none where prepare made no such split. Raises: ValueError where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = split_file(split)
    if not folder.exists(file):
        return []
    try:
        table = pq.read_table(pa.BufferReader(folder.read_bytes(file)), columns=["input", "text", "output"])
        columns = [table[name].cast(pa.string()).to_pylist() for name in ("input", "text", "output")]
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(f"{folder.uri}/{file} cannot be used: {error}") from error
    if any(None in column for column in columns):
        raise ValueError(f"{folder.uri}/{file} cannot be used: a row has no input, text or output")
    return [Row(source, target, split=split, text=text) for source, text, target in zip(*columns, strict=True)]


def parquet(columns: Mapping[str, Sequence[str | None]]) -> bytes:
    """Columns of strings as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=pa.schema([(name, pa.string()) for name in columns])), sink)
    return sink.getvalue()


def split_names(files: Iterable[str]) -> list[str]:
    """The splits among the names of files."""
    return [name.removesuffix(".parquet") for name in files if name.endswith(".parquet")]
