"""Parquet, with the class names that the `datasets` library writes beside the columns."""

from __future__ import annotations

from collections import Counter
from typing import Any

from prompt2model_api.texts import cut
from prompt2model_stages.prepare.tables.class_names import class_names_in
from prompt2model_stages.prepare.tables.disguises import PARQUET
from prompt2model_stages.prepare.tables.table import MalformedError, Table

COPY = "Copy or write the file again."


def read_parquet(name: str, content: bytes) -> Table:
    """The table in a Parquet file; checksums of its pages are checked where it has them.

    Raises: MalformedError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not content.startswith(PARQUET):
        raise MalformedError("is no Parquet file by its first bytes", "Name it by what it is, or write it again.")
    if not content.endswith(PARQUET):
        raise MalformedError("is a Parquet file that was cut: its end is missing", COPY)
    try:
        table = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read()
        columns = [_values(column) for column in table.columns]
    except (pa.ArrowException, OSError, KeyError, OverflowError, UnicodeDecodeError) as error:
        said = cut(" ".join(str(error).split()), 200)
        raise MalformedError(f"is a Parquet file that cannot be read: {said}", COPY) from error
    except RecursionError as error:
        raise MalformedError("is nested too deep", "Write flat columns.") from error
    names: list[str] = list(table.column_names)
    twice = frozenset(column for column, count in Counter(names).items() if count > 1)
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    labels = class_names_in((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    return Table(name, tuple(dict.fromkeys(names)), rows, labels, twice=twice)


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        # As Python's floats, which are twice as long, 0.1 would be 0.10000000149011612.
        return [None if text is None else float(text) for text in column.cast(pa.string()).to_pylist()]
    values: list[Any] = column.to_pylist(maps_as_pydicts="strict")
    return values
