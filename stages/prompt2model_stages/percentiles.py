"""Percentiles of whole numbers: one of the values, so that "95 % of the rows have 40 tokens at most" is true as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt


def at_most(ordered: Sequence[int] | npt.NDArray[Any], percent: int) -> int:
    """What so many percent of the values are at most (nearest rank); 0 where there are none.

    Args:
        ordered: ascending.
        percent: above 0; 50 is the median, the lower one of two, and 100 the largest value.
    """
    return int(ordered[-(-len(ordered) * percent // 100) - 1]) if len(ordered) else 0
