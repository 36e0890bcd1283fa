"""Where a `Prompt2Model` stands: its phase, its conditions, and what came of it so far.

Written whole by one writer, recomputed from what is observed (see summarizing).
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import ConfigDict, Field

from prompt2model_api.base import Model, Uri
from prompt2model_api.conditions import Condition
from prompt2model_api.results import Choice, Discovered, Scores, Spent


class Phase(StrEnum):
    """One word for where a resource stands; derived from the conditions, never read back."""

    PENDING = "Pending"
    SUSPENDED = "Suspended"
    DISCOVERING = "Discovering"
    GENERATING = "Generating"
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
    """What the teacher will be asked for, before it is. An upper bound of what is not yet journalled."""

    requests: int = 0
    tokens: int = 0
    usd: float | None = None


class ModelStatus(Model):
    """The model that the service answers with, or will."""

    name: str = Field(max_length=320)
    digest: str = Field(max_length=64, description="Digest of the train stage run.")
    uri: Uri
    sha256: str = Field(max_length=64)


class ServiceStatus(Model):
    """The service as last seen."""

    url: Uri | None = None
    digest: str | None = Field(default=None, max_length=64, description="Digest of the evaluate stage run it serves.")


class DiscoveredStatus(Discovered):
    """As in the result. Fields of other stages, which earlier versions wrote here, are left out."""

    model_config = ConfigDict(extra="ignore")


class Prompt2ModelStatus(Model):
    """Where the resource stands, recomputed from what is observed."""

    phase: Phase = Phase.PENDING
    conditions: list[Condition] = Field(default=[], max_length=16)
    observed_generation: int = 0
    progress: str = Field(default="", max_length=64, description="Of the stage that runs, such as `train 40 %`.")
    estimate: Estimate | None = None
    discovered: DiscoveredStatus | None = Field(default=None, description="Instruction, language and candidates.")
    choice: Choice | None = None
    spent: Spent = Field(default_factory=Spent)
    scores: list[Scores] = Field(default=[], max_length=16)
    score: str = Field(default="", max_length=32, description="The student's, as the score gate compares it; a column.")
    teacher_score: str = Field(default="", max_length=32, description="The teacher's beside it; a column.")
    model: ModelStatus | None = None
    service: ServiceStatus | None = None
    run_url: Uri | None = Field(default=None, alias="runURL", description="The MLflow run, where it is recorded.")
