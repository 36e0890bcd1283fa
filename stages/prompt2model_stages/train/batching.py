"""Which rows go into which step: decided by the seed alone, so that a resumed run sees what the killed one would have."""

from __future__ import annotations

import random
from collections.abc import Sequence

WINDOW = 16
"""Batches among which rows are sorted by length: enough to save most padding, little enough to keep the order random."""


def batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of each step's rows in one epoch: every row once, rows of like length together, batches in random order.

    Args:
        lengths: tokens of each row.
        batch_size: rows a step, over all workers.
        seed: of the resource.
        epoch: from 0.
    """
    rng = random.Random(f"{seed} {epoch}")
    order = list(range(len(lengths)))
    rng.shuffle(order)
    made: list[list[int]] = []
    for start in range(0, len(order), batch_size * WINDOW):
        window = sorted(order[start : start + batch_size * WINDOW], key=lambda i: lengths[i])
        made += [window[i : i + batch_size] for i in range(0, len(window), batch_size)]
    rng.shuffle(made)
    return made


def share(batch: Sequence[int], rank: int, workers: int) -> list[int]:
    """The rows of a batch that one worker takes; none where there are fewer rows than workers."""
    return list(batch[rank::workers])
