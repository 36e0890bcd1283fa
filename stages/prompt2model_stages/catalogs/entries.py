"""What a catalog knows of a dataset and of a model: facts, and the text that is searched."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from prompt2model_api.base import Architecture, Column, Name, Uri

UNKNOWN = "unknown"

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Text = Annotated[str, StringConstraints(min_length=1)]


class Kind(StrEnum):
    """What a catalog lists."""

    DATASETS = "datasets"
    MODELS = "models"


class CatalogEntry(BaseModel):
    """What all entries have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Uri = Field(description="At the hub, or builtin:… and embedded:… for what this package ships.")
    description: Text = Field(description="What is searched.")
    license: Name = Field(description="The hub's name of it, such as apache-2.0; unknown where nobody says.")
    downloads: int = Field(ge=0, description="In the hub's last 30 days when the catalog was made.")
    tasks: list[str] = Field(default=[], description="The hub's names of tasks, such as question-answering.")
    languages: list[str] = Field(default=[], description="ISO 639 codes; `multilingual` stands as it is.")
    gated: bool | None = Field(default=None, description="Whether the hub asks for consent. None: not known.")
    hand_written: bool = Field(default=True, description="Written and checked by hand, with how it is to be used.")


class TypedColumn(BaseModel):
    """A column of a dataset. type: as the hub writes it, such as string or class_label; empty: not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    type: str = ""


class DatasetEntry(CatalogEntry):
    """A dataset; one that is written by hand has the columns that make a text-to-text task of it."""

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
    columns: list[TypedColumn] = Field(default=[], description="All columns of the configuration. Empty: not known.")
    rows: int | None = Field(default=None, ge=0, description="Of the configuration's split. None: not known.")
    rows_between: str = Field(default="", description="The hub's size category, such as 10K<n<100K; empty: not known.")
    size_bytes: int | None = Field(default=None, ge=0, description="Of its files. None: not known.")

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
    from_languages: list[str] = Field(
        default=[], description="What a translator reads. Empty: it is none, or not known."
    )
    into_languages: list[str] = Field(default=[], description="What a translator writes.")
    safetensors: bool | None = Field(default=None, description="Whether the hub has its weights so. None: not known.")
    base_model: str | None = Field(default=None, description="What it was fine-tuned from. None: not known.")
    trained_on: list[str] = Field(default=[], description="Names of datasets.")
    metrics: list[str] = Field(default=[], description="What it was measured by.")
