"""Which rows make which step: the same for every worker and in every attempt.

The order follows from the seed and the epoch alone, so that a step's number says all there is to know of a position, and
another number of workers trains on the same batches.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

GROUP = 50
"""Batches among which rows are sorted by length: enough to save padding, few enough that the order stays random."""


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Row numbers of each step of an epoch; rows of like length stand together, batches in random order."""
    order = random.Random(f"{seed}/{epoch}")
    rows = list(range(len(lengths)))
    order.shuffle(rows)
    span = GROUP * batch_size
    batches: list[list[int]] = []
    for begin in range(0, len(rows), span):
        group = sorted(rows[begin : begin + span], key=lambda row: lengths[row])
        batches += [group[i : i + batch_size] for i in range(0, len(group), batch_size)]
    order.shuffle(batches)
    return batches


def sorted_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Row numbers by length, for measuring: the order does not count."""
    rows = sorted(range(len(lengths)), key=lambda row: (lengths[row], row))
    return [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]


def share(batch: Sequence[int], rank: int, workers: int) -> list[int]:
    """The rows of a batch that a worker takes; none where there are fewer rows than workers.

    Batches have their longest row last. It goes to rank 0, whose mark in micro_batches.json speaks for all workers.
    """
    return list(batch[(len(batch) - 1 - rank) % workers :: workers])


def learning_rate(step: int, total: int, peak: float, warmup: float = 0.1) -> float:
    """Up in a line over the first tenth of the steps, then down in a line to nothing.

    Args:
        step: steps done before this one, 0 to total - 1.
    """
    rising = max(1, round(total * warmup))
    if step < rising:
        return peak * (step + 1) / rising
    return peak * (total - step) / max(1, total - rising)
