"""One stage for one digest: the `StageRun` resource in a cluster, a file in a local run."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from prompt2model_api.base import Digest, Metadata, Model, Name, Uri
from prompt2model_api.conditions import Failure
from prompt2model_api.results import Choice, StageResult

Sha = Annotated[str, StringConstraints(max_length=64)]
Mark = Annotated[str, StringConstraints(max_length=64)]


class Stage(StrEnum):
    """The units of work, in the order of the flow."""

    DISCOVER = "discover"
    GENERATE = "generate"
    TRANSFORM = "transform"
    PREPARE = "prepare"
    TRAIN = "train"
    EVALUATE = "evaluate"


class Decision(Model):
    """What the gates before this stage decided. Part of the digest, but for the reason and the licenses."""

    dataset: Choice | None = Field(default=None, description="The dataset that prepare reads.")
    dataset_revision: Name | None = Field(default=None, description="The commit or hash that discover resolved.")
    transform: bool | None = Field(
        default=None, description="Whether the rows of the dataset are rewritten first. Missing where they are not."
    )
    dataset_license: Name | None = Field(
        default=None, description="The SPDX identifier of its license; not part of the digest."
    )
    also_licenses: dict[str, Name] | None = Field(
        default=None,
        max_length=4,
        description="The SPDX identifiers of the licenses of the datasets beside it, by name; not part of the digest.",
    )
    reviewed: Digest | None = Field(
        default=None,
        description="SHA-256 of the generated examples as a person corrected them. Missing where they are used as generated.",
    )
    student: Uri | None = Field(default=None, description="The student that train reads.")
    student_revision: Name | None = Field(default=None, description="The commit or hash that discover resolved.")
    student_license: Name | None = Field(
        default=None, description="The SPDX identifier of its license; not part of the digest."
    )
    reason: str = Field(default="", max_length=1024, description="Why it was decided so; not part of the digest.")

    def license_of(self, dataset: str) -> str | None:
        """The license of one of the datasets, as it was found; None where it was not."""
        if self.dataset is not None and dataset == self.dataset.name:
            return self.dataset_license
        return (self.also_licenses or {}).get(dataset)

    @property
    def in_digest(self) -> dict[str, object]:
        """What changes the result."""
        told: dict[str, object] = {
            "reason": "",
            "dataset_license": None,
            "also_licenses": None,
            "student_license": None,
        }
        told |= {"dataset": self.dataset.with_splits()} if self.dataset is not None else {}
        return self.model_copy(update=told).dump()


class StageRunSpec(Model):
    """Everything that makes a stage's result, frozen when the stage run is made. Immutable."""

    resource: Name = Field(description="The Prompt2Model that this belongs to.")
    stage: Stage = Field(description="The stage.")
    digest: Digest = Field(description="The SHA-256 over everything that changes the result.")
    storage: Uri = Field(description="The resource's folder, <root>/<namespace>/<name>.")
    parameters: dict[str, Any] = Field(
        default={},
        max_length=64,
        description="The fields of Prompt2Model.spec that the stage reads, by their path, such as training.epochs.",
    )
    inputs: dict[str, Name] = Field(
        default={}, max_length=8, description="The folder with the result of each stage before it, by stage."
    )
    decision: Decision | None = None
    sources: dict[str, Sha] = Field(
        default={}, max_length=8, description="SHA-256 of the user's files that the stage reads, by field path."
    )


class StageRunPhase(StrEnum):
    """Where a stage run stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    RETRYING = "Retrying"
    BLOCKED = "Blocked"
    FAILED = "Failed"


class StageRunState(StrEnum):
    """What `kubectl get` shows of a stage run."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    RETRYING = "Retrying"
    BLOCKED = "Blocked"
    FAILED = "Failed"
    SUPERSEDED = "Superseded"


STARTING_RAY = "starting Ray"
"""Progress.message starts with it while the stage waits for Ray."""


class Progress(Model):
    """How far the live attempt is. Written by the stage alone."""

    attempt: int = Field(ge=1, description="The attempt that this is about.")
    done: float = Field(default=0.0, description="How much is done.")
    total: float = Field(default=0.0, description="How much there is to do; 0 where it is not known.")
    unit: str = Field(default="", max_length=32, description="What done and total count, such as examples.")
    message: str = Field(default="", max_length=256, description="What the stage is doing.")
    at: datetime = Field(description="When this was written; also the heartbeat.")
    summary: str = Field(default="", max_length=96, validate_default=True, description="The same in words.")

    @field_validator("summary")
    @classmethod
    def _in_words(cls, summary: str, info: ValidationInfo) -> str:
        done, total, unit = (info.data.get(name) for name in ("done", "total", "unit"))
        if not summary and str(info.data.get("message", "")).startswith(STARTING_RAY):
            return STARTING_RAY
        if summary or done is None or not total:
            return summary
        return f"{done:.6g}/{total:.6g} {unit}".strip()


class ReportedFailure(Model):
    """Why an attempt ended without a result, as the stage itself says it. Written by the stage alone."""

    attempt: int = Field(ge=1, description="The attempt that this is about.")
    failure: Failure


class StageRunStatus(Model):
    """Where the stage run stands; every field has one writer.

    The operator, or the local runner, writes the fields down to state. The stage writes progress, result,
    reportedFailure and runURL, and is heard only while `attempt` is its own.
    """

    phase: StageRunPhase = Field(default=StageRunPhase.PENDING, description="Where the stage run stands.")
    attempt: int = Field(default=0, ge=0, description="The attempt that is, or was last, alive; 0: none yet.")
    started_at: datetime | None = Field(default=None, description="When the attempt started.")
    failures: int = Field(
        default=0,
        ge=0,
        description="Attempts that failed by themselves since there was progress or a person stepped in.",
    )
    interruptions: int = Field(
        default=0,
        ge=0,
        description="Attempts that the machine ended (an eviction, a preemption, a lost node), counted in the same way.",
    )
    blocks: int = Field(
        default=0, ge=0, description="Attempts that something outside kept from working, counted in the same way."
    )
    furthest: float = Field(default=0.0, description="The progress from which more is looked for.")
    basis: Mark | None = Field(
        default=None,
        description="A hash of what the attempt is made of outside the digest: compute, images, limits, deadlines, retries.",
    )
    retry: Mark | None = Field(
        default=None, description="The annotation prompt2model.dev/retry as it was when it was last followed."
    )
    failure: Failure | None = Field(default=None, description="Why the last attempt failed, and what becomes of it.")
    retry_at: datetime | None = Field(default=None, description="When the next attempt may start.")
    state: StageRunState | None = Field(
        default=None,
        description="The phase in kubectl's table. It is Blocked where a running attempt waits for something outside, such as a "
        "missing Secret, and Superseded where the spec as it is now uses another stage run instead.",
    )
    progress: Progress | None = Field(default=None, description="Written by the stage alone.")
    result: StageResult | None = Field(default=None, description="Written by the stage alone.")
    reported_failure: ReportedFailure | None = Field(default=None, description="Written by the stage alone.")
    run_url: Uri | None = Field(
        default=None,
        alias="runURL",
        description="The page of the MLflow run, as a browser opens it. Written by the stage; by the operator where it was "
        "recorded after the stage's end, or where MLflow's public address changed.",
    )


class StageRun(Model):
    """One stage for one digest."""

    api_version: Literal["prompt2model.dev/v1alpha1"] = "prompt2model.dev/v1alpha1"
    kind: Literal["StageRun"] = "StageRun"
    metadata: Metadata
    spec: StageRunSpec
    status: StageRunStatus = Field(default_factory=StageRunStatus)
