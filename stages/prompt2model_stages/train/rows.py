"""The splits that the student learns, as texts and outputs."""

from __future__ import annotations

from prompt2model_stages.errors import failed
from prompt2model_stages.splits import TRAIN, read_split
from prompt2model_stages.storage import Folder


def read_pairs(prepared: Folder, split: str) -> tuple[list[str], list[str]]:
    """Texts and outputs of a split; none where prepare made no such split.

    Raises: StageError NoTrainingData where the training split is missing or empty.
    """
    rows = read_split(prepared, split)
    if split == TRAIN and not rows:
        raise failed(
            "NoTrainingData", "There is no example to train on.", "Let the teacher write examples, or name data."
        )
    return [row.text for row in rows], [row.output for row in rows]
