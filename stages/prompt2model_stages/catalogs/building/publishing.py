"""Puts a catalog in its place: entries and indexes in a folder of their own, then the pointer, then what is old goes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from prompt2model_api.base import Model
from prompt2model_stages.catalogs.building.changes import known_until
from prompt2model_stages.catalogs.building.segments import BUILDING, Cursor
from prompt2model_stages.catalogs.building.vectors import VersionBefore, store_vectors
from prompt2model_stages.catalogs.catalog import datasets, models
from prompt2model_stages.catalogs.entries import CatalogEntry, Kind
from prompt2model_stages.catalogs.opening import ENTRIES, POINTER, Catalog, Entries, Pointer, layered
from prompt2model_stages.catalogs.schema import SCHEMA, arrow_schema, write_table
from prompt2model_stages.catalogs.search import EncoderUnusable, build_lexical
from prompt2model_stages.storage import Folder, sha256_of_file


class Published(Model):
    """A catalog that was put in its place. vectors: why it has none; empty: it has."""

    digest: str
    rows: int
    without_vectors: str = ""


@dataclass(frozen=True)
class Publisher:
    """Puts catalogs of a kind into a folder.

    home: the kind's folder at the catalog's address. vectors: whether they are made. told: of texts encoded, and of how many.
    """

    home: Folder
    kind: Kind
    vectors: bool
    told: Callable[[int, int], None]

    def publish(self, hub: pa.Table, cursor: Cursor, before: Pointer | None, rows_before: pa.Table | None) -> Published:
        """The hub's rows below the entries that are written by hand. Raises: OSError."""
        top = datasets() if self.kind is Kind.DATASETS else models()
        entries: Entries[Any] = layered(self.kind, top, hub)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "version"
            folder.mkdir()
            table = entries.table()
            write_table(folder / ENTRIES, self.kind, table, cursor.began, cursor.endpoint)
            digest = sha256_of_file(folder / ENTRIES)
            catalog: Catalog[CatalogEntry] = Catalog(
                self.kind, Entries(self.kind, (), table), folder, digest, cursor.began, self.home.uri
            )
            without = self._indexes(catalog, self._version(before, rows_before))
            if before is None or before.digest != digest:  # what a reader may have open is not replaced
                self.home.put(folder, f"v-{digest[:16]}")
        pointer = Pointer(
            catalog_schema=SCHEMA,
            kind=self.kind,
            folder=f"v-{digest[:16]}",
            digest=digest,
            made_at=cursor.began,
            rows=table.num_rows,
            source=cursor.endpoint,
            newest_change="" if cursor.limit else _newest(cursor, before),
        )
        self.home.write_json(POINTER, pointer.dump())
        # A reader that began with the version before still finds it.
        self._remove_old({pointer.folder, before.folder if before else ""})
        return Published(digest=digest, rows=table.num_rows, without_vectors=without)

    def _version(self, before: Pointer | None, rows: pa.Table | None) -> VersionBefore | None:
        if before is None or rows is None:
            return None
        return VersionBefore(self.home / before.folder, before.digest, rows.column("description").to_pylist())

    def _indexes(self, catalog: Catalog[CatalogEntry], before: VersionBefore | None) -> str:
        build_lexical(catalog)
        if not self.vectors:
            return "they were not asked for"
        try:
            store_vectors(catalog, self.home / BUILDING, before, lambda done: self.told(done, len(catalog.entries)))
        except EncoderUnusable as error:
            shutil.rmtree(catalog.folder / "vectors", ignore_errors=True)
            return str(error)
        return ""

    def _remove_old(self, kept: set[str]) -> None:
        for name in self.home.names():
            if name.startswith("v-") and name not in kept:
                self.home.remove(name)


def since_of(before: Pointer) -> str:
    """The time until which a catalog has all changes, whatever an earlier release wrote into it."""
    return known_until(before.newest_change, before.made_at)


def _newest(cursor: Cursor, before: Pointer | None) -> str:
    """The time until which the catalog has all changes: no later than before, where changes in between were not asked for."""
    if before is None:
        return known_until(cursor.newest, cursor.began)
    known = since_of(before)
    return known if cursor.since > known else known_until(max(cursor.newest, known), cursor.began)


def hub_table(kind: Kind, pages: list[pa.Table], before: pa.Table | None, dropped: Set[str] = frozenset()) -> pa.Table:
    """The new rows and those of the catalog before that are not among them, by name; entries written by hand are left out.

    dropped: names of what was listed again and is no entry any more.
    """
    new = pa.concat_tables([arrow_schema(kind).empty_table(), *pages])
    if before is not None:
        names = {*new.column("name").to_pylist(), *dropped}
        keep = [
            not by_hand and name not in names
            for name, by_hand in zip(
                before.column("name").to_pylist(), before.column("hand_written").to_pylist(), strict=True
            )
        ]
        new = pa.concat_tables([new, before.filter(pa.array(keep, pa.bool_()))])
    return new.sort_by("name")
