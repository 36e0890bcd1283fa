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
REFERENCES = "references"
"""A column beside these, lists of strings, where a row has several outputs that are right."""


@dataclass(frozen=True, kw_only=True)
class Row(Pair):
    """A row of a split.

    split: the split's name.
    text: the input as the student is given it.
    references: see Example.
    """

    split: str
    text: str
    references: tuple[str, ...] = ()

    @property
    def right(self) -> tuple[str, ...]:
        """All outputs that are right."""
        return self.references or (self.output,)


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
    several = [list(example.references) for example in examples]
    content = parquet({column: rows[column] for column in COLUMNS}, {REFERENCES: several} if any(several) else None)
    folder.write_bytes(split_file(split), content)


def read_split(folder: Folder, split: str) -> list[Row]:
    """All rows of a split, in its order; none where prepare made no such split. Raises: ValueError where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = split_file(split)
    if not folder.exists(file):
        return []
    try:
        content = pa.BufferReader(folder.read_bytes(file))
        wanted = ["input", "text", "output"]
        several = REFERENCES in pq.read_schema(content).names
        table = pq.read_table(content, columns=[*wanted, REFERENCES] if several else wanted)
        columns = [table[name].cast(pa.string()).to_pylist() for name in wanted]
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(f"{folder.uri}/{file} cannot be used: {error}") from error
    if any(None in column for column in columns):
        raise ValueError(f"{folder.uri}/{file} cannot be used: a row has no input, text or output")
    references = table[REFERENCES].to_pylist() if several else [()] * len(columns[0])
    return [
        Row(source, target, split=split, text=text, references=tuple(right))
        for source, text, target, right in zip(*columns, references, strict=True)
    ]


def parquet(
    columns: Mapping[str, Sequence[str | None]], lists: Mapping[str, Sequence[list[str]]] | None = None
) -> bytes:
    """Columns of strings, and columns of lists of them, as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lists = lists or {}
    schema = [(name, pa.string()) for name in columns] + [(name, pa.list_(pa.string())) for name in lists]
    sink = io.BytesIO()
    pq.write_table(pa.table({**columns, **lists}, schema=pa.schema(schema)), sink)
    return sink.getvalue()


def split_names(files: Iterable[str]) -> list[str]:
    """The splits among the names of files."""
    return [name.removesuffix(".parquet") for name in files if name.endswith(".parquet")]
