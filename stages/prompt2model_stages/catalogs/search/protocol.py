"""What every index can do, and what an index needs of a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
"""One score a row, in the order of the texts."""


class IndexUnusable(ValueError):
    """An index on disk is missing, damaged, or of something else; the message is one sentence with what to do."""


class Hit(NamedTuple):
    """A row that was found."""

    row: int
    score: float


class Index(Protocol):
    """Texts that can be searched."""

    def scores(self, query: str) -> Scores:
        """How near each text is to the query, [rows]; higher is nearer."""

    def search(self, query: str, k: int) -> list[Hit]:
        """The k nearest rows, nearest first; of equal ones the first row first."""


class Searchable(Protocol):
    """A catalog, as far as search needs it."""

    @property
    def folder(self) -> Path:
        """Where its indexes are stored: a local folder."""

    @property
    def digest(self) -> str:
        """Changes with its texts."""

    def texts(self) -> Sequence[str]:
        """The searched texts, in order."""


def nearest(scores: Scores, k: int) -> list[Hit]:
    """The k highest scores with their rows; of equal ones the first row first."""
    if k <= 0:
        return []
    rows = np.arange(len(scores))
    if k < len(scores):  # all that reach the k-th: ties are decided by the sort, not by the partition
        least = np.partition(scores, -k)[-k]
        rows = rows[scores >= least]
    order = rows[np.lexsort((rows, -scores[rows]))][:k]
    return [Hit(int(row), float(scores[row])) for row in order]
