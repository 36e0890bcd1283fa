"""Bootstrap confidence intervals.

Source: Koehn 2004, https://aclanthology.org/W04-3250 (resampling of a test set, paired for two systems); percentile
intervals, 95 %.
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
Aggregate = Callable[[Rows, int], Rows]
"""Scores, float64 [m], from column sums of m samples, float64 [m, k], of n rows each."""


def interval(rows: Rows, aggregate: Aggregate, seed: int) -> Interval:
    """A score and its 95 % bootstrap interval.

    Args:
        rows: figures of each row, float64 [n, k], n at least 1.
        aggregate: see Aggregate.
        seed: the same seed and n draw the same resamples, so that systems are compared on the same ones.

    Returns: value, low and high, rounded to 4 decimals.
    """
    return _interval(_value(rows, aggregate), _resampled(rows, aggregate, seed))


def difference(rows: Rows, others: Rows, aggregate: Aggregate, seed: int) -> Interval:
    """The first score minus the second, and its interval by the paired bootstrap: each resample draws the same rows of both.

    Args:
        rows: figures of each row, float64 [n, k].
        others: of the other system on the same rows, float64 [n, k].
        aggregate, seed: as in `interval`.
    """
    if rows.shape != others.shape:
        raise ValueError(f"the systems are not measured on the same rows: {rows.shape} and {others.shape}")
    drawn = _resampled(rows, aggregate, seed) - _resampled(others, aggregate, seed)
    return _interval(_value(rows, aggregate) - _value(others, aggregate), drawn)


def _value(rows: Rows, aggregate: Aggregate) -> float:
    return float(aggregate(rows.sum(axis=0)[None], len(rows))[0])


def _resampled(rows: Rows, aggregate: Aggregate, seed: int) -> Rows:
    """The score of each resample, float64 [RESAMPLES]."""
    n = len(rows)
    generator = np.random.default_rng(seed)
    block = max(1, min(RESAMPLES, BLOCK // n))
    scores: list[Rows] = []
    for start in range(0, RESAMPLES, block):
        # How often each row is drawn in a resample: rows drawn n times with replacement are multinomial.
        counts = generator.multinomial(n, np.full(n, 1.0 / n), size=min(block, RESAMPLES - start))
        scores.append(aggregate(counts.astype(np.float64) @ rows, n))
    return np.concatenate(scores)


def _interval(value: float, drawn: Rows) -> Interval:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value=round(value, 4), low=round(float(low), 4), high=round(float(high), 4))
