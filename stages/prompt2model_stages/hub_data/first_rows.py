"""The schema and the first rows of a dataset at the hub, streamed: of any size, the same few rows are read.

`datasets` retries for up to 20 minutes, which is right for a stage that needs the rows and wrong where a person waits or where
work can go on without them; so the reading has a deadline here.
"""

from __future__ import annotations

import importlib
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.hub_data.errors import AWAY, hub_data_error, split_missing
from prompt2model_stages.hub_data.streaming import open_stream
from prompt2model_stages.student.hub import PATIENCE_S, quiet

FIELD = "datasets.choice"
DEADLINE_S = 20.0
TRAIN = "train"
MEDIA = ("Image", "Audio", "Video", "Pdf", "Nifti", "Mesh")
"""Types of `datasets` whose cells are files; a column with one is left out, undecoded."""


@dataclass(frozen=True)
class FirstRows:
    """What was read of one split.

    name, config, split: config is None where the dataset has only one; split is the one that was read.
    revision: the commit.
    splits: all of the configuration, with the number of rows where the hub knows it.
    features: the columns with their types, in the form of `datasets.Features.to_dict()`; empty: not known.
    left_out: columns with images, sound or other files, which are not read.
    rows: the first ones; class ids are ids.
    """

    name: str
    config: str | None
    split: str
    revision: str
    splits: Mapping[str, int | None]
    features: Mapping[str, Any]
    left_out: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that can be read, in the dataset's order."""
        names = self.features or dict.fromkeys(name for row in self.rows for name in row)
        return tuple(name for name in names if name not in self.left_out)


def first_rows(
    name: str,
    config: str | None = None,
    split: str | None = None,
    revision: str | None = None,
    rows: int = 20,
    deadline_s: float = DEADLINE_S,
    where: str = FIELD,
) -> FirstRows:
    """Schema and first rows of a dataset at the hub.

    Args:
        name: at the hub.
        config: None: its default one.
        split: None: train, else the one with the most rows, else the first.
        revision: a commit; None: the one of now.
        rows: how many.
        deadline_s: seconds for all that the hub is asked.
        where: the field of the spec that messages name.

    Raises: StageError DatasetUnknown, DatasetNeedsCode, ConfigUnnamed, SplitMissing, DatasetUnusable (Failed),
        DatasetGated, HubUnreachable, DatasetUnavailable (Blocked).
    """
    importlib.import_module("datasets")  # takes seconds on a busy machine, which are not the hub's
    answer: queue.SimpleQueue[FirstRows | Exception] = queue.SimpleQueue()

    def read() -> None:
        try:
            answer.put(_read(name, config, split, revision, rows, where))
        except Exception as error:  # handed to the caller's thread, which sorts it
            answer.put(error)

    threading.Thread(target=read, daemon=True, name=f"first rows of {name}").start()
    try:
        found = answer.get(timeout=deadline_s)
    except queue.Empty:
        text = f"{where}: the hub did not send rows of the dataset {name} within {deadline_s:g} seconds."
        raise blocked("HubUnreachable", text, AWAY) from None
    if isinstance(found, StageError):
        raise found
    if isinstance(found, Exception):
        raise hub_data_error(name, found, where) from found
    return found


def _read(name: str, config: str | None, split: str | None, revision: str | None, rows: int, where: str) -> FirstRows:
    with quiet():
        commit = _commit_of(name, revision)
        streams = open_stream(name, config, None, commit)
        splits = _splits(streams)
        chosen = split or split_of(splits)
        if chosen not in streams:
            raise split_missing(name, chosen, list(splits), where)
        stream = streams[chosen]
        if stream.features is None:
            stream = stream._resolve_features()
        features = stream.features.to_dict() if stream.features is not None else {}
        left_out = media_columns(features)
        if left_out:
            stream = stream.decode(False).remove_columns(list(left_out))
        found = list(islice(iter(stream), rows))
    built = stream.info.config_name
    return FirstRows(
        name=name,
        config=config or (built if built and built != "default" else None),
        split=chosen,
        revision=commit,
        splits=splits,
        features=features,
        left_out=left_out,
        rows=found,
    )


def split_of(splits: Mapping[str, int | None]) -> str:
    """The split to read where none is named: train, else the largest; those of unknown size are the smallest."""
    return TRAIN if TRAIN in splits else max(splits, key=lambda name: splits[name] or 0)


def media_columns(features: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that hold images, sound or other files, also inside lists and structs."""
    return tuple(name for name, feature in features.items() if any(kind in MEDIA for kind in _kinds(feature)))


def _kinds(feature: Any) -> Iterator[str]:
    """Names of the types in a feature."""
    if isinstance(feature, Mapping):
        if isinstance(kind := feature.get("_type"), str):
            yield kind
        for inner in feature.values():
            yield from _kinds(inner)
    elif isinstance(feature, list):
        for inner in feature:
            yield from _kinds(inner)


def _splits(streams: Mapping[str, Any]) -> dict[str, int | None]:
    sizes = next((stream.info.splits or {} for stream in streams.values()), {})
    return {str(name): sizes[name].num_examples if name in sizes else None for name in streams}


def _commit_of(name: str, revision: str | None) -> str:
    """The commit; asked for first and with a short patience, so that a hub that is away is found out soon."""
    from huggingface_hub import HfApi

    return str(HfApi().dataset_info(name, revision=revision, timeout=PATIENCE_S).sha)
