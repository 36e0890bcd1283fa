"""Opens a catalog: the one that this package ships, or one that `p2m catalog build` made at a URI.

    <uri>/datasets/catalog.json                  names the version that counts; written last
    <uri>/datasets/v-<digest>/entries.parquet    the entries; beside it the indexes, bm25/ and vectors/
    <uri>/datasets/building/                     a build that is not finished

The shipped one is shipped/<kind>.parquet beside this module, with the entries that are written by hand on top. Its folder, for
its indexes, is in the cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from pydantic import ValidationError

from prompt2model_api.base import Model
from prompt2model_api.environment_names import P2M_CATALOGS
from prompt2model_api.results import CatalogUsed
from prompt2model_stages.cache import cache_root
from prompt2model_stages.catalogs.catalog import DATASETS, HERE, MODELS, datasets, models
from prompt2model_stages.catalogs.entries import CatalogEntry, DatasetEntry, Kind, ModelEntry
from prompt2model_stages.catalogs.places import home_of, reached
from prompt2model_stages.catalogs.schema import SCHEMA, NoCatalogError, arrow_schema, entry_of, read_table
from prompt2model_stages.errors import blocked
from prompt2model_stages.storage import Folder, sha256_of_file

if TYPE_CHECKING:
    import pyarrow

POINTER = "catalog.json"
ENTRIES = "entries.parquet"
SHIPPED = "shipped"
"""What stands for a URI where the catalog is the one of this package."""

Entry = TypeVar("Entry", bound=CatalogEntry)


class Pointer(Model):
    """catalog.json: which version of a catalog counts."""

    catalog_schema: int
    kind: Kind
    folder: str
    digest: str
    made_at: str
    rows: int
    source: str
    newest_change: str = ""
    """The latest change at the hub that the catalog knows: the next build asks for what is newer."""


class Entries(Sequence[Entry], Generic[Entry]):
    """Entries by row number, made when they are asked for: those on top, then the table's rows, where there is one."""

    def __init__(self, kind: Kind, top: Sequence[Entry], table: pyarrow.Table | None = None) -> None:
        self._kind, self._top, self._table = kind, top, table

    def __len__(self) -> int:
        return len(self._top) + (0 if self._table is None else int(self._table.num_rows))

    @overload
    def __getitem__(self, number: int) -> Entry: ...
    @overload
    def __getitem__(self, number: slice) -> list[Entry]: ...
    def __getitem__(self, number: int | slice) -> Entry | list[Entry]:
        if isinstance(number, slice):
            return [self[at] for at in range(*number.indices(len(self)))]
        at = number + len(self) if number < 0 else number
        if not 0 <= at < len(self):
            raise IndexError(number)
        if at < len(self._top):
            return self._top[at]
        assert self._table is not None
        row = self._table.slice(at - len(self._top), 1).to_pylist()[0]
        return cast(Entry, entry_of(row, self._kind))

    def __iter__(self) -> Iterator[Entry]:
        return (self[number] for number in range(len(self)))

    def table(self) -> pyarrow.Table:
        """All entries as rows."""
        import pyarrow as pa

        schema = arrow_schema(self._kind)
        top = pa.Table.from_pylist([entry.model_dump(mode="json") for entry in self._top], schema=schema)
        return top if self._table is None else pa.concat_tables([top, self._table.replace_schema_metadata(None)])

    def column(self, name: str) -> list[Any]:
        """One field of all entries, in order, without making them."""
        rest = [] if self._table is None else self._table.column(name).to_pylist()
        return [getattr(entry, name) for entry in self._top] + rest


@dataclass(frozen=True)
class Catalog(Generic[Entry]):
    """A list of datasets or models that can be searched.

    entries: by row number, which is what an index answers with. folder: local, for the indexes; it need not exist yet.
    digest: SHA-256 over all entries. made_at: ISO 8601. uri: where it is from, or SHIPPED.
    """

    kind: Kind
    entries: Entries[Entry]
    folder: Path
    digest: str
    made_at: str
    uri: str

    def texts(self) -> list[str]:
        """The searched text of each entry, in order."""
        return self.entries.column("description")

    @property
    def used(self) -> CatalogUsed:
        """What a result says of it."""
        return CatalogUsed(
            kind=self.kind.value,
            digest=self.digest,
            made_at=self.made_at,
            entries=len(self.entries),
            uri=None if self.uri == SHIPPED else self.uri,
        )

    @cached_property
    def numbers(self) -> dict[str, list[int]]:
        """Row numbers by name; a dataset has one for each of its configurations that is listed."""
        found: dict[str, list[int]] = {}
        for number, name in enumerate(self.entries.column("name")):
            found.setdefault(str(name), []).append(number)
        return found


def catalogs_named() -> str | None:
    """The address in P2M_CATALOGS, a path made absolute; None where there is none: the shipped catalogs are meant."""
    uri = os.environ.get(P2M_CATALOGS)
    return (uri if "://" in uri else str(Path(uri).absolute())) if uri else None


def open_datasets(uri: str | None = None) -> Catalog[DatasetEntry]:
    """The catalog of datasets at a URI; None: the shipped one. Raises: StageError CatalogMissing and others, Blocked."""
    return Catalog(Kind.DATASETS, *_opened(Kind.DATASETS, datasets(), uri))


def open_models(uri: str | None = None) -> Catalog[ModelEntry]:
    """The catalog of models at a URI; None: the shipped one. Raises: StageError CatalogMissing and others, Blocked."""
    return Catalog(Kind.MODELS, *_opened(Kind.MODELS, models(), uri))


