"""One pass over the rows of all splits: sizes, lengths, labels, the rows of the seed, inputs that stand in two splits.

Of each row some numbers are kept (four bytes a length, eight a hash), never its texts, so memory does not grow with them.
"""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from prompt2model_api.texts import cut
from prompt2model_stages.classes import CLOSED_VALUES, ROWS_A_VALUE
from prompt2model_stages.data_report.figures import Label, LengthFigures, Overlap, Sample, SplitFigures
from prompt2model_stages.data_report.rows import DataRow
from prompt2model_stages.examples import SOURCES, group_of
from prompt2model_stages.percentiles import at_most

SAMPLES = 3
"""Rows of each split that are drawn."""
SHOWN_CHARACTERS = 600
"""Of a drawn row's texts."""


class Counting:
    """Counts while rows pass through. Args: seed: draws the rows that are shown."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._splits: dict[str, _Split] = {}
        self._outputs: dict[str, Counter[str]] | None = {}
        self._distinct: set[str] = set()

    def expect(self, splits: Iterable[str]) -> None:
        """The order in which splits are told, whatever the one in which they come."""
        self._splits = {name: _Split() for name in splits}

    def through(self, split: str, rows: Iterable[DataRow]) -> Iterator[DataRow]:
        """The same rows, all of a split, each counted as it passes."""
        drawn = _Drawn(random.Random(f"{self._seed}:{split}:shown"))
        found = self._splits[split] = _Split()
        if self._outputs is not None:
            self._outputs[split] = Counter()
        for row in rows:
            found.add(row)
            drawn.add(row)
            self._label(split, row.output)
            yield row
        found.samples = [_sample(split, row) for row in drawn.rows()]

    def _label(self, split: str, output: str) -> None:
        if self._outputs is None:
            return
        self._outputs[split][output] += 1
        self._distinct.add(output)
        if len(self._distinct) > CLOSED_VALUES:  # no closed set: what was counted so far is of no use
            self._outputs = None
            self._distinct = set()

    def figures(self) -> list[SplitFigures]:
        """Of each split."""
        return [split.figures(name) for name, split in self._splits.items()]

    def labels(self) -> list[Label] | None:
        """The outputs, the most frequent first; None where they are no closed set (see classes.are_labels)."""
        if self._outputs is None:
            return None
        whole: Counter[str] = Counter()
        for counts in self._outputs.values():
            whole.update(counts)
        if not whole or len(whole) * ROWS_A_VALUE > whole.total():
            return None
        ordered = sorted(whole, key=lambda output: (-whole[output], output))
        by_split = [(name, self._outputs[name]) for name in self._splits]
        return [Label(one, {name: counts[one] for name, counts in by_split if counts[one]}) for one in ordered]

    def overlaps(self) -> list[Overlap]:
        """Each two splits that share inputs."""
        groups = {name: split.groups() for name, split in self._splits.items()}
        shared = ((one, other, _shared(groups[one], groups[other])) for one, other in combinations(groups, 2))
        return [Overlap(one, other, count) for one, other, count in shared if count]

    def samples(self) -> list[Sample]:
        """The rows that were drawn, split by split."""
        return [sample for split in self._splits.values() for sample in split.samples]


class _Split:
    """What is kept of a split."""

    def __init__(self) -> None:
        self._sources: Counter[str] = Counter()
        self._inputs, self._outputs = array("I"), array("I")
        self._groups = array("Q")
        self.samples: list[Sample] = []

    def add(self, row: DataRow) -> None:
        self._sources[row.source] += 1
        self._inputs.append(len(row.input))
        self._outputs.append(len(row.output))
        self._groups.append(int(group_of(row.input), 16))

    def groups(self) -> npt.NDArray[np.uint64]:
        """Each different input's hash once, ascending."""
        return np.unique(np.frombuffer(self._groups, np.uint64)) if self._groups else np.empty(0, np.uint64)

    def figures(self, name: str) -> SplitFigures:
        known = [source for source in SOURCES if self._sources[source]]
        others = sorted(source for source in self._sources if source not in SOURCES and source)
        return SplitFigures(
            name=name,
            rows=len(self._inputs),
            sources={source: self._sources[source] for source in (*known, *others)},
            inputs=len(self.groups()),
            input=_lengths(self._inputs),
            output=_lengths(self._outputs),
        )


class _Drawn:
    """SAMPLES rows at random, of however many pass.

    Source: Vitter 1985, Random sampling with a reservoir (algorithm R).
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance, self._seen = chance, 0
        self._kept: list[tuple[int, DataRow]] = []

    def add(self, row: DataRow) -> None:
        place, self._seen = self._seen, self._seen + 1
        if len(self._kept) < SAMPLES:
            self._kept.append((place, row))
        elif (at := self._chance.randrange(self._seen)) < SAMPLES:
            self._kept[at] = (place, row)

    def rows(self) -> list[DataRow]:
        """In their order."""
        return [row for _, row in sorted(self._kept, key=lambda kept: kept[0])]


def _sample(split: str, row: DataRow) -> Sample:
    references = tuple(cut(text, SHOWN_CHARACTERS) for text in row.references)
    return Sample(split, row.source, cut(row.input, SHOWN_CHARACTERS), cut(row.output, SHOWN_CHARACTERS), references)


def _lengths(lengths: array[int]) -> LengthFigures:
    ordered = np.sort(np.frombuffer(lengths, np.uint32)) if lengths else np.empty(0, np.uint32)
    return LengthFigures(*(at_most(ordered, percent) for percent in (50, 95, 100)))


def _shared(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> int:
    return len(np.intersect1d(one, other, assume_unique=True))
