"""Tables of the user's and of catalogs: CSV, JSON lines, Parquet, and datasets of the hub, behind one small type.

CSV is read as text throughout: a reader that guesses types would turn 007 into 7. Nothing here imports the machine
learning libraries before a dataset of the hub is asked for, so that a spec can be checked quickly.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from prompt2model_api.redaction import first_line
from prompt2model_stages.errors import blocked, failed
from prompt2model_stages.prepare.web import fetch, is_web
from prompt2model_stages.storage import file_system

MISSING_SHOWN = 20
PROBED = 100
"""Rows looked at for the fields of a nested column."""


@dataclass(frozen=True)
class Table:
    """Rows with named columns.

    name: what messages call it.
    labels: for columns that hold class ids, the classes' names in order.
    sha256: of the file that it was read from; empty where it was none.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sha256: str = ""

    def require(self, columns: Sequence[str], where: str) -> None:
        """Checks that the columns are there. Raises: StageError ColumnMissing, naming those that are."""
        missing = [column for column in columns if not self._has(column)]
        if not missing:
            return
        shown = ", ".join(self.columns[:MISSING_SHOWN]) or "none"
        more = f" and {len(self.columns) - MISSING_SHOWN} more" if len(self.columns) > MISSING_SHOWN else ""
        raise failed(
            "ColumnMissing",
            f"{where}: {self.name} has no column {', '.join(missing)}; its columns are {shown}{more}.",
            f"Name one of these columns in {where}.",
        )

    def _has(self, column: str) -> bool:
        outer, _, inner = column.partition(".")
        if column in self.columns or not inner or outer not in self.columns:
            return column in self.columns
        values = (row.get(outer) for row in self.rows[:PROBED])
        return any(_field(value, inner) is not None for value in values)

    def cell(self, row: Mapping[str, Any], column: str) -> Any:
        """A row's value; `a.b` is field b of the nested column a, unless a column has that very name."""
        outer, _, inner = column.partition(".")
        return row.get(column) if column in self.columns or not inner else _field(row.get(outer), inner)

    def sample(self, rows: int, seed: int) -> list[tuple[int, Mapping[str, Any]]]:
        """At most so many rows, drawn with the seed, each with its number, in the table's order."""
        numbers = range(len(self.rows))
        drawn = sorted(random.Random(seed).sample(numbers, rows)) if len(numbers) > rows else list(numbers)
        return [(number, self.rows[number]) for number in drawn]


def _field(value: Any, path: str) -> Any:
    """A field of a nested value; of a list of them, a list of the fields."""
    if isinstance(value, list):
        return [_field(item, path) for item in value]
    outer, _, inner = path.partition(".")
    found = value.get(outer) if isinstance(value, dict) else None
    return _field(found, inner) if inner else found


def read_table(uri: str, where: str) -> Table:
    """The table in a file.

    Args:
        uri: a path, or file://, s3://, gs://; the suffix says the format.
        where: the spec's field that names it, for messages.

    Raises: StageError FileMissing, FormatUnknown or DataMalformed; FileUnreachable where it lies elsewhere.
    """
    suffix = uri.rsplit("/", 1)[-1].rsplit(".", 1)[-1].lower()
    reader = READERS.get(suffix)
    if reader is None:
        known = ", ".join(f".{s}" for s in READERS)
        raise failed("FormatUnknown", f"{where}: {uri} ends with none of {known}.", "Convert the file to one of these.")
    content = _content(uri, where)
    try:
        return replace(reader(uri, content), sha256=hashlib.sha256(content).hexdigest())
    except (ValueError, csv.Error) as error:  # UnicodeDecodeError, JSONDecodeError and pyarrow's errors are ValueErrors
        raise failed("DataMalformed", f"{where}: {uri} is no {suffix} file: {error}", "Mend the file.") from error


def _content(uri: str, where: str) -> bytes:
    if is_web(uri):
        return fetch(uri, where)
    try:
        filesystem, path = file_system(uri)
        try:
            return bytes(filesystem.cat_file(path))
        except (FileNotFoundError, IsADirectoryError):
            is_folder = filesystem.isdir(path)
    except Exception as error:
        if "://" not in uri or uri.startswith("file://"):
            raise
        # Each storage's library has errors of its own: of the network, of credentials, of a bucket.
        message = f"{where}: {uri} cannot be read: {first_line(error)}"
        raise blocked("FileUnreachable", message, "Check the address, the network and the credentials.") from error
    if is_folder:
        raise failed("FileMissing", f"{where}: {uri} is a folder, not a file.", f"Name the file itself in {where}.")
    raise failed("FileMissing", f"{where}: there is no file {uri}.", f"Correct {where}, or put the file there.")


def _csv(name: str, content: bytes, delimiter: str = ",") -> Table:
    csv.field_size_limit(2**31 - 1)  # the default refuses texts over 128 KiB
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter)
    rows = [{key: value for key, value in row.items() if key is not None} for row in reader]
    return Table(name, tuple(reader.fieldnames or ()), rows)


def _tsv(name: str, content: bytes) -> Table:
    return _csv(name, content, "\t")


def _json_lines(name: str, content: bytes) -> Table:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(content.decode("utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no JSON object")
        rows.append(row)
    return Table(name, tuple(dict.fromkeys(key for row in rows for key in row)), rows)


def _parquet(name: str, content: bytes) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(content))
    return Table(name, tuple(table.column_names), table.to_pylist(), _labels_in(table.schema.metadata or {}))


def _labels_in(metadata: Mapping[bytes, bytes]) -> dict[str, Sequence[str]]:
    """Class names that the `datasets` library wrote into a Parquet file."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    except ValueError:
        return {}
    return {
        column: feature["names"]
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


READERS: dict[str, Callable[[str, bytes], Table]] = {
    "csv": _csv,
    "tsv": _tsv,
    "jsonl": _json_lines,
    "ndjson": _json_lines,
    "json": _json_lines,
    "parquet": _parquet,
}
"""By suffix."""
