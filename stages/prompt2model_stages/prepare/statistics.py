"""Counts what is in the splits, for people and for the plots."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from prompt2model_stages.examples import SOURCES, Example
from prompt2model_stages.prepare.generated import is_corrected
from prompt2model_stages.prepare.grouping import Grouping
from prompt2model_stages.prepare.nearest import Near, nearest
from prompt2model_stages.prepare.splitting import Splits
from prompt2model_stages.statistics_files import (
    DatasetRows,
    DataStatistics,
    FieldGroups,
    FileRead,
    GroupStatistics,
    Histogram,
    Lengths,
    NearestPair,
    Review,
)

BINS = 20
SHOWN_CHARACTERS = 200

RETRIEVED = ("retrieved", "transformed")


def rows_read(examples: Iterable[Example]) -> dict[str, int]:
    """How many rows came of each dataset that was retrieved."""
    return Counter(dataset_of(example) for example in examples if example.source in RETRIEVED)


def dataset_of(example: Example) -> str:
    """The dataset that a retrieved example came of, with revision and split."""
    return example.origin.rpartition("#")[0]


def statistics_of(
    splits: Splits,
    files: Mapping[str, FileRead] | None = None,
    read: Mapping[str, int] | None = None,
    review: Review | None = None,
) -> DataStatistics:
    """Rows and length histograms by split and source, and what was dropped; lengths in BINS bins of one width for all.

    Args:
        read: rows of each dataset that was retrieved, before splitting.
        review: what a person made of the generated examples.
    """
    rows = {name: len(examples) for name, examples in splits.examples.items()}
    sources = {name: _by_source(examples) for name, examples in splits.examples.items()}
    dropped = {kind: {s: n for s, n in sorted(counts.items()) if n} for kind, counts in vars(splits.dropped).items()}
    lengths = Lengths(
        input=_histogram({n: _lengths((e.source, e.input) for e in xs) for n, xs in splits.examples.items()}),
        output=_histogram({n: _lengths((e.source, e.output) for e in xs) for n, xs in splits.examples.items()}),
    )
    return DataStatistics(
        rows=rows,
        sources=sources,
        lengths=lengths,
        dropped=dropped,
        files=dict(files or {}) or None,
        datasets=_datasets(splits, read or {}) or None,
        grouping=_grouping(splits.grouping) if splits.grouping.groups else None,
        nearest=[_nearest(near) for near in nearest(splits.examples)] or None,
        review=_with_rows(review, splits) if review is not None else None,
    )


def _with_rows(review: Review, splits: Splits) -> Review:
    """With the rows of each split that a person corrected."""
    counts = {name: sum(map(is_corrected, examples)) for name, examples in splits.examples.items()}
    return review.model_copy(update={"rows": {name: count for name, count in counts.items() if count}})


def _grouping(grouping: Grouping) -> GroupStatistics:
    counts = {name: value for name, value in vars(grouping).items() if name != "fields"}
    return GroupStatistics(**counts, fields=[FieldGroups(**vars(field)) for field in grouping.fields])


def _nearest(near: Near) -> NearestPair:
    return NearestPair(
        similarity=near.similarity,
        split=near.split,
        test=near.test.input[:SHOWN_CHARACTERS],
        train=near.train.input[:SHOWN_CHARACTERS],
        test_origin=near.test.origin,
        train_origin=near.train.origin,
    )


def _datasets(splits: Splits, read: Mapping[str, int]) -> dict[str, DatasetRows]:
    whole = sum(read.values())
    counts = {
        name: Counter(dataset_of(example) for example in examples if example.source in RETRIEVED)
        for name, examples in splits.examples.items()
    }
    return {
        dataset: DatasetRows(
            read=rows,
            percent=round(100 * rows / whole, 1) if whole else 0.0,
            rows={name: count[dataset] for name, count in counts.items() if count[dataset]},
        )
        for dataset, rows in read.items()
    }


def _by_source(examples: Iterable[Example]) -> dict[str, int]:
    counts = Counter(example.source for example in examples)
    return {source: counts[source] for source in SOURCES if counts[source]}


def _lengths(texts: Iterable[tuple[str, str]]) -> dict[str, list[int]]:
    lengths: dict[str, list[int]] = {}
    for source, text in texts:
        lengths.setdefault(source, []).append(len(text))
    return {source: lengths[source] for source in SOURCES if source in lengths}


def _histogram(lengths: Mapping[str, Mapping[str, list[int]]]) -> Histogram:
    longest = max((length for split in lengths.values() for ls in split.values() for length in ls), default=0)
    width = max(1, math.ceil((longest + 1) / BINS))
    counts = {name: {s: _counts(values, width) for s, values in sources.items()} for name, sources in lengths.items()}
    return Histogram(edges=[i * width for i in range(BINS + 1)], counts=counts)


def _counts(values: Iterable[int], width: int) -> list[int]:
    bins = Counter(value // width for value in values)
    return [bins[i] for i in range(BINS)]
