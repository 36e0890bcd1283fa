"""`spec.evaluation`: what is measured, and what must be reached."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Metric, Model, TeacherPrompt, Uri
from prompt2model_api.spec.references import OwnData
from prompt2model_api.spec.training import Resources

AT_LEAST_PATTERN = r"^(Teacher|100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)$"


class GateSpec(Model):
    """What the student must reach: a run whose student does not reach it ends as Failed, with or without a service."""

    metric: Metric | None = Field(
        default=None,
        description="The metric that is compared, one of evaluation.metrics. Without it the first of them, else ExactMatch for "
        "short outputs and ChrF++ for free text.",
    )
    split: Literal["Own", "Retrieved", "Transformed", "Generated"] | None = Field(
        default=None,
        description="The test split that is compared on. Without it your own, else the retrieved one, else the transformed "
        "one, else the generated one.",
    )
    at_least: Annotated[str, StringConstraints(pattern=AT_LEAST_PATTERN, max_length=16)] = Field(
        default="Teacher",
        description='What the student must reach: Teacher, or a score from 0 to 100 in quotes, such as "85".',
    )
    margin: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="How many points the student may be below the teacher. With 0 its score must be at least the teacher's on "
        "the same rows. Above 0 the whole 95 % interval of the difference (student minus teacher) must be above -margin.",
    )


class Evaluation(Model):
    """How student, untrained student and teacher are measured."""

    metrics: list[Metric] | None = Field(
        default=None,
        min_length=1,
        max_length=3,
        description="The metrics to measure; the score gate compares the first one. Without it all three are measured, and the "
        "gate compares ExactMatch where the outputs are short or from a closed set, else ChrF++.",
    )
    teacher_prompts: list[TeacherPrompt] | None = Field(
        default=None,
        min_length=1,
        max_length=2,
        description="How the teacher is asked: FewShot shows it the prompt's demonstrations, ZeroShot the instruction alone. "
        "Without it both, where there are demonstrations; the one that scores better is what the student is compared with.",
    )
    test_data: OwnData | None = Field(default=None, description="Your own test set. It is never trained on.")
    max_rows: int = Field(
        default=500, ge=1, le=100_000, description="How many rows of each test split are measured, at most."
    )
    encoder: Uri = Field(
        default="xlm-roberta-base",
        description="The encoder of BERTScore: a Hugging Face name, a folder, or embedded:MiniLM.",
    )
    resources: Resources | None = Field(
        default=None,
        description="CPU, memory and GPUs of the evaluation's pod. With a GPU, student and untrained student answer on it in "
        "bfloat16. Only in a cluster; without it the chart's settings decide.",
    )
    gate: GateSpec | None = Field(
        default=None, description="What the student must reach to be served. Without it, it must reach the teacher."
    )

    @model_validator(mode="after")
    def _gate_is_measured(self) -> Evaluation:
        metric = self.gate.metric if self.gate is not None else None
        if metric is not None and self.metrics is not None and metric not in self.metrics:
            raise ValueError(f"gate.metric {metric} is not in metrics: add it there")
        return self

    @model_validator(mode="after")
    def _each_metric_once(self) -> Evaluation:
        if self.metrics is not None and len(set(self.metrics)) < len(self.metrics):
            raise ValueError("metrics names one of them twice: keep one")
        if self.teacher_prompts is not None and len(set(self.teacher_prompts)) < len(self.teacher_prompts):
            raise ValueError("teacherPrompts names one of them twice: keep one")
        return self
