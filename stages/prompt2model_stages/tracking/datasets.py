"""prepare's splits as MLflow datasets: by name, digest and where they lie, with what they were used for."""

from __future__ import annotations

import hashlib
import io
import warnings

from prompt2model_api.stage_run import Stage
from prompt2model_stages.splits import TRAIN, VALIDATION, split_file, split_names
from prompt2model_stages.storage import Folder

SHOWN = ["text", "output", "source"]
"""Of splits.COLUMNS."""


def log_splits(run_id: str, prepared: Folder, stage: Stage) -> None:
    """Logs the splits that the stage made or read to its run, with the contexts training, validation and testing."""
    import mlflow
    import pandas

    # Each of its two readers of files knows a path; which of them records it makes no difference.
    warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted in multiple ways")
    used = [name for name in split_names(prepared.names()) if stage in _readers(name)]
    with mlflow.start_run(run_id=run_id):
        for name in used:
            content = prepared.read_bytes(split_file(name))
            frame = pandas.read_parquet(io.BytesIO(content), columns=SHOWN)
            dataset = mlflow.data.from_pandas(
                frame,
                source=f"{prepared.uri}/{split_file(name)}",
                targets="output",
                name=name,
                digest=hashlib.sha256(content).hexdigest()[:16],
            )
            mlflow.log_input(dataset, context=context_of(name))


def context_of(split: str) -> str:
    """MLflow's word for what a split is for."""
    return {TRAIN: "training", VALIDATION: "validation"}.get(split, "testing")


def _readers(split: str) -> tuple[Stage, ...]:
    reader = Stage.TRAIN if split in (TRAIN, VALIDATION) else Stage.EVALUATE
    return (Stage.PREPARE, reader)
