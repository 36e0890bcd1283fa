"""`spec.service`: the service that answers with the student."""

from __future__ import annotations

from pydantic import Field, model_validator

from prompt2model_api.base import Model
from prompt2model_api.spec.training import Resources


class Replicas(Model):
    """Bounds of the autoscaler."""

    min: int = Field(default=1, ge=1, le=1000)
    max: int = Field(default=1, ge=1, le=1000)

    @model_validator(mode="after")
    def _ordered(self) -> Replicas:
        if self.max < self.min:
            raise ValueError("max must be at least min")
        return self


class ServiceSpec(Model):
    """The service that answers with the student."""

    enabled: bool = Field(default=True, description="False: the model is trained and measured, not served.")
    truncate: bool | None = Field(
        default=None,
        description="True: an input that is longer than what the model reads (training.maxInputTokens, with the instruction) "
        "is cut, and the answer has `truncated: true`. Otherwise such a request is refused with 422, which names the limit.",
    )
    replicas: Replicas = Field(default_factory=Replicas, description="Cluster only.")
    resources: Resources = Field(default_factory=Resources, description="Cluster only.")
