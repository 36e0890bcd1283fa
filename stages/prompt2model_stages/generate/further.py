"""Outputs that were asked for beside those that came with the examples: texts on the disk, a row of numbers for each input."""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterator

from prompt2model_stages.generate.candidates import hash_of
from prompt2model_stages.spool import Spool


class FurtherOutputs:
    """What was asked for, and what came of it. For an input, numbers count from 1 in the order in which they are asked for.

    Args:
        most: for each input.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: dict[bytes, array[int]] = {}  # by hash of the input: how many were asked for, and where each lies
        self._spool = Spool()

    def __bool__(self) -> bool:
        return bool(self._rows)

    def asked(self, text: str) -> int:
        """How many were asked for, of an input."""
        row = self._rows.get(hash_of(text))
        return 0 if row is None else row[0]

    def ask(self, text: str) -> int:
        """Notes that one more is asked for. Returns: its number."""
        row = self._rows.setdefault(hash_of(text), array("Q", bytes(8 * self._most)))
        row[0] += 1
        return row[0]

    def put(self, text: str, number: int, output: str, key: str) -> None:
        """Keeps one that came, with the key of its request."""
        self._rows[hash_of(text)][number] = self._spool.add(marshal.dumps((output, key)))

    def of(self, text: str) -> Iterator[tuple[str, str] | None]:
        """Output and key of each that may have come, by number; None for what did not."""
        for place in self._rows.get(hash_of(text), ())[1:]:
            yield marshal.loads(self._spool.read(place)) if place else None
