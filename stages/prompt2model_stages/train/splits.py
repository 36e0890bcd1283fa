"""The training and validation rows as the student reads them, and what of them it does not see or cannot write."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

from prompt2model_api.spec.training import Training
from prompt2model_stages.errors import StageError
from prompt2model_stages.statistics_files import TrainingStatistics
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.row_counts import RowCounts, count, doubt, refusal, sentences
from prompt2model_stages.train.rows import read_pairs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Splits:
    """Both splits; `validation` and its counts are empty where prepare made no such split.

    notes: what a person should know of the rows.
    """

    train: list[Encoded]
    validation: list[Encoded]
    counts: dict[str, RowCounts]
    notes: list[str]

    def statistics(self) -> TrainingStatistics:
        """What a person should know of the rows, as a file."""
        return TrainingStatistics(**{split: asdict(counts) for split, counts in self.counts.items()}, notes=self.notes)

    def refusal(self, training: Training) -> StageError | None:
        """The error where more of the training rows is lost than the spec allows."""
        return refusal(self.counts["train"], training)


def read_splits(student: Student, prepared: Folder, training: Training) -> Splits:
    """Both splits of prepare's folder, encoded and counted. Raises: StageError NoTrainingData."""
    train, counts = _encoded(student, prepared, "train")
    validation, measured = _encoded(student, prepared, "validation")
    notes = sentences(counts) + sentences(measured, "validation") + doubt(measured, training)
    found = {"train": counts, **({"validation": measured} if validation else {})}
    for note in notes:
        logger.warning("%s", note)
    return Splits(train, validation, found, notes)


def _encoded(student: Student, prepared: Folder, split: str) -> tuple[list[Encoded], RowCounts]:
    texts, outputs = read_pairs(prepared, split)
    rows = student.encode_training(texts, outputs)
    return rows, count(student.encoder, rows, outputs)
