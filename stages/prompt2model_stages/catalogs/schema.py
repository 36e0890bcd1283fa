"""A catalog's Parquet file: one row an entry, and who made it when in the file's metadata.

docs/how-to/catalogs.md has the columns. A file of another SCHEMA is refused: an entry that is half understood would be
a wrong fact. Raise SCHEMA whenever a column is added, removed or means something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt2model_api.base import Model
from prompt2model_stages.catalogs.entries import CatalogEntry, DatasetEntry, Kind, ModelEntry

if TYPE_CHECKING:
    import pyarrow

SCHEMA = 1
METADATA = b"prompt2model.catalog"
"""The key in the Parquet file's metadata; its value is a FileFacts in JSON."""

TYPES: dict[Kind, type[CatalogEntry]] = {Kind.DATASETS: DatasetEntry, Kind.MODELS: ModelEntry}


class FileFacts(Model):
    """What a catalog's file says of itself."""

    catalog_schema: int
    kind: Kind
    made_at: str
    """When the hub was asked, ISO 8601."""
    source: str
    """Where the facts come from: the hub's address."""
    rows: int


class NoCatalogError(ValueError):
    """The file is no catalog that can be used; the text says why, without the file's name."""


@cache
def arrow_schema(kind: Kind) -> pyarrow.Schema:
    """The columns of a kind's file."""
    import pyarrow as pa

    text, names, count = pa.string(), pa.list_(pa.string()), pa.int64()
    shared = [
        ("name", text), ("description", text), ("license", text), ("downloads", count), ("tasks", names),
        ("languages", names), ("gated", pa.bool_()), ("hand_written", pa.bool_()),
    ]  # fmt: skip
    of_datasets = [
        ("config", text), ("split", text), ("input_columns", names), ("output_column", text), ("labels", names),
        ("input_pattern", text), ("output_pattern", text), ("extractive", pa.bool_()), ("translates", names),
        ("script", pa.bool_()), ("columns", pa.list_(pa.struct([("name", text), ("type", text)]))), ("rows", count),
        ("rows_between", text), ("size_bytes", count),
    ]  # fmt: skip
    of_models = [
        ("architecture", text), ("size_bytes", count), ("from_languages", names), ("into_languages", names),
        ("safetensors", pa.bool_()), ("base_model", text), ("trained_on", names), ("metrics", names),
    ]  # fmt: skip
    return pa.schema([*shared, *(of_datasets if kind is Kind.DATASETS else of_models)])


def write_entries(path: Path, kind: Kind, entries: Sequence[CatalogEntry], made_at: str, source: str) -> None:
    """Writes the entries in their order. The caller puts the file in its place. Raises: OSError."""
    import pyarrow as pa

    rows = [entry.model_dump(mode="json") for entry in entries]
    write_table(path, kind, pa.Table.from_pylist(rows, schema=arrow_schema(kind)), made_at, source)


def write_table(path: Path, kind: Kind, table: pyarrow.Table, made_at: str, source: str) -> None:
    """Writes rows of the kind's columns. Raises: OSError."""
    import pyarrow.parquet as pq

    facts = FileFacts(catalog_schema=SCHEMA, kind=kind, made_at=made_at, source=source, rows=table.num_rows)
    described = table.replace_schema_metadata({METADATA: facts.model_dump_json(by_alias=True)})
    pq.write_table(described, path, compression="zstd", compression_level=12)


def read_table(path: Path, kind: Kind) -> tuple[FileFacts, pyarrow.Table]:
    """The file's facts and rows. Raises: NoCatalogError, FileNotFoundError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, memory_map=True)
        facts = _facts(file.schema_arrow.metadata or {}, kind)
        table = file.read()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise NoCatalogError("it is not a Parquet file, or it is not whole") from error
    if not table.schema.equals(arrow_schema(kind)) or table.num_rows != facts.rows:
        raise NoCatalogError("its columns or rows are not those that its metadata says")
    return facts, table


def entry_of(row: dict[str, Any], kind: Kind) -> CatalogEntry:
    """One row of the table as an entry. Raises: pydantic.ValidationError."""
    return TYPES[kind].model_validate({name: value for name, value in row.items() if value is not None})


def _facts(metadata: dict[bytes, bytes], kind: Kind) -> FileFacts:
    import json

    if METADATA not in metadata:
        raise NoCatalogError("it is a Parquet file, but none of a catalog")
    tree = json.loads(metadata[METADATA])
    if (found := tree.get("catalogSchema")) != SCHEMA:
        raise NoCatalogError(f"it has version {found} of the schema, and this release reads version {SCHEMA}")
    facts = FileFacts.model_validate(tree)
    if facts.kind is not kind:
        raise NoCatalogError(f"it lists {facts.kind.value}, not {kind.value}")
    return facts