def open_catalog(kind: Kind, uri: str | None = None) -> Catalog[DatasetEntry] | Catalog[ModelEntry]:
    """The catalog of a kind. Raises: StageError, Blocked."""
    return open_datasets(uri) if kind is Kind.DATASETS else open_models(uri)


def _opened(kind: Kind, top: Sequence[Entry], uri: str | None) -> tuple[Entries[Entry], Path, str, str, str]:
    if uri is None:
        return _shipped(kind, top)
    pointer = read_pointer(home_of(uri, kind), kind)
    folder = _local(uri, pointer)
    try:
        _, table = read_table(folder / ENTRIES, kind)
    except (NoCatalogError, FileNotFoundError) as error:
        why = "it is not there" if isinstance(error, FileNotFoundError) else str(error)
        raise _unusable(uri, kind, f"{pointer.folder}/{ENTRIES} cannot be used: {why}") from error
    return Entries[Entry](kind, (), table), folder, pointer.digest, pointer.made_at, uri


def _shipped(kind: Kind, top: Sequence[Entry]) -> tuple[Entries[Entry], Path, str, str, str]:
    file, by_hand = shipped_file(kind), DATASETS if kind is Kind.DATASETS else MODELS
    facts, table = read_table(file, kind)
    entries = layered(kind, top, table)
    digest = _digest_of(entries, sha256_of_file(by_hand), sha256_of_file(file))
    return entries, cache_folder(digest), digest, facts.made_at, SHIPPED


def _digest_of(entries: Entries[Entry], *files: str) -> str:
    """Over the rows as they are searched, too: how they are laid over each other may change without the files."""
    rows = zip(entries.column("name"), entries.column("description"), strict=True)
    made = hashlib.sha256("".join(files).encode())
    for row in rows:
        made.update(repr(row).encode())
    return made.hexdigest()


def shipped_file(kind: Kind) -> Path:
    """The file of this package with what the hub says."""
    return HERE / "shipped" / f"{kind.value}.parquet"


def layered(kind: Kind, top: Sequence[Entry], table: pyarrow.Table) -> Entries[Entry]:
    """Entries that are written by hand, with the facts that they leave open, over the rows that they do not name.

    `squad` is what the hub called rajpurkar/squad before names had owners.
    """
    import pyarrow as pa

    rows = {str(name): number for number, name in enumerate(table.column("name").to_pylist())}
    known = {entry.name: [rows[name] for name in _names(entry.name) if name in rows] for entry in top}
    taken = {number for numbers in known.values() for number in numbers}
    rest = table.filter(pa.array([number not in taken for number in range(table.num_rows)], pa.bool_()))
    filled = [_with_facts(entry, kind, table, known[entry.name]) for entry in top]
    return Entries(kind, filled, rest)


def _names(name: str) -> tuple[str, str]:
    return name, name.rpartition("/")[2]


def _with_facts(entry: Entry, kind: Kind, table: pyarrow.Table, numbers: Sequence[int]) -> Entry:
    if not numbers:
        return entry
    facts = entry_of(table.slice(numbers[0], 1).to_pylist()[0], kind)
    given = entry.model_fields_set - {"license"} | {
        "config",
        "split",
        "hand_written",
    }  # the owner says what the license is
    return entry.model_copy(update={name: value for name, value in facts if name not in given})


def read_pointer(home: Folder, kind: Kind) -> Pointer:
    """The catalog.json of a folder. Raises: StageError CatalogMissing, CatalogUnusable, CatalogUnreachable, Blocked."""
    uri = str(home.local or home.uri)
    with reached(uri):
        try:
            tree = home.read_json(POINTER)
        except FileNotFoundError:
            half = "its build is not finished" if home.exists("building") else f"there is no {POINTER}"
            raise blocked(
                "CatalogMissing",
                f"There is no catalog of {kind.value} at {uri}: {half}.",
                f"Run `p2m catalog build {kind.value} --to` with this address, or name another catalog.",
            ) from None
        except ValueError:
            tree = None
    version = tree.get("catalogSchema") if isinstance(tree, dict) else None
    if isinstance(version, int) and version != SCHEMA:
        raise _unusable(uri, kind, f"it has version {version} of the schema, and this release reads {SCHEMA}")
    try:
        return Pointer.model_validate(tree)
    except ValidationError as error:
        raise _unusable(uri, kind, f"its {POINTER} is not one of a catalog") from error


def _local(uri: str, pointer: Pointer) -> Path:
    """The folder of the version that counts: itself, or a copy in the cache that is made once."""
    away = home_of(uri, pointer.kind) / pointer.folder
    if away.local is not None:
        return away.local
    target = cache_folder(pointer.digest)
    if (target / ENTRIES).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        with reached(uri):
            away.fetch(half / "copy")
        if sha256_of_file(half / "copy" / ENTRIES) != pointer.digest:
            raise _unusable(uri, pointer.kind, f"{pointer.folder}/{ENTRIES} is not the file that its {POINTER} names")
        shutil.rmtree(target, ignore_errors=True)
        (half / "copy").rename(target)
    except FileNotFoundError as error:
        raise _unusable(uri, pointer.kind, f"{pointer.folder} is not there, or not whole") from error
    except OSError:
        if not (target / ENTRIES).is_file():  # else another process was first
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return target


def cache_folder(digest: str) -> Path:
    """Where a catalog's copy and indexes are kept on this machine."""
    return cache_root() / "catalogs" / digest[:16]


def _unusable(uri: str, kind: Kind, why: str) -> Exception:
    return blocked(
        "CatalogUnusable",
        f"The catalog of {kind.value} at {uri} cannot be used: {why}.",
        f"Run `p2m catalog build {kind.value} --to` with this address again, or name another catalog.",
    )
