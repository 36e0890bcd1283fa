"""Whether two words are one with a typo."""

from __future__ import annotations

from functools import lru_cache

from prompt2model_stages.prepare.folding import is_number

TYPO_LETTERS, LONG_LETTERS = 4, 8
"""A word of so many letters may have one typo, of the latter two."""


@lru_cache(1 << 16)
def is_typo(one: str, other: str) -> bool:
    """Whether two words differ as by a typo: a letter more, less, another, or two that changed places; twice in long words."""
    shorter = min(len(one), len(other))
    if shorter < TYPO_LETTERS or is_number(one) or is_number(other):
        return False
    most = 2 if shorter >= LONG_LETTERS else 1
    if abs(len(one) - len(other)) > most or len({*one} ^ {*other}) > 2 * most:
        return False
    return _edits(one, other) <= most


def _edits(one: str, other: str) -> int:
    """Edits from one word to the other (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]
