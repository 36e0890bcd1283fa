"""Columns with several right outputs a row, such as SQuAD's `answers.text`: one is trained on, each counts in evaluation.

Other lists are one output: labels or keywords that are all wanted (docs/decisions/0095).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from prompt2model_stages.classes import are_labels
from prompt2model_stages.prepare.folding import without_articles, words_of

NAMES = frozenset(
    {
        *("answers", "answer", "references", "reference", "aliases", "normalized_aliases", "targets", "golds", "gold"),
        *("acceptable_answers", "possible_answers", "correct_answers", "valid_answers", "all_answers", "ground_truths"),
    }
)
"""Columns, or fields of them, whose lists are outputs that are each right."""
REPEATED = 0.3
"""Lists are several people's answers, whatever their column is called, where so many of them have an answer twice."""
LEAST_LISTS = 3


def are_references(column: str, cells: Iterable[Any]) -> bool:
    """Whether the lists of a column are outputs that are each right.

    Args:
        column: its name, or the path into a nested one (`answers.text`).
        cells: its values.
    """
    lists = [texts for cell in cells if (texts := listed(cell)) is not None and len(texts) > 1]
    if not NAMES.isdisjoint(column.casefold().replace(" ", "_").split(".")):
        return True
    if len(lists) < LEAST_LISTS or are_labels(text for texts in lists for text in texts):
        return False
    twice = sum(len({_key(text) for text in texts}) < len(texts) for texts in lists)
    return twice >= REPEATED * len(lists)


def listed(cell: Any) -> list[Any] | None:
    """The list in a cell, also that of SQuAD's `{text: […], answer_start: […]}`; None where there is none."""
    if isinstance(cell, dict) and isinstance(cell.get("text"), list):
        return list(cell["text"])
    return list(cell) if isinstance(cell, list | tuple) else None


def target_of(texts: Sequence[str]) -> str:
    """The output that is trained on: the one that most people gave, the first of several. Empty where there is none."""
    votes = Counter(map(_key, texts))
    return max(texts, key=lambda text: votes[_key(text)], default="")


def _key(text: Any) -> tuple[str, ...]:
    return without_articles(words_of(str(text)))
