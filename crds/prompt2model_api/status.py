"""Where a `Prompt2Model` stands: its phase, its conditions, and what came of it so far.

Written whole by one writer, recomputed from what is observed (see summarizing).
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import ConfigDict, Field

from prompt2model_api.base import Model, Name, Uri
from prompt2model_api.conditions import Condition
from prompt2model_api.results import Choice, Discovered, Scores, Spent
from prompt2model_api.stage_run import Sha


class Phase(StrEnum):
    """One word for where a resource stands; derived from the conditions, never read back."""

    PENDING = "Pending"
    SUSPENDED = "Suspended"
    DISCOVERING = "Discovering"
    GENERATING = "Generating"
    TRANSFORMING = "Transforming"
    AWAITING_CHOICE = "AwaitingChoice"
    AWAITING_REVIEW = "AwaitingReview"
    PREPARING = "Preparing"
    TRAINING = "Training"
    EVALUATING = "Evaluating"
    DEPLOYING = "Deploying"
    READY = "Ready"
    RETRYING = "Retrying"
    BLOCKED = "Blocked"
    FAILED = "Failed"


class Estimate(Model):
    """The most that the teacher will still be asked for. What it was asked for already is not in it."""

    requests: int = Field(default=0, description="The most requests.")
    tokens: int = Field(default=0, description="The most prompt and completion tokens.")
    usd: float | None = Field(default=None, description="The most US dollars, where teacher.price is set.")


class ModelStatus(Model):
    """The model that the service answers with, or will answer with."""

    name: str = Field(max_length=320, description="The registered model in MLflow, <namespace>.<name>.")
    digest: str = Field(max_length=64, description="The digest of the train stage run.")
    uri: Uri = Field(description="The folder of the model in storage.")
    sha256: str = Field(max_length=64, description="The SHA-256 over the files of the model.")


class UsedLicenses(Model):
    """The licenses of what the model is made of, by their SPDX identifiers; `unknown` where nobody says."""

    dataset: Name | None = Field(default=None, description="The license of the retrieved dataset.")
    student: Name | None = Field(default=None, description="The license of the student.")


class ServiceStatus(Model):
    """The service as last seen."""

    url: Uri | None = Field(default=None, description="The address of the service.")
    digest: str | None = Field(
        default=None, max_length=64, description="The digest of the evaluate stage run that it serves."
    )


class DiscoveredStatus(Discovered):
    """As in the result. Fields of other stages, which earlier versions wrote here, are left out."""

    model_config = ConfigDict(extra="ignore")

    candidates_file: Uri | None = Field(
        default=None,
        description="All candidates, with columns and reasons, in storage. MLflow has the file too, as an artifact of the "
        "discover run.",
    )


class Prompt2ModelStatus(Model):
    """Where the resource stands, recomputed from what is observed."""

    phase: Phase = Field(default=Phase.PENDING, description="Where the resource stands, in one word.")
    conditions: list[Condition] = Field(default=[], max_length=16, description="What holds, and why where it does not.")
    observed_generation: int = Field(default=0, description="The metadata.generation that the status is about.")
    progress: str = Field(default="", max_length=64, description="How far the running stage is, such as `train 40 %`.")
    estimate: Estimate | None = None
    discovered: DiscoveredStatus | None = Field(
        default=None, description="What discover found: instruction, language and candidates."
    )
    choice: Choice | None = Field(default=None, description="The dataset that is used, or none.")
    licenses: UsedLicenses | None = Field(default=None, description="The licenses of the dataset and the student.")
    sources: dict[str, Sha] = Field(
        default={}, max_length=8, description="SHA-256 of the user's files as last read, by field path."
    )
    spent: Spent = Field(default_factory=Spent)
    scores: list[Scores] = Field(
        default=[], max_length=16, description="What evaluate measured, a metric and a split each."
    )
    score: str = Field(default="", max_length=32, description="The score of the student that the score gate compares.")
    teacher_score: str = Field(
        default="", max_length=32, description="The score of the teacher that the score gate compares."
    )
    model: ModelStatus | None = None
    service: ServiceStatus | None = None
    run_url: Uri | None = Field(
        default=None,
        alias="runURL",
        description="The page of the run in MLflow, as a browser opens it; in a cluster it needs tracking.publicUrl of the chart.",
    )
