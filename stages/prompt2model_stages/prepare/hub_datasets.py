"""A dataset of the hub: its first rows are streamed, and of these so many are drawn as the spec wants.

Only what is read is fetched. The first rows alone would often be of one class, since many datasets are sorted by it; so the
rows come from a window many times as long, and which window that was is said. Only data is read: the library runs no
code of a dataset's.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prompt2model_api.results import Choice, UsedDataset
from prompt2model_stages.classes import CLOSED_VALUES, with_each_class
from prompt2model_stages.errors import StageError
from prompt2model_stages.hub_data import hub_data_error
from prompt2model_stages.hub_data.streaming import open_stream
from prompt2model_stages.prepare.cached_datasets import COMMIT, load_cached
from prompt2model_stages.prepare.tables import LEAST_OF_A_CLASS, OutputOf, Table
from prompt2model_stages.prepare.tables.class_names import class_names_of
from prompt2model_stages.student.hub import PATIENCE_S

logger = logging.getLogger(__name__)

FIELD = "datasets.choice"
WINDOW_FACTOR = 20
LARGEST_MARGIN = 200_000
"""Rows that are read beyond those that are wanted, at most."""


@dataclass(frozen=True)
class Drawn(Table):
    """Rows drawn from a dataset. numbers: of each row in the dataset. note: which rows they are, where not of all."""

    numbers: Sequence[int] = field(default=())
    note: str = ""

    def sample(self, rows: int, seed: int, outputs: str = "") -> list[tuple[int, Mapping[str, Any]]]:
        """See Table; the numbers are the dataset's."""
        return [(self.numbers[place], row) for place, row in super().sample(rows, seed, outputs)]


def load_hub_dataset(choice: Choice | UsedDataset, revision: str | None, rows: int, seed: int) -> Table:
    """At most so many rows of one split.

    Args:
        choice: with a name at the hub.
        revision: the commit that discover resolved; where it is none, but a branch, a tag or nothing, it is resolved now, and
            the table's name says to which commit.
        rows: as many as are drawn.
        seed: of the sample.

    Raises: StageError what hub_data_error says.
    """
    assert choice.name is not None
    try:
        return _cached(choice, revision) if _offline() else _streamed(choice, revision, rows, seed)
    except StageError:
        raise
    except Exception as error:  # the library raises what its layers raise; each is sorted or passed on
        raise hub_data_error(choice.name, error, FIELD, offline=_offline()) from error


def window_of(rows: int) -> int:
    """How many of a dataset's first rows are read, to draw so many."""
    return min(WINDOW_FACTOR * rows, rows + LARGEST_MARGIN)


def drawn_from(
    rows: Iterator[Mapping[str, Any]],
    window: int,
    most: int,
    seed: int,
    output: OutputOf | None = None,
) -> tuple[list[int], list[Any], int]:
    """A sample of the first rows, in their order: numbers and rows; and how many rows were read.

    Args:
        rows: of the dataset.
        window: how many are read.
        most: how many are drawn.
        seed: decides.
        output: of a row; where outputs are labels, some rows of each that was read are among those that are drawn.

    Source: Vitter, Random Sampling with a Reservoir (1985), algorithm R.
    """
    chance, kept, read = random.Random(seed), dict[int, tuple[int, Any]](), 0
    first: dict[str, list[tuple[int, Any]]] = {}
    for number, row in enumerate(rows):
        read += 1
        place = number if number < most else chance.randrange(number + 1)
        if place < most:
            kept[place] = (number, row)
        if (
            output is not None
            and len(first) <= CLOSED_VALUES
            and len(some := first.setdefault(output(row), [])) < LEAST_OF_A_CLASS
        ):
            some.append((number, row))
        if read >= window:
            break
    found = dict(kept.values())
    if output is not None and len(first) <= CLOSED_VALUES:
        pool = sorted({**{number: row for some in first.values() for number, row in some}, **found}.items())
        drawn = [place for place, (number, _) in enumerate(pool) if number in found]
        places = with_each_class([output(row) for _, row in pool], drawn, LEAST_OF_A_CLASS, seed)
        found = dict(pool[place] for place in places)
    numbers = sorted(found)
    return numbers, [found[number] for number in numbers], read


def _streamed(choice: Choice | UsedDataset, revision: str | None, rows: int, seed: int) -> Table:
    assert choice.name is not None
    commit = revision if revision and COMMIT.fullmatch(revision) else _commit_of(choice.name, revision)
    stream = open_stream(choice.name, choice.config, choice.split_to_read, commit)
    if stream.features is None:
        stream = stream._resolve_features()
    stream = stream.decode(
        False
    )  # a column of pictures or sound is not text, and may need libraries that are not there
    window = window_of(rows)
    columns = tuple(stream.features or ())
    shape = Table(choice.name, columns, [])
    wanted = str(choice.output_column)
    numbers, found, read = drawn_from(iter(stream), window, rows, seed, lambda row: str(shape.cell(row, wanted)))
    name = f"{choice.name}@{commit[:12]}/{_part(choice)}"
    note = ""
    if read >= window:
        note = f"The retrieved rows are {len(found):,} drawn from the first {read:,} of {name}."
        logger.info(note)
    columns = columns or tuple(found[0] if found else ())
    return Drawn(name, columns, found, _labels(stream.features), numbers=numbers, note=note)


def _cached(choice: Choice | UsedDataset, revision: str | None) -> Table:
    """What lies in the cache of this machine, whole: nothing can be streamed without the hub."""
    assert choice.name is not None
    loaded, commit = load_cached(choice.name, choice.config, choice.split_to_read, revision, FIELD)
    at = f"{choice.name}@{commit[:12]}" if commit else choice.name
    return Table(f"{at}/{_part(choice)}", tuple(loaded.column_names), HubRows(loaded), _labels(loaded.features))


def _part(choice: Choice | UsedDataset) -> str:
    """Configuration and split: what tells the rows of one dataset apart."""
    return f"{choice.config}/{choice.split_to_read}" if choice.config else choice.split_to_read


def _commit_of(name: str, revision: str | None) -> str:
    """The commit that a branch, a tag or nothing means now. Raises: the client's errors."""
    from huggingface_hub import HfApi

    return str(HfApi().dataset_info(name, revision=revision, timeout=PATIENCE_S).sha)


def _labels(features: Any) -> Mapping[str, Sequence[str]]:
    return class_names_of(features.to_dict()) if features is not None else {}


class HubRows(Sequence[dict[str, Any]]):
    """Rows of a `datasets.Dataset`, read only where they are sampled."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):  # the library gives a slice as columns, not as rows
            return [self._dataset[i] for i in range(*index.indices(len(self._dataset)))]
        return self._dataset[index]


def _offline() -> bool:
    import datasets

    return bool(datasets.config.HF_HUB_OFFLINE)
