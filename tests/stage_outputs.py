"""What each stage hands on, as small as can be."""

from __future__ import annotations

from prompt2model_api.base import Architecture, Metric
from prompt2model_api.results import (
    DatasetCandidate,
    Interval,
    Scores,
    StageOutputs,
    StudentCandidate,
    TransformedCounts,
)
from prompt2model_api.stage_run import Stage

SHA = "ab" * 32


def outputs(stage: Stage, student: float = 90.0, teacher: float | None = 20.0) -> StageOutputs:
    match stage:
        case Stage.DISCOVER:
            dataset = DatasetCandidate(
                name="builtin:d", revision="r1", input_columns=["a"], output_column="b", score=3.0, recommended=True
            )
            candidate = StudentCandidate(
                name="org/t5", architecture=Architecture.ENCODER_DECODER, size_bytes=1, score=1.0
            )
            return StageOutputs(instruction="x", dataset_candidates=[dataset], student_candidates=[candidate])
        case Stage.GENERATE:
            return StageOutputs(examples=3, examples_sha256=SHA)
        case Stage.TRANSFORM:
            return StageOutputs(transformed=TransformedCounts(rows=3, rewritten=2, refused={"unclear": 1}))
        case Stage.PREPARE:
            return StageOutputs(rows={"train": 3})
        case Stage.TRAIN:
            return StageOutputs(model_sha256=SHA)
        case Stage.EVALUATE:
            interval = Interval(value=student, low=student - 1, high=student + 1)
            other = Interval(value=teacher, low=teacher, high=teacher) if teacher is not None else None
            untrained = Interval(value=0, low=0, high=0)
            score = Scores(
                split="Retrieved",
                metric=Metric.EXACT_MATCH,
                rows=9,
                student=interval,
                untrained=untrained,
                teacher=other,
            )
            return StageOutputs(scores=[score])
