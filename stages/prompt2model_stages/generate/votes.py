"""Which of several outputs of an input is kept.

Source: Viswanathan et al. 2023, section 3.3 (self-consistency).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def winner(outputs: Iterable[str]) -> tuple[str, int]:
    """The most frequent output and its votes; ties go to the shortest, then to the one that came first."""
    votes = Counter(outputs)
    best = min(votes, key=lambda output: (-votes[output], len(output)))
    return best, votes[best]
