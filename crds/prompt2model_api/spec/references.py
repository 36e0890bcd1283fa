"""References to a Secret's or a ConfigMap's key, and to a file of the user's own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Column, Model, Name, Uri


class SecretKey(Model):
    """One key of a Secret in the resource's namespace."""

    name: Name = Field(description="Name of the Secret.")
    key: Name = Field(default="api-key", description="Key in the Secret.")


class ConfigMapKey(Model):
    """One key of a ConfigMap in the resource's namespace."""

    name: Name = Field(description="Name of the ConfigMap.")
    key: Name = Field(description="Key in the ConfigMap.")


class DataKind(StrEnum):
    """What a data file is."""

    CSV = "CSV"
    JSON = "JSON"
    PARQUET = "Parquet"


class DataFormat(Model):
    """How a data file is written, where neither its name nor its first line says it."""

    kind: DataKind | None = Field(
        default=None,
        description="What the file is; by default its suffix says it.",
    )
    delimiter: Annotated[str, StringConstraints(pattern=r'^([^"\r\n]|\\t)$', max_length=2)] | None = Field(
        default=None, description="Between a CSV file's values; by default what its header has."
    )
    encoding: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=32)] | None = Field(
        default=None, description="Such as GB18030. By default what a byte order mark says, else UTF-8."
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> DataFormat:
        no_csv = self.delimiter is not None and self.kind not in (None, DataKind.CSV)
        if no_csv or (self.encoding is not None and self.kind is DataKind.PARQUET):
            raise ValueError("delimiter is for CSV and encoding for text: leave it out, or correct kind")
        return self

    @property
    def said_kind(self) -> DataKind | None:
        """What the file is, where this says it: a delimiter makes it CSV."""
        return self.kind or (DataKind.CSV if self.delimiter is not None else None)


class OwnData(Model):
    """The user's own labelled data: CSV, JSON or Parquet. Chat rows have columns input, output, system and history."""

    uri: Uri | None = Field(default=None, description="A file: a path, or file://, s3://, gs://. Excludes configMap.")
    config_map: ConfigMapKey | None = Field(default=None, description="A file in a ConfigMap. Excludes uri.")
    input_columns: list[Column] = Field(default=["input"], min_length=1, max_length=32, description="Columns read.")
    output_column: Column = Field(default="output", description="The column with the answers.")
    format: DataFormat | None = Field(default=None, description="How the file is written.")

    @model_validator(mode="after")
    def _one_place(self) -> OwnData:
        if (self.uri is None) == (self.config_map is None):
            raise ValueError("name exactly one of uri and configMap")
        return self
