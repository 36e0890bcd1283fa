"""Where and how the stages run and what stays of them: storage, scheduling, retries, deadlines, retention."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Model, Name, Quantity, Seconds, Uri

Label = Annotated[str, StringConstraints(max_length=63)]


class Storage(Model):
    """Where results are stored. It cannot be changed."""

    uri: Uri | None = Field(
        default=None, description="The address of a bucket at s3:// or gs://, such as s3://bucket/path. Excludes claim."
    )
    claim: Name | None = Field(
        default=None, description="The name of a PersistentVolumeClaim in the resource's namespace. Excludes uri."
    )
    size: Quantity = Field(
        default="10Gi",
        description="The size of the PersistentVolumeClaim that the operator makes where neither uri nor claim is set.",
    )
    secret: Name | None = Field(
        default=None,
        description="The Secret with the credentials for uri, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Storage:
        if self.uri is not None and self.claim is not None:
            raise ValueError("name one of uri and claim, not both")
        return self


class Toleration(Model):
    """A toleration of a node's taint, as in a pod's spec."""

    key: Label | None = Field(default=None, description="The key of the taint. Without it every key matches.")
    operator: Literal["Exists", "Equal"] | None = Field(
        default=None, description="How key and value are compared; Kubernetes takes Equal without it."
    )
    value: Label | None = Field(default=None, description="The value of the taint, for Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="The effect of the taint. Without it every effect matches."
    )
    toleration_seconds: int | None = Field(
        default=None, ge=0, description="How long the pod stays on a node with a NoExecute taint."
    )


class Scheduling(Model):
    """What every pod of the resource gets: stages and service. Only in a cluster."""

    node_selector: dict[str, Label] = Field(
        default={}, max_length=32, description="The labels that a node must have, such as a kind of GPU."
    )
    tolerations: list[Toleration] = Field(default=[], max_length=32, description="The taints that the pods tolerate.")
    priority_class_name: Name | None = Field(default=None, description="The PriorityClass of the pods.")
    runtime_class_name: Name | None = Field(
        default=None, description="The RuntimeClass of the pods, such as nvidia where GPUs need it."
    )
    image_pull_secrets: list[Name] = Field(
        default=[], max_length=8, description="The Secrets in the resource's namespace to pull the images with."
    )
    labels: dict[str, Label] = Field(
        default={}, max_length=32, description="Labels for all pods and workloads, such as Kueue's queue name."
    )


class Retries(Model):
    """How often a stage run is tried, and how long between."""

    attempts: int = Field(
        default=3,
        ge=1,
        le=100,
        description="How many attempts of a stage run may fail in a row without progress. Evictions and lost nodes do not count.",
    )
    backoff_seconds: Seconds = Field(
        default=10, description="The wait before the second attempt; it doubles each time, up to 10 minutes."
    )


class Deadlines(Model):
    """When an attempt counts as lost."""

    stage_seconds: Seconds = Field(default=86400, description="How long an attempt may take, at most.")
    heartbeat_seconds: Seconds = Field(
        default=600, description="How long an attempt may be silent before it counts as lost."
    )
    start_seconds: Seconds | None = Field(
        default=None,
        description="How long an attempt may take until its first sign of life, for images to be pulled and Ray to start. "
        "Without it half an hour, or heartbeatSeconds where that is longer.",
    )


class Retention(Model):
    """What happens to results when the resource is deleted. Only in a cluster."""

    storage: Literal["Keep", "Delete"] = Field(
        default="Keep", description="Whether the stored results, the model among them, are kept or deleted."
    )
    registry: Literal["Keep", "Delete"] = Field(
        default="Keep",
        description="Whether the registered model in MLflow is kept or deleted. The runs stay in either case.",
    )
