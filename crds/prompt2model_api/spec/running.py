"""Where and how the stages run and what stays of them: storage, scheduling, retries, deadlines, retention."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Model, Name, Quantity, Seconds, Uri

Label = Annotated[str, StringConstraints(max_length=63)]


class Storage(Model):
    """Where results lie. Immutable."""

    uri: Uri | None = Field(default=None, description="s3://, gs:// or file://. Excludes claim.")
    claim: Name | None = Field(default=None, description="A claim in the resource's namespace. Excludes uri.")
    size: Quantity = Field(default="10Gi", description="Of the claim that the operator makes where none is named.")
    secret: Name | None = Field(default=None, description="Secret with the credentials for uri.")

    @model_validator(mode="after")
    def _one_place(self) -> Storage:
        if self.uri is not None and self.claim is not None:
            raise ValueError("name one of uri and claim, not both")
        return self


class Toleration(Model):
    """Of a node's taint, as Kubernetes writes it."""

    key: Label | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: Label | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = Field(default=None, ge=0)


class Scheduling(Model):
    """Passed through to every pod. Cluster only."""

    node_selector: dict[str, Label] = Field(default={}, max_length=32)
    tolerations: list[Toleration] = Field(default=[], max_length=32)
    priority_class_name: Name | None = None
    runtime_class_name: Name | None = None
    image_pull_secrets: list[Name] = Field(default=[], max_length=8)
    labels: dict[str, Label] = Field(default={}, max_length=32)


class Retries(Model):
    """How often a stage run is tried, and how long between."""

    attempts: int = Field(default=3, ge=1, le=100, description="Most attempts of a stage run.")
    backoff_seconds: Seconds = Field(
        default=10, description="Before the second attempt; doubled each time, 10 min most."
    )


class Deadlines(Model):
    """When an attempt counts as lost."""

    stage_seconds: Seconds = Field(default=86400, description="The longest an attempt may take.")
    heartbeat_seconds: Seconds = Field(default=600, description="The longest without a sign of life.")


class Retention(Model):
    """What becomes of results when the resource is deleted. Cluster only."""

    storage: Literal["Keep", "Delete"] = "Keep"
    registry: Literal["Keep", "Delete"] = "Keep"
