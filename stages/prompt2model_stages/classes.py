"""Outputs that are labels: whether they are, and samples of rows that keep each of them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

CLOSED_VALUES, ROWS_A_VALUE = 200, 5
"""Outputs are labels where they have at most so many values, each so many times on average."""
SHORT, FREQUENT = 4, 30
"""An output by itself is a class too where ROWS_A_VALUE rows or families have it and it has at most so many words, or where so many
have it, whatever its length."""


def are_labels(outputs: Iterable[str]) -> bool:
    """Whether the outputs are a closed set."""
    counts = Counter(outputs)
    return bool(counts) and len(counts) <= CLOSED_VALUES and len(counts) * ROWS_A_VALUE <= counts.total()


class ClosedSet:
    """Outputs that come one by one, and whether they are labels; of a set that is not closed only its beginning is held."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self.rows = 0

    def add(self, output: str) -> None:
        """Counts an output."""
        self.rows += 1
        if len(self._values) <= CLOSED_VALUES:
            self._values.add(output)

    @property
    def are_labels(self) -> bool:
        """See are_labels."""
        return 0 < len(self._values) <= CLOSED_VALUES and len(self._values) * ROWS_A_VALUE <= self.rows


def with_each_class(outputs: Sequence[str], drawn: Sequence[int], least: int, seed: int | str) -> list[int]:
    """The drawn rows, of which some of the most frequent classes give way to those of classes that would have too few.

    Args:
        outputs: of all rows; where they are no labels, the drawn rows stay as they are.
        drawn: places of the rows that were drawn.
        least: rows that each class keeps, where it has so many, and as far as there is room for all classes.
        seed: draws the rows that are added and those that give way.

    Returns: as many places as were drawn, in order.
    """
    if not are_labels(outputs):
        return sorted(drawn)
    least = min(least, len(drawn) // max(1, len(set(outputs))))
    kept, spare = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    taken = set(drawn)
    for place, output in enumerate(outputs):
        (kept if place in taken else spare)[output].append(place)
    chance = random.Random(f"{seed}:classes")
    for output in sorted(spare):
        missing = min(least - len(kept[output]), len(spare[output]))
        for place in chance.sample(spare[output], max(0, missing)):
            frequent = max(sorted(kept), key=lambda label: len(kept[label]))
            kept[frequent].pop(chance.randrange(len(kept[frequent])))
            kept[output].append(place)
    return sorted(place for places in kept.values() for place in places)
