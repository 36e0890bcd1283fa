"""Bootstrap confidence intervals.

Source: Koehn 2004, https://aclanthology.org/W04-3250 (resampling of a test set); percentile intervals, 95 %.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from prompt2model_api.results import Interval

RESAMPLES = 1000
BLOCK = 2**24
"""Numbers held at a time, so that 100,000 rows fit in memory."""

Rows = npt.NDArray[np.float64]


def interval(rows: Rows, aggregate: Callable[[Rows, int], Rows], seed: int) -> Interval:
    """A score and its 95 % bootstrap interval.

    Args:
        rows: figures of each row, float64 [n, k], n at least 1.
        aggregate: scores, float64 [m], from column sums of m samples, float64 [m, k], of n rows each.
        seed: the same seed and n draw the same resamples, so that systems are compared on the same ones.

    Returns: value, low and high, rounded to 4 decimals.
    """
    n = len(rows)
    generator = np.random.default_rng(seed)
    block = max(1, min(RESAMPLES, BLOCK // n))
    scores: list[Rows] = []
    for start in range(0, RESAMPLES, block):
        # How often each row is drawn in a resample: rows drawn n times with replacement are multinomial.
        counts = generator.multinomial(n, np.full(n, 1.0 / n), size=min(block, RESAMPLES - start))
        scores.append(aggregate(counts.astype(np.float64) @ rows, n))
    low, high = np.percentile(np.concatenate(scores), [2.5, 97.5])
    value = float(aggregate(rows.sum(axis=0)[None], n)[0])
    return Interval(value=round(value, 4), low=round(float(low), 4), high=round(float(high), 4))
