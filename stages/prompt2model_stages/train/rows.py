"""The splits that prepare wrote, as texts and outputs."""

from __future__ import annotations

import io

from prompt2model_stages.errors import failed
from prompt2model_stages.storage import Folder


def read_pairs(prepared: Folder, split: str) -> tuple[list[str], list[str]]:
    """Texts and outputs of a split; none where prepare made no such split.

    Raises: StageError NoTrainingData where the training split is missing or empty.
    """
    import pyarrow.parquet as pq

    texts: list[str] = []
    outputs: list[str] = []
    if prepared.exists(f"{split}.parquet"):
        table = pq.read_table(io.BytesIO(prepared.read_bytes(f"{split}.parquet")), columns=["text", "output"])
        texts, outputs = table["text"].to_pylist(), table["output"].to_pylist()
    if split == "train" and not texts:
        raise failed(
            "NoTrainingData", "There is no example to train on.", "Let the teacher write examples, or name data."
        )
    return texts, outputs
