"""`spec.evaluation`: what is measured, and what must be reached."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Metric, Model, Uri
from prompt2model_api.spec.references import OwnData

AT_LEAST_PATTERN = r"^(Teacher|100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)$"


class GateSpec(Model):
    """What the student must reach before it is served."""

    metric: Metric = Field(description="One of evaluation.metrics.")
    split: Literal["Own", "Retrieved", "Generated"] | None = Field(
        default=None, description="The test split compared on; without it the user's own, else the retrieved one."
    )
    at_least: Annotated[str, StringConstraints(pattern=AT_LEAST_PATTERN, max_length=16)] = Field(
        default="Teacher", description='Teacher, or a number from 0 to 100 in quotes ("85").'
    )


class Evaluation(Model):
    """How student, untrained student and teacher are measured."""

    metrics: list[Metric] = Field(default=list(Metric), min_length=1, max_length=3)
    test_data: OwnData | None = Field(default=None, description="The user's own test set; never trained on.")
    max_rows: int = Field(default=500, ge=1, le=100_000, description="Most rows of each test split.")
    encoder: Uri = Field(
        default="xlm-roberta-base",
        description="BERTScore's encoder: a Hugging Face name, a folder, or embedded:MiniLM.",
    )
    gate: GateSpec | None = Field(default=None, description="Without it: the first metric must reach the teacher.")

    @model_validator(mode="after")
    def _gate_is_measured(self) -> Evaluation:
        if self.gate is not None and self.gate.metric not in self.metrics:
            raise ValueError(f"gate.metric {self.gate.metric} is not in metrics: add it there")
        return self

    @model_validator(mode="after")
    def _each_metric_once(self) -> Evaluation:
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError("metrics names one of them twice: keep one")
        return self
