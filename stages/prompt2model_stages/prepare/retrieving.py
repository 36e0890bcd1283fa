"""Loads the chosen dataset: of the builtin catalog, a file, a folder of files, or the hub.

The name alone says which, never whether the hub answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_api.data_files import is_path
from prompt2model_api.results import Choice, UsedDataset
from prompt2model_stages.errors import failed
from prompt2model_stages.prepare.hub_datasets import FIELD, load_hub_dataset
from prompt2model_stages.prepare.tables import READERS, Table, read_table
from prompt2model_stages.prepare.web import discreet, is_web
from prompt2model_stages.storage import Folder, file_system

MOST_ROWS = 3000
BUILTIN = "builtin:"


def load_choice(choice: Choice | UsedDataset, revision: str | None, rows: int = MOST_ROWS, seed: int = 0) -> Table:
    """The table of a choice, its columns checked.

    Args:
        choice: not none.
        revision: the commit at the hub that discover resolved.
        rows: as many as will be drawn of it; what lies at the hub is read no further than they need.
        seed: of the sample.

    Raises: StageError: ColumnMissing, FileMissing, DatasetUnknown, SplitMissing (Failed), HubUnreachable (Blocked).
    """
    assert choice.name is not None
    assert choice.output_column is not None
    if choice.name.startswith(BUILTIN):
        table = _builtin(choice.name, choice.split_to_read)
    elif is_path(choice.name):
        wanted = [*choice.input_columns, choice.output_column]
        table = read_split(choice.name, choice.split_to_read, choice.config, wanted)
    else:
        table = load_hub_dataset(choice, revision, rows, seed)
    with discreet(choice.name, FIELD):
        table.require([*choice.input_columns, choice.output_column], FIELD)
    return table


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
    files = readable(folder.names())
    parts = files_of_split(files, split)
    if not parts:
        there = ", ".join(files) or "none"
        raise failed(
            "SplitMissing",
            f"{FIELD}: {folder.uri} has no file for the split {split}; its files are {there}.",
            f"Correct {FIELD}.split, or name a file.",
        )
    return _joined(uri, [read_table(f"{folder.uri}/{name}", FIELD, wanted, may_be_empty=True) for name in parts])


def readable(names: Sequence[str]) -> list[str]:
    """The files of a folder that can be read as data, by their suffixes."""
    return [name for name in names if name.rsplit(".", 1)[-1].lower() in READERS]


def files_of_split(names: Sequence[str], split: str) -> list[str]:
    """The files of a folder that make one split: `<split>.<suffix>` or `<split>-*.<suffix>`."""
    return [name for name in readable(names) if name.rsplit(".", 1)[0] == split or name.startswith(f"{split}-")]


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
