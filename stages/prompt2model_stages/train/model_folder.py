"""The trained student in <stage folder>/model/, and what is said of its training in training.json."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from prompt2model_stages.preprocessing import PREPROCESSING
from prompt2model_stages.stage_files import TrainingSummary
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.checkpoints import Position

MODEL = "model"


def publish(student: Student, folder: Folder, prepared: Folder, position: Position, began_at: int) -> None:
    """Writes the model with its preprocessing, then the summary.

    Args:
        student: with the weights to keep.
        folder: the stage run's.
        prepared: prepare's folder.
        position: at the training's end.
        began_at: step of the checkpoint that the last attempt went on from, 0 where there was none.

    Raises: OSError, with ENOSPC where the disk is full.
    """
    if folder.local is not None:
        folder.local.mkdir(parents=True, exist_ok=True)
        for left in folder.local.glob(".model-*"):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder.local, prefix=".model-", ignore_cleanup_errors=True) as scratch:
        whole = Path(scratch) / MODEL
        student.save(whole)
        (whole / PREPROCESSING).write_bytes(prepared.read_bytes(PREPROCESSING))
        if folder.local is None:
            folder.put(whole, MODEL)
        else:
            folder.remove(MODEL)
            whole.rename(folder.local / MODEL)
    rate = round(position.tokens / position.seconds, 1) if position.seconds else 0.0
    best = position.best_step or position.step
    TrainingSummary(steps=position.step, best_step=best, began_at=began_at, tokens_per_second=rate).write(folder)
