"""What `p2m catalog build` and `p2m catalog search` do. Each returns its exit code."""

from __future__ import annotations

import logging
from typing import cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from prompt2model_stages.catalogs.building import Built, Told, build
from prompt2model_stages.catalogs.building.hub import HubLister
from prompt2model_stages.catalogs.building.segments import Cursor
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind, ModelEntry
from prompt2model_stages.catalogs.opening import Catalog, open_catalog
from prompt2model_stages.catalogs.search import DenseIndex, EncoderUnusable, FusedIndex, IndexUnusable, open_lexical
from prompt2model_stages.catalogs.shipped_vectors import open_dense
from prompt2model_stages.catalogs.showing import languages_of, made_of, size_of
from prompt2model_stages.cli.commands import DONE, guarded

logger = logging.getLogger(__name__)


class BuildProgress:
    """A build on the terminal: what was listed, then how many texts are encoded."""

    def __init__(self, console: Console, kind: Kind) -> None:
        self._console, self._kind = console, kind
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._listing = self.progress.add_task(f"asking the hub for {kind.value}", total=None)
        self._encoding: TaskID | None = None

    def listed(self, cursor: Cursor, changed: str) -> None:
        """After each page."""
        back = f", changed since {changed[:10]}" if changed else ""
        self.progress.update(self._listing, completed=cursor.entries, description=f"{self._kind.value}{back}")

    def encoded(self, done: int, of: int) -> None:
        """After each batch of texts."""
        if self._encoding is None:
            self._encoding = self.progress.add_task("vectors", total=of)
        self.progress.update(self._encoding, completed=done, total=of)

    def said(self, sentence: str) -> None:
        """A sentence above the bars."""
        self._console.print(escape(sentence), highlight=False, soft_wrap=True)


def build_catalog(
    console: Console, kind: Kind, to: str, since: str | None, limit: int | None, per_minute: int, *, vectors: bool
) -> int:
    """Builds a catalog, or brings it up to date."""

    def body() -> int:
        seen = BuildProgress(console, kind)
        told = Told(seen.listed, seen.encoded, seen.said)
        lister = HubLister(per_minute=per_minute)
        with seen.progress:
            built = build(kind, to, lister, since=since, limit=limit, vectors=vectors, told=told)
        console.print(escape(_summary(kind, to, built)), highlight=False, soft_wrap=True)
        return DONE

    return guarded(console, body)


def _summary(kind: Kind, to: str, built: Built) -> str:
    since = f" that changed since {built.since[:10]}" if built.since else ""
    lines = [
        f"{to}: {built.entries:,} {kind.value}, digest {built.digest[:12]}. {built.listed:,} are from the hub's list{since}; "
        f"{built.skipped:,} were left out: private, without text, or of no known architecture or size."
    ]
    if built.without_vectors:
        lines.append(f"It has no vectors: {built.without_vectors.rstrip('.')}.")
    lines.append(f"Use it with `p2m run FILE --catalogs {to}`.")
    return "\n".join(lines)


def search_catalog(console: Console, kind: Kind, words: str, uri: str | None, most: int) -> int:
    """Shows the entries whose texts are nearest to the words."""

    def body() -> int:
        catalog = open_catalog(kind, uri)
        table, found = _found(catalog, words, most)
        if found:
            console.print(table)
        count = f"{found} of {len(catalog.entries):,} {kind.value}" if found else "No text shares a word with this"
        where = f"the shipped catalog of {len(catalog.entries):,}" if uri is None else uri
        said = f"{count}. From {where}, made {catalog.made_at[:10]}, digest {catalog.digest[:12]}."
        console.print(escape(said), highlight=False, soft_wrap=True)
        return DONE

    return guarded(console, body)


def _found(catalog: Catalog[DatasetEntry] | Catalog[ModelEntry], words: str, most: int) -> tuple[Table, int]:
    """The table, and how many lines it has."""
    index, dense = open_lexical(catalog), _meaning(catalog)
    hits = FusedIndex(index, dense).search(words, most) if dense is not None else index.search(words, most)
    about = "columns" if catalog.kind is Kind.DATASETS else "made from"
    table = Table(title=escape(f"{catalog.kind.value} for: {words}"), title_justify="left")
    for name in ("name", "score", "license", "languages", "size", about, "why"):
        table.add_column(name, justify="right" if name in ("score", "size") else "left", overflow="fold")
    for hit in hits:
        entry, shared = catalog.entries[hit.row], index.shown(words, hit.row)
        cells = [
            entry.name, f"{hit.score:.1f}", entry.license, languages_of(entry), size_of(entry), made_of(entry),
            f"shares {shared}" if shared else "is near in meaning",
        ]  # fmt: skip
        table.add_row(*(escape(cell) for cell in cells))
    return table, len(hits)


def _meaning(catalog: Catalog[DatasetEntry] | Catalog[ModelEntry]) -> DenseIndex | None:
    """The vectors of a catalog of datasets, as discover uses them; None where there are none that serve."""
    if catalog.kind is not Kind.DATASETS:
        return None
    try:
        return open_dense(cast(Catalog[DatasetEntry], catalog))
    except (IndexUnusable, EncoderUnusable) as error:
        logger.info("The datasets are searched by words alone: %s", error)
        return None
