"""`spec.service`: the service that answers with the student."""

from __future__ import annotations

from pydantic import Field, model_validator

from prompt2model_api.base import Model
from prompt2model_api.spec.training import Resources


class Replicas(Model):
    """How many replicas of the service there are."""

    min: int = Field(default=1, ge=1, le=1000, description="How many replicas there are, at least.")
    max: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="How many replicas the autoscaler makes, at most. With max above min there is one, which goes by "
        "the use of CPU and needs the metrics server.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Replicas:
        if self.max < self.min:
            raise ValueError("max must be at least min")
        return self


class ServiceSpec(Model):
    """The service that answers with the student. It has no login: whoever reaches its port may ask it."""

    enabled: bool = Field(
        default=True, description="Whether the model is served. Without a service it is trained and measured."
    )
    truncate: bool | None = Field(
        default=None,
        description="Whether an input is cut that is longer than what the model reads (training.maxInputTokens, with the "
        "instruction); the answer then has `truncated: true`. Otherwise such a request is refused with 422, which names the limit.",
    )
    replicas: Replicas = Field(
        default_factory=Replicas,
        description="The number of replicas, and the bounds of the autoscaler. Only in a cluster.",
    )
    resources: Resources = Field(
        default_factory=Resources,
        description="CPU, memory and GPUs of each replica. The autoscaler goes by the use of these CPUs. Only in a cluster.",
    )
