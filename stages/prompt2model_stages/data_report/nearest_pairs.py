"""The test rows that are nearest to a training row, found anew in the files: signatures stay in memory, texts do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from prompt2model_api.texts import cut
from prompt2model_stages.data_report.figures import NearPair
from prompt2model_stages.data_report.rows import DataRow
from prompt2model_stages.examples import Pair
from prompt2model_stages.prepare.folding import folded, words_of
from prompt2model_stages.prepare.near_duplicates import similarity
from prompt2model_stages.prepare.nearest import SHOWN, places_of_nearest
from prompt2model_stages.prepare.sketches import signatures_of
from prompt2model_stages.prepare.statistics import SHOWN_CHARACTERS
from prompt2model_stages.splits import TRAIN, VALIDATION

Reader = Callable[[str], Iterator[DataRow]]
"""The rows of a split, by its name."""


def nearest_pairs(splits: Sequence[str], counted: Reader, again: Reader) -> list[NearPair]:
    """At most ten test rows, each with the training row nearest to it, the nearest first; as prepare finds them.

    Args:
        splits: their names. All rows of all of them are read once, also where there is no test.
        counted: reads a split for the first time.
        again: reads one once more, for the texts of the rows that are compared word by word.
    """
    tests = [name for name in splits if name not in (TRAIN, VALIDATION)]
    sizes: dict[str, int] = {}
    compared = [*tests, *(name for name in splits if name == TRAIN)]
    signatures = signatures_of(folded(row.input) for row in _read(compared, counted, sizes))
    for name in splits:
        if name not in compared:
            for _ in counted(name):
                pass
    behind = sum(sizes[name] for name in tests)
    places = places_of_nearest(signatures, behind) if TRAIN in splits else []
    del signatures
    rows = _texts(compared, again, {place for test, train in places for place in (test, behind + train)})
    found = [_pair(*rows[test], rows[behind + train][1]) for test, train in places]
    found.sort(key=lambda near: (-near.similarity, near.test.input, near.train.input, near.split))
    return found[:SHOWN]


def _read(splits: Iterable[str], reader: Reader, sizes: dict[str, int]) -> Iterator[DataRow]:
    for name in splits:
        sizes[name] = 0
        for row in reader(name):
            sizes[name] += 1
            yield row


def _texts(splits: Sequence[str], again: Reader, wanted: set[int]) -> Mapping[int, tuple[str, DataRow]]:
    """The rows at some places of all splits, one behind the other, with their split."""
    if not wanted:
        return {}
    every = chain.from_iterable(((name, row) for row in again(name)) for name in splits)
    return {place: found for place, found in enumerate(every) if place in wanted}


def _pair(split: str, test: DataRow, train: DataRow) -> NearPair:
    share = similarity(words_of(test.input), words_of(train.input))
    return NearPair(round(share, 3), split, _shown(test), _shown(train))


def _shown(row: DataRow) -> Pair:
    return Pair(cut(row.input, SHOWN_CHARACTERS), cut(row.output, SHOWN_CHARACTERS))
