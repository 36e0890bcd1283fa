"""The starter catalogs: datasets and pretrained models that are known without asking a hub.

A catalog is a file of JSON lines beside this module: facts, and a short description in our own words that BM25 searches.
Sizes and downloads of encoder-decoder models are those of mid 2023, of the others approximate: they rank candidates and
are no record of the hub. Decoders stand here only where the hub has their weights as safetensors.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from prompt2model_api.base import Architecture, Column, Name, Uri
from prompt2model_stages.errors import failed

HERE = Path(__file__).parent
DATASETS = HERE / "starter_datasets.jsonl"
MODELS = HERE / "starter_models.jsonl"
BUILTIN = "builtin:"

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Description = Annotated[str, StringConstraints(min_length=20, max_length=600)]


class CatalogEntry(BaseModel):
    """What all entries have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Uri = Field(description="At the hub, or builtin:… and embedded:… for what this package ships.")
    description: Description = Field(description="What is searched.")
    license: Name
    downloads: int = Field(ge=0)


class DatasetEntry(CatalogEntry):
    """A dataset with the columns that make a text-to-text task of it."""

    config: Name | None = None
    split: Name = "train"
    input_columns: list[Column] = Field(
        default=[], max_length=32, description="`a.b` is field b of the nested column a. Empty: none make the input."
    )
    output_column: Column | None = None
    labels: list[Name] = Field(default=[], max_length=64, description="All outputs, where they are a closed set.")
    input_pattern: str | None = Field(default=None, description="A regular expression that every input matches.")
    output_pattern: str | None = Field(default=None, description="A regular expression that every output matches.")
    extractive: bool = Field(default=False, description="Every output is a part of its input.")
    translates: tuple[Language, Language] | None = Field(default=None, description="From and into: ISO 639-1 codes.")
    script: bool = Field(default=False, description="The hub holds a loading script instead of data; none is run.")

    @property
    def usable(self) -> str:
        """Why the dataset cannot be read without a person; empty where it can."""
        if self.script:
            return "it comes as a loading script instead of data, and none is run"
        return "" if self.input_columns and self.output_column else "no columns of it make an input and an output"

    def asks_like(self, given: str) -> bool:
        """Whether an input could be one of this dataset's; True where their form is not known."""
        return self.input_pattern is None or re.fullmatch(self.input_pattern, given.strip()) is not None

    def answers_like(self, output: str) -> bool:
        """Whether an output could be one of this dataset's; True where their form is not known."""
        if self.labels:
            return output.strip().casefold() in {label.casefold() for label in self.labels}
        return self.output_pattern is None or re.fullmatch(self.output_pattern, output.strip()) is not None


class ModelEntry(CatalogEntry):
    """A pretrained model that can be a student."""

    architecture: Architecture
    size_bytes: int = Field(gt=0, description="Of the weights' file.")


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
