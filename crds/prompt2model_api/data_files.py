"""Which names of datasets are files or folders, and what a file is: both by the name alone."""

from __future__ import annotations

from prompt2model_api.spec.references import DataKind

KINDS: dict[str, DataKind] = {
    "csv": DataKind.CSV,
    "tsv": DataKind.CSV,
    "jsonl": DataKind.JSON,
    "ndjson": DataKind.JSON,
    "json": DataKind.JSON,
    "parquet": DataKind.PARQUET,
}
"""What a file is, by its suffix."""


def is_path(name: str) -> bool:
    """Whether a dataset's name is a file or folder: by its looks, not by what happens to lie there."""
    return "://" in name or name.startswith(("/", "./", "../", "~")) or name.rsplit(".", 1)[-1].lower() in KINDS
