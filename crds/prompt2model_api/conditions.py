"""Conditions: what holds of a resource, why, and what to do where it does not."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from prompt2model_api.base import Model

Reason = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]*$", max_length=64)]
Message = Annotated[str, StringConstraints(max_length=1024)]


class ConditionType(StrEnum):
    """The conditions of a Prompt2Model; Ready sums the others up."""

    DISCOVERED = "Discovered"
    DATA_READY = "DataReady"
    TRAINED = "Trained"
    EVALUATED = "Evaluated"
    DEPLOYED = "Deployed"
    TRACKED = "Tracked"
    READY = "Ready"


class Condition(Model):
    """One condition, in Kubernetes' form."""

    type: ConditionType = Field(description="What the condition is about; Ready sums the others up.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: Reason = Field(description="Why, in one word; the documentation has a list of all reasons.")
    message: Message = Field(default="", description="What happened, and what to do.")
    observed_generation: int = Field(default=0, ge=0, description="The metadata.generation that this is about.")
    last_transition_time: datetime = Field(description="When status changed last.")


class FailureState(StrEnum):
    """What becomes of a failed attempt."""

    RETRYING = "Retrying"  # tried again after a back-off
    BLOCKED = "Blocked"  # fixable outside; checked again until it is fixed
    FAILED = "Failed"  # needs an edit of the spec


MACHINE_REASONS = frozenset({"Evicted", "Preempted", "NodeLost", "Interrupted", "RayHeadLost"})
"""Reasons of attempts that the machine ended: nothing is wrong with the work, and nothing of it has to change."""


class Failure(Model):
    """Why an attempt ended without a result, and what to do. The message names the root cause first."""

    state: FailureState = Field(description="Retrying, Blocked until it is fixed, or Failed.")
    reason: Reason = Field(description="Why, in one word; the documentation has a list of all reasons.")
    message: Message = Field(description="What happened, the root cause first.")
    remedy: Message = Field(default="", description="What to do.")
