"""The rows to train on that are nearest to test rows: what a person looks at to see how far a split can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prompt2model_stages.examples import Example
from prompt2model_stages.prepare.folding import folded, words_of
from prompt2model_stages.prepare.near_duplicates import similarity
from prompt2model_stages.prepare.sketches import Places, Signatures, Similarities, estimates, forest, signatures_of
from prompt2model_stages.splits import TRAIN, VALIDATION

SHOWN, COMPARED = 10, 100
"""So many pairs are shown, the nearest of so many that are compared word by word."""
EACH_WITH_EACH = 20_000_000
"""Up to so many pairs of a test and a training row all are looked at; beyond, the neighbours in sorted lists of signatures."""


@dataclass(frozen=True)
class Near:
    """A test row, the training row nearest to it, and how much of their words they share, 0 to 1."""

    split: str
    test: Example
    train: Example
    similarity: float


def nearest(splits: Mapping[str, Sequence[Example]]) -> list[Near]:
    """At most SHOWN test rows, each with the training row nearest to it, the nearest first."""
    train = splits.get(TRAIN, [])
    tests = [(name, row) for name, rows in splits.items() if name not in (TRAIN, VALIDATION) for row in rows]
    if not train or not tests:
        return []
    signatures = signatures_of(folded(row.input) for row in [*(row for _, row in tests), *train])
    found = []
    for test, other in places_of_nearest(signatures, len(tests)):
        name, row = tests[test]
        share = similarity(words_of(row.input), words_of(train[other].input))
        found.append(Near(name, row, train[other], round(share, 3)))
    found.sort(key=lambda near: (-near.similarity, near.test.input, near.train.input, near.split))
    return found[:SHOWN]


def places_of_nearest(signatures: Signatures, tests: int) -> list[tuple[int, int]]:
    """The COMPARED test rows with the highest estimates, each with the training row that has it.

    Args:
        signatures: of the inputs, uint32 [n, VALUES]: those of the test rows first, then those of the training rows.
        tests: how many test rows there are.

    Returns: places of a test row and of a training row, both counted from 0.
    """
    if not 0 < tests < len(signatures):
        return []
    best = np.zeros(tests, np.float32)
    whose = np.zeros(tests, np.int64)
    if tests * (len(signatures) - tests) <= EACH_WITH_EACH:
        for test in range(tests):
            similar = (signatures[tests:] == signatures[test]).mean(axis=1, dtype=np.float32)
            whose[test] = similar.argmax()
            best[test] = similar[whose[test]]
    else:
        for one, other in forest(signatures):
            _take_better(best, whose, signatures, *_across(one, other, tests))
    ranked = np.argsort(-best, kind="stable")[:COMPARED]
    return [(int(test), int(whose[test])) for test in ranked if best[test] > 0]


def _across(one: Places, other: Places, tests: int) -> tuple[Places, Places]:
    """The pairs of a test and a training row, the test row first."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    across = (low < tests) & (high >= tests)
    return low[across], high[across]


def _take_better(best: Similarities, whose: Places, signatures: Signatures, test: Places, train: Places) -> None:
    similar = estimates(signatures, test, train)
    for place in np.argsort(similar, kind="stable"):  # the last one of a test row that is written is its best
        if similar[place] > best[test[place]]:
            best[test[place]], whose[test[place]] = similar[place], train[place] - len(best)
