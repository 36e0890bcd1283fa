"""How often texts were seen, in a fixed amount of memory."""

from __future__ import annotations

from zlib import crc32

SLOTS = 1 << 19
"""Counters of a byte each. Texts that share one are counted together: of 50,000 texts one in ten."""


class Tally:
    """Counts of texts by their hashes, from 0 to 255.

    Args:
        often: so many times make a text frequent.
    """

    def __init__(self, often: int) -> None:
        self._often = often
        self._counts = bytearray(SLOTS)

    def __contains__(self, text: object) -> bool:
        return self._counts[_slot(str(text))] >= self._often

    def add(self, text: str) -> bool:
        """Counts a text once more. Returns: whether it was never counted before."""
        slot = _slot(text)
        before = self._counts[slot]
        self._counts[slot] = min(255, before + 1)
        return before == 0


def _slot(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) & (SLOTS - 1)
