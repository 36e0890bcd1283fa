"""References to a Secret's or a ConfigMap's key, and to a file of the user's own."""

from __future__ import annotations

from pydantic import Field, model_validator

from prompt2model_api.base import Column, Model, Name, Uri


class SecretKey(Model):
    """One key of a Secret in the resource's namespace."""

    name: Name = Field(description="Name of the Secret.")
    key: Name = Field(default="api-key", description="Key in the Secret.")


class ConfigMapKey(Model):
    """One key of a ConfigMap in the resource's namespace."""

    name: Name = Field(description="Name of the ConfigMap.")
    key: Name = Field(description="Key in the ConfigMap.")


class OwnData(Model):
    """The user's own labelled data: CSV, JSON lines or Parquet."""

    uri: Uri | None = Field(default=None, description="A file: a path, or file://, s3://, gs://. Excludes configMap.")
    config_map: ConfigMapKey | None = Field(default=None, description="A file in a ConfigMap. Excludes uri.")
    input_columns: list[Column] = Field(default=["input"], min_length=1, max_length=32, description="Columns read.")
    output_column: Column = Field(default="output", description="The column with the answers.")

    @model_validator(mode="after")
    def _one_place(self) -> OwnData:
        if (self.uri is None) == (self.config_map is None):
            raise ValueError("name exactly one of uri and configMap")
        return self
