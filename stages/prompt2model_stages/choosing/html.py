"""Parts of the page as HTML. All texts are escaped: they come from a hub."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from prompt2model_stages.choosing.offers import Offers
from prompt2model_stages.choosing.previewing import Preview
from prompt2model_stages.choosing.proposing import Line
from prompt2model_stages.choosing.tables import Fact

STYLE = Path(__file__).with_name("page.css")


def head(offers: Offers) -> str:
    """The resource and its task."""
    shown = "".join(f"<li>{escape(d.input)} → {escape(d.output)}</li>" for d in offers.demonstrations[:3])
    examples = f"<p>Examples of the prompt:</p><ul>{shown}</ul>" if shown else ""
    notes = "".join(warning(note) for note in offers.notes)
    return (
        f'<div class="p2m-head"><h1>Choose for {escape(offers.name)}</h1><p>{escape(offers.where)}</p>'
        f"<blockquote>{escape(offers.instruction)}</blockquote>{examples}{notes}</div>"
    )


def card(name: str, description: str, facts: Sequence[Fact]) -> str:
    """What is known of a candidate."""
    lines = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in facts)
    return f'<div class="p2m-card"><h3>{escape(name)}</h3><p>{escape(description)}</p><dl>{lines}</dl></div>'


def note(text: str) -> str:
    """A sentence."""
    return f'<p class="p2m-note">{escape(text)}</p>' if text else ""


def warning(text: str) -> str:
    """A sentence that a person should not miss."""
    return f'<p class="p2m-warn" role="alert">{escape(text)}</p>' if text else ""


def done(text: str) -> str:
    """What was saved."""
    return f'<p class="p2m-good" role="status">{escape(text)}</p>'


def row(shown: Preview) -> str:
    """A training row."""
    if not shown.text and not shown.output:
        return warning(shown.note)
    return (
        f'<div class="p2m-row"><h4>The student reads</h4><pre>{escape(shown.text)}</pre>'
        f"<h4>The student learns to write</h4><pre>{escape(shown.output)}</pre>{warning(shown.note)}</div>"
    )


def rows(columns: Sequence[str], cells: Sequence[Sequence[str]], sentence: str) -> str:
    """The first rows of a dataset, or why there are none."""
    if not cells:
        return warning(sentence)
    heads = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in cells)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f'{note(sentence)}<div class="p2m-rows">{table}</div>'


def lines(found: Sequence[Line]) -> str:
    """What saving writes."""
    kinds = {"+": "add", "-": "del"}
    spans = "".join(
        f'<span class="{kinds.get(sign, "same")}">{escape(f"{sign} {text}")}</span>' for sign, text in found
    )
    return f'<div class="p2m-lines">{spans}</div>'
