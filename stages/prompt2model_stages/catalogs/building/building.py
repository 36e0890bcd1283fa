"""One build: lists what changed, keeps each page, and puts the catalog in its place at the end."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from prompt2model_stages.catalogs.building.changes import moment
from prompt2model_stages.catalogs.building.hub import LISTINGS, PER_PAGE, AddressRefused, HubLister, Page
from prompt2model_stages.catalogs.building.listed import entry_of_listing
from prompt2model_stages.catalogs.building.publishing import Publisher, hub_table, since_of
from prompt2model_stages.catalogs.building.segments import Cursor, PagesDamaged, Segments
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.opening import ENTRIES, Pointer, read_pointer
from prompt2model_stages.catalogs.places import home_of, reached, unreachable
from prompt2model_stages.catalogs.schema import NoCatalogError, arrow_schema, read_table
from prompt2model_stages.errors import StageError, blocked, disk_full
from prompt2model_stages.storage import Folder


@dataclass(frozen=True)
class Told:
    """What a build says while it works.

    listed: after each page, with the cursor and the latest change on it. encoded: texts, and of how many. said: sentences.
    """

    listed: Callable[[Cursor, str], None] = lambda cursor, changed: None
    encoded: Callable[[int, int], None] = lambda done, of: None
    said: Callable[[str], None] = lambda sentence: None


@dataclass(frozen=True)
class Built:
    """A catalog that is in its place. entries: in all. listed: by this build. skipped: what no entry was made of."""

    digest: str
    entries: int
    listed: int
    skipped: int
    since: str
    without_vectors: str


def build(
    kind: Kind,
    uri: str,
    lister: HubLister,
    *,
    since: str | None = None,
    limit: int | None = None,
    vectors: bool = True,
    told: Told | None = None,
) -> Built:
    """Builds the catalog of a kind at a URI, or brings it up to date.

    Args:
        since: ISO 8601; only what changed at the hub since then is asked for. None: since the catalog that is there was made;
            all, where there is none.
        limit: at most so many entries of the hub; the next build lists all again.
        vectors: whether each text is encoded, which takes minutes for a large catalog.

    Raises: StageError HubUnreachable, HubRefused, CatalogUnreachable (Blocked); OSError. What was listed is kept.
    """
    home = home_of(uri, kind)
    with _locked(home), nullcontext() if home.local is not None else reached(uri), _full_said():
        try:
            return _build(kind, home, lister, since, limit, vectors, told or Told())
        except FileNotFoundError as error:  # a bucket that does not exist
            if home.local is not None:
                raise
            raise unreachable(uri, error) from error


def _build(
    kind: Kind, home: Folder, lister: HubLister, since: str | None, limit: int | None, vectors: bool, told: Told
) -> Built:
    before, rows_before = _before(home, kind, told) or (None, None)
    segments = Segments(home)
    asked = Cursor(
        kind=kind,
        endpoint=lister.endpoint,
        since=moment(since) if since is not None else (since_of(before) if before else ""),
        began=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        limit=limit,
    )
    cursor = _resumed(segments, asked, told)
    try:
        cursor = _list_all(segments, lister, cursor, told)
    except AddressRefused as error:
        if error.address != cursor.next:
            raise
        told.said("The hub does not know the next page of the build that was not finished: it starts again.")
        cursor = _list_all(segments, lister, _begun(segments, asked), told)
    pages = [pa.Table.from_pylist(rows, schema=arrow_schema(kind)) for rows in segments.rows(cursor)]
    table = hub_table(kind, pages, rows_before, segments.dropped(cursor))
    published = Publisher(home, kind, vectors, told.encoded).publish(table, cursor, before, rows_before)
    segments.clear()
    return Built(
        digest=published.digest,
        entries=published.rows,
        listed=cursor.entries,
        skipped=cursor.skipped,
        since=cursor.since,
        without_vectors=published.without_vectors,
    )


def _list_all(segments: Segments, lister: HubLister, cursor: Cursor, told: Told) -> Cursor:
    for number in range(cursor.listing, len(LISTINGS[cursor.kind])):
        cursor = _list(segments, lister, cursor.model_copy(update={"listing": number}), told)
    return cursor


def _list(segments: Segments, lister: HubLister, cursor: Cursor, told: Told) -> Cursor:
    """One listing from the cursor to its end, to changes that are too old, or to the limit."""
    listing = LISTINGS[cursor.kind][cursor.listing]
    while cursor.limit is None or cursor.entries < cursor.limit:
        page = lister.at(cursor.next) if cursor.next else lister.first(cursor.kind, listing, _per_page(cursor))
        cursor, changed = _keep(segments, cursor, page)
        told.listed(cursor, changed)
        if not cursor.next:
            break
    return cursor.model_copy(update={"next": ""})


def _keep(segments: Segments, cursor: Cursor, page: Page) -> tuple[Cursor, str]:
    """Writes a page's entries. Returns the cursor behind it, and the oldest change on it."""
    changes = [moment(item.get("lastModified")) for item in page.items]
    new = [item for item, change in zip(page.items, changes, strict=True) if not change or change >= cursor.since]
    found = [entry_of_listing(cursor.kind, item) for item in new]
    entries = [entry for entry in found if entry is not None]
    dropped = [str(item.get("id")) for item, entry in zip(new, found, strict=True) if entry is None]
    if cursor.limit is not None:
        entries = entries[: cursor.limit - cursor.entries]
    is_last = not page.next or len(new) < len(page.items) or not page.items
    moved = cursor.model_copy(
        update={
            "listing": cursor.listing + is_last,
            "next": "" if is_last else page.next,
            "pages": cursor.pages + 1,
            "entries": cursor.entries + len(entries),
            "skipped": cursor.skipped + sum(entry is None for entry in found),
            "newest": max([cursor.newest, *changes]),
        }
    )
    segments.add(moved, entries, dropped)
    return moved, min((change for change in changes if change), default="")


