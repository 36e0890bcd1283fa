"""Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

NOTICE = "<!-- Generated when the site is built; see docs/pages. -->"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a bar or a line break in a cell would end it, so both are replaced."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def page(*parts: str) -> str:
    """A whole page of its parts, with an empty line between."""
    return "\n\n".join((NOTICE, *parts)) + "\n"


def code(text: str) -> str:
    """The text as code; empty stays empty."""
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
