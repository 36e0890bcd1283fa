"""Where examples with a common key are found: for each key the latest few places, in memory that grows with their number alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WAYS = 8
"""Entries of a set, the latest first. A ninth takes the place of the oldest."""
FIRST_SETS = 64
LOAD = 0.85
"""Entries for each slot, after which the sets are doubled."""

Keys = npt.NDArray[np.uint32]
_PLACE = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


class Buckets:
    """Places by keys of 32 bits. An entry is 8 bytes: its key, and its place plus one.

    The sets are doubled by the number of entries and nothing else, so what is found depends on what was added before alone.
    """

    def __init__(self) -> None:
        self._rows = np.zeros((FIRST_SETS, WAYS), np.uint64)
        self._added = 0

    def find(self, keys: Keys, most: int, least: int = 1) -> list[int]:
        """Places that share keys, those first that share rare ones, then the latest.

        Args:
            keys: looked up.
            most: places.
            least: keys that a place shares.
        """
        rows = self._rows[self._sets(keys)]
        places = rows & _PLACE
        same = (rows >> _SHIFT == keys[:, None]) & (places > 0)
        shared = same.sum(axis=1)
        found, at = np.unique(places[same], return_inverse=True)
        weights = np.bincount(at, np.repeat(1 / np.maximum(shared, 1), shared), len(found))
        order = np.lexsort((-found.astype(np.int64), -weights))
        enough = np.bincount(at, minlength=len(found)) >= least
        return [int(place) - 1 for place in found[order[enough[order]][:most]]]

    def add(self, keys: Keys, place: int) -> None:
        """Adds a place under each of its keys; of keys that share a set, the first counts."""
        while self._added + len(keys) > LOAD * self._rows.size:
            self._double()
        sets, first = np.unique(self._sets(keys), return_index=True)
        rows = self._rows[sets]
        rows[:, 1:] = rows[:, :-1].copy()
        rows[:, 0] = keys[first].astype(np.uint64) << _SHIFT | np.uint64(place + 1)
        self._rows[sets] = rows
        self._added += len(sets)

    def _sets(self, keys: Keys) -> Keys:
        return keys & np.uint32(len(self._rows) - 1)

    def _double(self) -> None:
        old, bit = self._rows, np.uint64(len(self._rows))
        upper = (old >> _SHIFT & bit) > 0
        halves = []
        for half in (~upper & (old > 0), upper):
            order = np.argsort(~half, axis=1, kind="stable")  # what stays, in its order, then nothing
            halves.append(np.take_along_axis(np.where(half, old, np.uint64(0)), order, axis=1))
        self._rows = np.concatenate(halves)
