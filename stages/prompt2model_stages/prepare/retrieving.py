"""Loads the chosen dataset: of the builtin catalog, a file, a folder of files, or the hub.

The name alone says which, never whether the hub answers.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from prompt2model_api.results import Choice
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.prepare.tables import READERS, Table, read_table
from prompt2model_stages.prepare.tables.class_names import class_names_of
from prompt2model_stages.prepare.web import discreet, is_web
from prompt2model_stages.storage import Folder, file_system
from prompt2model_stages.student.hub import TOKEN

logger = logging.getLogger(__name__)

FIELD = "datasets.choice"
BUILTIN = "builtin:"


def load_choice(choice: Choice, revision: str | None) -> Table:
    """The table of a choice, its columns checked.

    Args:
        choice: not none.
        revision: the commit at the hub that discover resolved.

    Raises: StageError: ColumnMissing, FileMissing, DatasetUnknown, SplitMissing (Failed), HubUnreachable (Blocked).
    """
    assert choice.name is not None
    assert choice.output_column is not None
    if choice.name.startswith(BUILTIN):
        table = _builtin(choice.name, choice.split)
    elif is_path(choice.name):
        wanted = [*choice.input_columns, choice.output_column]
        table = read_split(choice.name, choice.split, choice.config, wanted)
    else:
        table = _of_hub(choice.name, choice, revision)
    with discreet(choice.name, FIELD):
        table.require([*choice.input_columns, choice.output_column], FIELD)
    return table


def is_path(name: str) -> bool:
    """Whether a dataset's name is a file or folder: by its looks, not by what happens to lie there."""
    return "://" in name or name.startswith(("/", "./", "../", "~")) or name.rsplit(".", 1)[-1].lower() in READERS


def read_split(uri: str, split: str, config: str | None = None, wanted: Sequence[str] = ()) -> Table:
    """One split of a local dataset: a file, or in a folder the files `<split>.<suffix>` or `<split>-*.<suffix>`.

    Raises: StageError FileMissing, SplitMissing, FormatUnknown, DataMalformed.
    """
    if is_web(uri):
        with discreet(uri, FIELD):
            return read_table(uri, FIELD, wanted)
    filesystem, path = file_system(uri)
    if not filesystem.isdir(path):
        return read_table(uri, FIELD, wanted)
    folder = Folder(uri) / config if config else Folder(uri)
    files = [name for name in folder.names() if name.rsplit(".", 1)[-1].lower() in READERS]
    parts = [name for name in files if name.rsplit(".", 1)[0] == split or name.startswith(f"{split}-")]
    if not parts:
        there = ", ".join(files) or "none"
        raise failed(
            "SplitMissing",
            f"{FIELD}: {folder.uri} has no file for the split {split}; its files are {there}.",
            f"Correct {FIELD}.split, or name a file.",
        )
    return _joined(uri, [read_table(f"{folder.uri}/{name}", FIELD, wanted, may_be_empty=True) for name in parts])


def _joined(name: str, tables: Sequence[Table]) -> Table:
    filled = [table for table in tables if table.rows]
    if not filled:
        raise failed("DataMalformed", f"{FIELD}: {name} has no rows.", "Name another split or dataset.")
    if any(table.labels != filled[0].labels for table in filled):
        raise failed(
            "DataMalformed",
            f"{FIELD}: the files of {name} have different names for the same class ids.",
            "Write the files again from one dataset, or name a single file.",
        )
    columns = dict.fromkeys(column for table in filled for column in table.columns)
    return Table(
        name,
        tuple(columns),
        [row for table in filled for row in table.rows],
        filled[0].labels,
        twice=frozenset(column for table in filled for column in table.twice),
        notes=tuple(dict.fromkeys(note for table in filled for note in table.notes)),
    )


def _builtin(name: str, split: str) -> Table:
    from prompt2model_stages.catalogs import locate_dataset

    located = locate_dataset(name)
    table = read_split(str(located), split)
    return Table(name, table.columns, table.rows, table.labels)


def _of_hub(name: str, choice: Choice, revision: str | None) -> Table:
    """A dataset of the hub. Only data is read: the library runs no code of a dataset's."""
    import datasets

    try:
        loaded = datasets.load_dataset(name, choice.config, split=choice.split, revision=revision)
    except Exception as error:  # the library raises what its layers raise; each is sorted or passed on
        raise _of_loading(name, error) from error
    labels = class_names_of(loaded.features.to_dict())
    at = f"{name}@{revision[:12]}" if revision else name
    return Table(f"{at}/{choice.split}", tuple(loaded.column_names), _HubRows(loaded), labels)


class _HubRows(Sequence[dict[str, Any]]):
    """Rows of a `datasets.Dataset`, read only where they are sampled."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):  # the library gives a slice as columns, not as rows
            return [self._dataset[i] for i in range(*index.indices(len(self._dataset)))]
        return self._dataset[index]


def _of_loading(name: str, error: Exception) -> StageError:
    text = f"{FIELD}: the dataset {name} cannot be loaded: {' '.join(str(error).split())}"[:512]
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"GatedRepoError"}:
        return blocked("DatasetGated", text, f"Ask for access at the hub and {TOKEN}.")
    if kinds & {"DatasetNotFoundError", "RepositoryNotFoundError", "RevisionNotFoundError"} and not _offline():
        return failed("DatasetUnknown", text, f"Correct the name or revision; for a private dataset {TOKEN}.")
    if isinstance(error, OSError):  # the connection errors of requests and of the hub are, too
        return blocked("HubUnreachable", text, "Check the connection to the hub (HF_ENDPOINT, HF_HUB_OFFLINE).")
    if isinstance(error, ValueError | RuntimeError | TypeError):
        return failed("DatasetUnusable", text, f"Correct {FIELD}.config or {FIELD}.split, or choose another dataset.")
    logger.error("loading %s failed in an unknown way", name)
    return blocked("DatasetUnavailable", text, "The stage's log has the whole error.")


def _offline() -> bool:
    import datasets

    return bool(datasets.config.HF_HUB_OFFLINE)
