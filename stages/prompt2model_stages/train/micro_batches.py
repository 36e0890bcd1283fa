"""A batch in parts that fit into memory: gradients add up to those of the whole batch, whatever the parts.

A part is as many rows as stay below a number of padded tokens. A batch below it is one part, in its own order, so that
nothing changes for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from prompt2model_stages.student.encoding import Encoded

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
