"""What a build has so far of the hub's list: a file for each page, and a cursor that names the next one.

The cursor is written after the page's file, both whole or not at all. A build that was ended at any moment goes on at the
cursor; a file that it does not count is written again. A line of a page is an entry, or the name alone of what no entry is
made of any more.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from prompt2model_api.base import Model
from prompt2model_stages.catalogs.entries import CatalogEntry, Kind
from prompt2model_stages.catalogs.schema import SCHEMA, TYPES
from prompt2model_stages.storage import Folder

BUILDING = "building"
CURSOR = "cursor.json"


class Cursor(Model):
    """Where a build is.

    since: changes that are older are not asked for. began: when, ISO 8601. listing: number of the listing it is in. next: the
    address of its next page; empty: its first. newest: the latest change that was seen. skipped: what no entry was made of.
    """

    catalog_schema: int = SCHEMA
    kind: Kind
    endpoint: str
    since: str
    began: str
    limit: int | None = None
    listing: int = 0
    next: str = ""
    pages: int = 0
    entries: int = 0
    skipped: int = 0
    newest: str = ""


class PagesDamaged(Exception):
    """A page that the cursor counts is missing or not whole."""


class Segments:
    """The folder of a build."""

    def __init__(self, home: Folder) -> None:
        self._home = home
        self._folder = home / BUILDING

    def cursor(self) -> Cursor | None:
        """Where the build is; None where there is none, or it is of another version: it begins again."""
        try:
            found = Cursor.model_validate_json(self._folder.read_bytes(CURSOR))
        except (FileNotFoundError, ValidationError):
            return None
        return found if found.catalog_schema == SCHEMA else None

    def add(self, cursor: Cursor, entries: Sequence[CatalogEntry], dropped: Sequence[str] = ()) -> None:
        """A page's entries, and the cursor behind it, which counts them already.

        Args:
            dropped: names of what no entry was made of.

        Raises: OSError.
        """
        lines = [entry.model_dump_json(exclude_defaults=True) for entry in entries] + [json.dumps(n) for n in dropped]
        content = "".join(f"{line}\n" for line in lines).encode()
        self._folder.write_bytes(_name(cursor.pages - 1), gzip.compress(content, mtime=0))
        self.move(cursor)

    def move(self, cursor: Cursor) -> None:
        """Writes the cursor alone. Raises: OSError."""
        self._folder.write_json(CURSOR, cursor.dump())

    def rows(self, cursor: Cursor) -> Iterator[list[dict[str, Any]]]:
        """The entries that the cursor counts as rows, a page at a time; of one name the first: the latest change.

        Raises: PagesDamaged, OSError.
        """
        seen: set[str] = set()
        for page in range(cursor.pages):
            lines = [line for line in self._lines(page) if not line.startswith(b'"')]
            try:
                entries = [TYPES[cursor.kind].model_validate_json(line) for line in lines]
            except ValidationError as error:
                raise PagesDamaged(_name(page)) from error
            new = {entry.name: entry.model_dump(mode="json") for entry in reversed(entries) if entry.name not in seen}
            seen |= set(new)
            yield list(new.values())

    def dropped(self, cursor: Cursor) -> set[str]:
        """Names of what no entry was made of. Raises: PagesDamaged, OSError."""
        return {json.loads(line) for page in range(cursor.pages) for line in self._lines(page) if line.startswith(b'"')}

    def check(self, cursor: Cursor) -> None:
        """Reads all that the cursor counts. Raises: PagesDamaged, OSError."""
        for _ in self.rows(cursor):
            pass

    def _lines(self, page: int) -> list[bytes]:
        try:
            return gzip.decompress(self._folder.read_bytes(_name(page))).splitlines()
        except (FileNotFoundError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise PagesDamaged(_name(page)) from error

    def clear(self) -> None:
        """Removes all of it."""
        self._home.remove(BUILDING)


def _name(page: int) -> str:
    return f"page-{page:06d}.jsonl.gz"
