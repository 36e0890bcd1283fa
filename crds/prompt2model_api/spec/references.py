"""References to a Secret's or a ConfigMap's key, and to a file of the user's own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Column, Model, Name, Uri


class SecretKey(Model):
    """One key of a Secret in the resource's namespace."""

    name: Name = Field(description="The name of the Secret.")
    key: Name = Field(default="api-key", description="The key in the Secret.")


class ConfigMapKey(Model):
    """One key of a ConfigMap in the resource's namespace."""

    name: Name = Field(description="The name of the ConfigMap.")
    key: Name = Field(description="The key in the ConfigMap.")


class DataKind(StrEnum):
    """What a data file is."""

    CSV = "CSV"
    JSON = "JSON"
    PARQUET = "Parquet"


class DataFormat(Model):
    """How a data file is written, where neither its name nor its first line says it."""

    kind: DataKind | None = Field(
        default=None,
        description="The kind of the file. Without it the file's suffix decides.",
    )
    delimiter: Annotated[str, StringConstraints(pattern=r'^([^"\r\n]|\\t)$', max_length=2)] | None = Field(
        default=None, description="The character between the values of a CSV file. Without it the header decides."
    )
    encoding: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=32)] | None = Field(
        default=None,
        description="The encoding of a text file, such as GB18030. Without it a byte order mark decides, else it is UTF-8.",
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
    """Your own labelled data: CSV, JSON or Parquet. Chat rows have columns input, output, system and history."""

    uri: Uri | None = Field(
        default=None,
        description="The file: a path, or an address at file://, s3://, gs:// or https://. In a cluster the path is absolute, "
        "on the claim or in the image. Excludes configMap.",
    )
    config_map: ConfigMapKey | None = Field(default=None, description="The file as a key of a ConfigMap. Excludes uri.")
    input_columns: list[Column] = Field(
        default=["input"], min_length=1, max_length=32, description="The columns that make the input, in order."
    )
    output_column: Column = Field(default="output", description="The column that is the output.")
    format: DataFormat | None = Field(
        default=None, description="How the file is written, where neither its name nor its first line says it."
    )

    @model_validator(mode="after")
    def _one_place(self) -> OwnData:
        if (self.uri is None) == (self.config_map is None):
            raise ValueError("name exactly one of uri and configMap")
        return self
