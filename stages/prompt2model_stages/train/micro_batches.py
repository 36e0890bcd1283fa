"""A batch in parts that fit into memory: gradients add up to those of the whole batch, whatever the parts.

A part is as many rows as stay below a number of padded tokens. A batch below it is one part, in its own order, so that
nothing changes for it. Out of memory halves the number; it is kept beside the checkpoints, for the attempts to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch

from prompt2model_stages.storage import Folder
from prompt2model_stages.student.encoding import Encoded

TOKENS_CPU = 4096
TOKENS_GPU = 16384
"""Padded tokens at once: enough for full speed. A token of SmolLM2-135M takes about 0.9 MiB on a CPU (docs/benchmarks.md)."""
BUDGET = "micro_batches.json"
SIGNS = ("out of memory", "can't allocate memory", "not enough memory")


def parts(rows: Sequence[Encoded], budget: int) -> list[list[Encoded]]:
    """The rows in parts of at most `budget` padded tokens each; a longer row is a part of its own."""
    if padded(rows) <= budget:
        return [list(rows)]
    found: list[list[Encoded]] = []
    for row in sorted(rows, key=lambda row: row.length):
        if found and padded([*found[-1], row]) <= budget:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def padded(rows: Sequence[Encoded]) -> int:
    """Tokens of the rows with their padding, at most: inputs and targets are padded together or apart."""
    widths = max((len(row.source) for row in rows), default=0), max((len(row.target) for row in rows), default=0)
    return len(rows) * sum(widths)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator, of a GPU or of the CPU, had no more."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


class Budget:
    """How many padded tokens a part may have, in this attempt and the next ones.

    Args:
        folder: the stage run's.
        device: where the model is.
    """

    def __init__(self, folder: Folder, device: torch.device) -> None:
        self._folder = folder
        self.tokens = TOKENS_GPU if device.type == "cuda" else TOKENS_CPU
        with suppress(OSError, ValueError, KeyError, TypeError):  # nothing was halved so far
            self.tokens = min(self.tokens, max(1, int(folder.read_json(BUDGET)["tokens"])))

    def halve(self, rows: Sequence[Encoded]) -> bool:
        """Halves the number after these rows, one part each or several, had no room; False where a row is left alone."""
        largest = max(parts(rows, self.tokens), key=padded)
        if all(len(part) == 1 for part in parts(rows, self.tokens)):
            return False
        self.tokens = max(1, min(self.tokens, padded(largest)) // 2)
        self._folder.write_json(BUDGET, {"tokens": self.tokens})
        return True
