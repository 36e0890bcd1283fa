"""Columns with several right outputs a row, such as SQuAD's `answers.text`: one is trained on, each counts in evaluation.

Other lists are one output: labels or keywords that are all wanted (docs/decisions/0095).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from prompt2model_stages.classes import are_labels
from prompt2model_stages.prepare.folding import is_number, without_articles, words_of

NAMES = frozenset(
    {
        *("answers", "answer", "references", "reference", "aliases", "normalized_aliases", "targets", "golds", "gold"),
        *("acceptable_answers", "possible_answers", "correct_answers", "valid_answers", "all_answers", "ground_truths"),
    }
)
"""Columns, or fields of them, whose lists are answers: each right where items of a list are alike, else all wanted."""
REPEATED = 0.3
"""Lists are several people's answers where so many of them have items that are alike."""
LEAST_LISTS, MOST_ITEMS = 3, 10
"""Where the column's name does not say it: how many lists there must be, and how long one is that has the same answer twice."""


def are_references(column: str, cells: Iterable[Any]) -> bool:
    """Whether the lists of a column are outputs that are each right.

    Args:
        column: its name, or the path into a nested one (`answers.text`).
        cells: its values.
    """
    cells = list(cells)
    lists = [texts for cell in cells if (texts := listed(cell)) is not None and len(texts) > 1]
    keys = [[key for text in texts if (key := _key(text))] for texts in lists]
    if is_named_so(column):
        if any(isinstance(cell, dict) for cell in cells):
            return True  # SQuAD's form
        return sum(map(_overlap, keys)) >= REPEATED * len(lists)
    if len(lists) < LEAST_LISTS or are_labels(str(text) for texts in lists for text in texts):
        return False
    return sum(map(_repeat, keys)) >= REPEATED * len(lists)


def is_named_so(column: str) -> bool:
    """Whether the column's name says that its lists are answers; they may still be all wanted, as the roots of an equation."""
    return not NAMES.isdisjoint(column.casefold().replace(" ", "_").split("."))


def listed(cell: Any) -> list[Any] | None:
    """The list in a cell, also that of SQuAD's `{text: […], answer_start: […]}`; None where there is none."""
    if isinstance(cell, dict) and isinstance(cell.get("text"), list):
        return list(cell["text"])
    return list(cell) if isinstance(cell, list | tuple) else None


def target_of(texts: Sequence[str]) -> str:
    """The output that is trained on: the one that most people gave, the first of several. Empty where there is none."""
    votes = Counter(map(_key, texts))
    return max(texts, key=lambda text: votes[_key(text)], default="")


def _repeat(keys: Sequence[tuple[str, ...]]) -> bool:
    """Whether at least half of the items are in the list twice, and it is no long list, such as a text's words."""
    counts = Counter(keys)
    twice = sum(count for count in counts.values() if count > 1)
    return len(keys) <= MOST_ITEMS and twice > 0 and 2 * twice >= len(keys)


def _overlap(keys: Sequence[tuple[str, ...]]) -> bool:
    """Whether two of the items have a word in common, and no other numbers."""
    some = [(frozenset(key), frozenset(filter(is_number, key))) for key in keys[:MOST_ITEMS]]
    return any(
        words & others and (numbers <= more or more <= numbers)
        for (words, numbers), (others, more) in combinations(some, 2)
    )


def _key(text: Any) -> tuple[str, ...]:
    return without_articles(words_of(str(text)))
