"""The report as one HTML file, which loads nothing: neither a script nor anything of another host."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from prompt2model_stages.data_report.figures import DataReport
from prompt2model_stages.data_report.sections import Grid, Section, sections_of

STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for the page: its own style alone, whatever the rows hold."""


def page_of(report: DataReport) -> bytes:
    """The page, in UTF-8. All texts are escaped: they come from anywhere."""
    title = f"Data of {escape(report.name)}"
    parts = "\n".join(_section(section) for section in sections_of(report))
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{STYLE.read_text("utf-8")}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<blockquote dir="auto">{escape(report.instruction)}</blockquote>
{parts}
</main>
</body>
</html>
"""
    return html.encode("utf-8", "replace")


def _section(section: Section) -> str:
    grid = _table(section.grid) if section.grid is not None else ""
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{_sentences(section.before)}{grid}{_sentences(section.after)}</section>"


def _sentences(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>\n" for sentence in sentences)


def _table(grid: Grid) -> str:
    kinds = [
        "number" if at in grid.numbers else "text" if at in grid.texts else "name" for at in range(len(grid.columns))
    ]
    heads = "".join(
        f'<th scope="col" class="{kind}">{escape(column)}</th>'
        for kind, column in zip(kinds, grid.columns, strict=True)
    )
    rows = "\n".join(
        f"<tr>{''.join(_cell(kind, cell) for kind, cell in zip(kinds, row, strict=True))}</tr>" for row in grid.rows
    )
    return f'<div class="wide"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>\n'


def _cell(kind: str, cell: str) -> str:
    direction = ' dir="auto"' if kind == "text" else ""
    return f'<td class="{kind}"{direction}>{escape(cell)}</td>'
