"""`p2m data`: what the data of a resource is like, in the terminal; and its rows as files."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Stage
from prompt2model_api.texts import cut
from prompt2model_stages.cli.commands import DONE, guarded
from prompt2model_stages.data_report import DataSources, report_of, sections_of
from prompt2model_stages.data_report.exporting import ExportError, export
from prompt2model_stages.data_report.sections import TERMINAL_LABELS, Grid, Section
from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.stage_files import DiscoveredTask
from prompt2model_stages.tracking.data_page import data_sources
from prompt2model_stages.tracking.folders import current, read_resource, read_stage_folders

LONGEST_TEXT = 160
"""Characters of a text of the data in a table."""
LEAST_TEXT, GAP = 16, 2
"""Characters that a text needs beside other columns, and those between two columns; with less room, a row is a paragraph."""
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def show(console: Console, name: str, namespace: str, runs: Path, seed: int | None) -> int:
    """The report of this moment."""

    def body() -> int:
        resource, sources = _found(name, namespace, runs)
        try:
            report = report_of(sources, resource.spec.seed if seed is None else seed)
        except ValueError as error:
            raise SpecError(f"{error}.") from error
        console.print(
            f"[bold]{escape(_plain(report.name))}[/bold]: {escape(_plain(report.instruction))}", highlight=False
        )
        for section in sections_of(report, TERMINAL_LABELS):
            _print(console, section)
        return DONE

    return guarded(console, body)


def write(console: Console, name: str, namespace: str, runs: Path, file: Path, split: str, *, force: bool) -> int:
    """The rows of one split or all as a file."""

    def body() -> int:
        _, sources = _found(name, namespace, runs)
        prepared = sources.done(Stage.PREPARE)
        if prepared is None:
            states = ", ".join(f"{stage.value} {data.state}" for stage, data in sources.stages.items())
            raise SpecError(
                f"{namespace}/{name} has no splits to export yet ({states or 'nothing was started'}): prepare makes them."
            )
        discovered = sources.done(Stage.DISCOVER)
        task = DiscoveredTask.read(discovered.folder) if discovered else None
        try:
            written = export(prepared.folder, task.instruction if task else "", file, split, force=force)
        except ExportError as error:
            raise SpecError(str(error)) from error
        except ValueError as error:
            raise SpecError(f"{error}.") from error
        for target, rows in written.items():
            console.print(escape(f"{target}: {rows:,} rows"), highlight=False, soft_wrap=True)
        return DONE

    return guarded(console, body)


def _found(name: str, namespace: str, runs: Path) -> tuple[Prompt2Model, DataSources]:
    """The resource and the stage runs that count. Raises: SpecError where it was never run."""
    run_folder = RunFolder(runs, namespace, name)
    resource = read_resource(run_folder.folder)
    if resource is None:
        raise SpecError(f"No run of {namespace}/{name} in {run_folder.runs}.")
    stages = current(resource, read_stage_folders(run_folder.folder))
    return resource, data_sources(resource, stages.values(), run_folder.in_use())


def _print(console: Console, section: Section) -> None:
    console.print()
    console.print(f"[bold]{escape(section.title)}[/bold]", highlight=False)
    for sentence in section.before:
        _say(console, sentence)
    if section.grid is not None:
        if _least_width(section.grid) > console.width:
            _print_narrow(console, section.grid)
        else:
            console.print(_table(section.grid))
    for sentence in section.after:
        _say(console, sentence)


def _say(console: Console, text: str) -> None:
    """A sentence: broken between words in a terminal, and on one line in a pipe, where it may be searched for."""
    console.print(escape(_plain(text)), highlight=False, soft_wrap=not console.is_terminal)


def _least_width(grid: Grid) -> int:
    """Characters in which no figure and no name is broken."""
    cells = [[column, *(_plain(row[at]) for row in grid.rows)] for at, column in enumerate(grid.columns)]
    widths = [
        max(map(cell_len, column)) if at in grid.numbers else _longest_word(column) for at, column in enumerate(cells)
    ]
    return sum(min(w, LEAST_TEXT) if at in grid.texts else w for at, w in enumerate(widths)) + GAP * (len(widths) - 1)


def _longest_word(texts: Iterable[str]) -> int:
    return max((cell_len(word) for text in texts for word in text.split()), default=0)


def _table(grid: Grid) -> Table:
    table = Table(box=None, pad_edge=False)
    for at, column in enumerate(grid.columns):
        table.add_column(column, justify="right" if at in grid.numbers else "left", overflow="fold")
        table.columns[at].no_wrap = at in grid.numbers
    for row in grid.rows:
        table.add_row(*(escape(cut(_plain(cell), LONGEST_TEXT)) for cell in row))
    return table


def _print_narrow(console: Console, grid: Grid) -> None:
    """A paragraph a row: many columns side by side would leave no room for their figures."""
    for first, *others in grid.rows:
        cells = [cut(_plain(cell), LONGEST_TEXT) for cell in others]
        quoted = (f"“{cell}”" if at in grid.texts else cell for at, cell in enumerate(cells, start=1))
        told = ", ".join(f"{column} {cell}" for column, cell in zip(grid.columns[1:], quoted, strict=True))
        _say(console, f"{cut(_plain(first), LONGEST_TEXT)}: {told}")


def _plain(text: str) -> str:
    """The text on one line, without what would move a terminal's cursor or turn its direction."""
    kept = (" " if unicodedata.category(letter) == "Cc" or letter in _DIRECTIONS else letter for letter in text)
    return " ".join("".join(kept).split())
