"""The entries that are written by hand: datasets and pretrained models, with how they are to be used.

They are files of JSON lines beside this module: facts, and a short description in our own words. In the shipped catalog
(opening) they stand on top of what the hub says of all others.
Sizes and downloads of encoder-decoder models are those of mid 2023, of the others approximate: they rank candidates and
are no record of the hub. Decoders stand here only where the hub has their weights as safetensors.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from prompt2model_stages.catalogs.entries import CatalogEntry, DatasetEntry, ModelEntry
from prompt2model_stages.errors import failed

HERE = Path(__file__).parent
DATASETS = HERE / "starter_datasets.jsonl"
MODELS = HERE / "starter_models.jsonl"
BUILTIN = "builtin:"

Entry = TypeVar("Entry", bound=CatalogEntry)


@cache
def datasets() -> tuple[DatasetEntry, ...]:
    """The datasets of the starter catalog, in the file's order."""
    return read_catalog(DATASETS, DatasetEntry)


@cache
def models() -> tuple[ModelEntry, ...]:
    """The models of the starter catalog, in the file's order."""
    return read_catalog(MODELS, ModelEntry)


def read_catalog(path: Path, kind: type[Entry]) -> tuple[Entry, ...]:
    """The entries in a file of JSON lines. Raises: ValueError, naming the line."""
    entries: list[Entry] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entries.append(kind.model_validate_json(line))
        except ValidationError as error:
            raise ValueError(f"{path.name} line {number}: {error}") from error
    return tuple(entries)


def locate_dataset(name: str) -> Path:
    """The file of a dataset that this package ships.

    Args:
        name: such as builtin:dates-in-words.

    Raises: StageError DatasetUnknown, naming those there are.
    """
    for suffix in ("parquet", "jsonl"):
        path = HERE / "data" / f"{name.removeprefix(BUILTIN)}.{suffix}"
        if name in builtin_datasets() and path.is_file():
            return path
    known = ", ".join(builtin_datasets())
    raise failed("DatasetUnknown", f"There is no dataset {name}; those shipped are {known}.", "Name one of these.")


def builtin_datasets() -> list[str]:
    """Names of the datasets that this package ships."""
    return [entry.name for entry in datasets() if entry.name.startswith(BUILTIN)]
