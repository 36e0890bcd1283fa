"""The parts of datasets.maxRows that several datasets have, so that the same parts are the same work however they are written."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from prompt2model_api.results import UsedDataset


def shares_of(datasets: Sequence[UsedDataset]) -> list[Fraction]:
    """The part of each, in the order of the datasets, as fractions of one.

    The share in percent counts, and those without one have equal parts of what is left. Shares that are less than 100 % together
    keep their ratio.
    """
    named = [one.share for one in datasets]
    left = 100 - sum(share for share in named if share is not None)
    shares = [Fraction(left, named.count(None)) if share is None else Fraction(share) for share in named]
    return [share / sum(shares) for share in shares]


def with_shares(datasets: Sequence[UsedDataset]) -> list[UsedDataset]:
    """The same, without shares where all parts are equal, as of one alone; else with the percent of each, where it is whole."""
    parts = shares_of(datasets)
    if len(set(parts)) == 1:
        return [one.model_copy(update={"share": None}) for one in datasets]
    percents = [part * 100 for part in parts]
    if any(percent.denominator != 1 for percent in percents):
        return list(datasets)
    return [
        one.model_copy(update={"share": percent.numerator}) for one, percent in zip(datasets, percents, strict=True)
    ]
