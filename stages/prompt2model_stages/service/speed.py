"""How long texts take: a line through what the last batches took. Pure."""

from __future__ import annotations

FORGET = 0.9
"""How much of its weight a batch keeps when another comes: about the last ten count."""


class Speed:
    """Seconds of a batch of n texts as base + each * n, by weighted least squares.

    Args:
        batch_limit: texts generated at once.
    """

    def __init__(self, batch_limit: int) -> None:
        self._batch_limit = batch_limit
        self._weight = self._texts = self._texts2 = self._seconds = self._product = 0.0

    @property
    def known(self) -> bool:
        """Whether anything was measured."""
        return self._weight > 0

    def measured(self, texts: int, seconds: float) -> None:
        """Takes in what a batch took."""
        self._weight = FORGET * self._weight + 1
        self._texts = FORGET * self._texts + texts
        self._texts2 = FORGET * self._texts2 + texts * texts
        self._seconds = FORGET * self._seconds + seconds
        self._product = FORGET * self._product + texts * seconds

    def seconds(self, texts: int) -> float:
        """What so many texts will take, in as few batches as they fit in; 0 where nothing was measured."""
        if not self.known:
            return 0.0
        base, each = self._line()
        full, rest = divmod(texts, self._batch_limit)
        batches = full + (rest > 0)
        return batches * base + texts * each

    def texts_within(self, seconds: float) -> int:
        """The most texts that take no longer than this; at least 1."""
        found = 1
        while found < 1 << 16 and self.seconds(2 * found) <= seconds:
            found *= 2
        step = found
        while step:
            if self.seconds(found + step) <= seconds:
                found += step
            step //= 2
        return found

    def _line(self) -> tuple[float, float]:
        """Base and each. Batches of one size tell no base: then the time is taken to grow with the texts."""
        mean_texts, mean_seconds = self._texts / self._weight, self._seconds / self._weight
        spread = self._texts2 / self._weight - mean_texts**2
        if spread <= 1e-6 * mean_texts**2:
            return 0.0, mean_seconds / mean_texts
        each = (self._product / self._weight - mean_texts * mean_seconds) / spread
        each = min(max(each, 0.0), mean_seconds / mean_texts)
        return mean_seconds - each * mean_texts, each