def _per_page(cursor: Cursor) -> int:
    return PER_PAGE if cursor.limit is None else min(PER_PAGE, cursor.limit)


def _resumed(segments: Segments, asked: Cursor, told: Told) -> Cursor:
    """The cursor of a build of the same that was ended midway; else a new one, at its first page."""
    found = segments.cursor()
    same = ("kind", "endpoint", "since", "limit")
    if found is not None and all(getattr(found, name) == getattr(asked, name) for name in same):
        try:
            segments.check(found)
        except PagesDamaged as error:
            told.said(f"{error} of the build that was not finished cannot be read: it starts again.")
            return _begun(segments, asked)
        told.said(f"Continuing the build of {found.began}: {found.entries:,} entries are there.")
        return found
    if found is not None:
        told.said("A build of another hub, date or limit was not finished: it starts again.")
    return _begun(segments, asked)


def _begun(segments: Segments, asked: Cursor) -> Cursor:
    segments.clear()
    segments.move(asked)
    return asked


def _before(home: Folder, kind: Kind, told: Told) -> tuple[Pointer, Any] | None:
    """The catalog that is there, with its rows; None where there is none that can be brought up to date."""
    try:
        pointer = read_pointer(home, kind)
        with (home / pointer.folder).as_local() as folder:
            return pointer, read_table(folder / ENTRIES, kind)[1]
    except StageError as error:
        if error.failure.reason == "CatalogUnreachable":
            raise
        if error.failure.reason == "CatalogUnusable":
            told.said(f"{error.failure.message} {_ANEW}")
    except (NoCatalogError, FileNotFoundError) as error:
        told.said(f"The catalog at {home.uri} cannot be used: {error}. {_ANEW}")
    return None


@contextmanager
def _full_said() -> Iterator[None]:
    """A full disk of this machine is no failure of the network to a storage."""
    try:
        yield
    except OSError as error:
        if (full := disk_full(error)) is None:
            raise
        raise full from error


_ANEW = "It is built again from the whole list."


@contextmanager
def _locked(home: Folder) -> Iterator[None]:
    """Keeps a second build from the same local folder; on an object store its owner must. Raises: StageError CatalogInUse."""
    if home.local is None:
        yield
        return
    try:
        home.local.mkdir(parents=True, exist_ok=True)
        opened = (home.local / ".lock").open("w")
    except OSError as error:
        raise disk_full(error) or blocked(
            "CatalogUnreachable",
            f"The folder {home.local} cannot be written: {error.strerror}.",
            "Name another folder to build to.",
        ) from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise blocked(
                "CatalogInUse", f"Another build works on {home.uri}.", "Wait for it, or build to another folder."
            ) from None
        yield
