"""Parts of the page as HTML. All texts are escaped: a teacher wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from prompt2model_api.results import ReviewedCounts
from prompt2model_stages.choosing import html
from prompt2model_stages.reviewing import likeness
from prompt2model_stages.reviewing.local_review import Generated
from prompt2model_stages.reviewing.reviewer import PAGE, Drafted, Line, Reviewer, View
from prompt2model_stages.reviewing.rows import Verdict

STYLE = Path(__file__).with_name("page.css")
SCRIPT = Path(__file__).with_name("page.js")
KEYS = (
    ("J", "next"),
    ("K", "previous"),
    ("A", "accept"),
    ("R", "remove or restore"),
    ("E", "edit output"),
    ("I", "edit input"),
    ("U", "undo"),
    ("Y", "correct all rows like it"),
    ("Ctrl+Enter", "keep the text"),
    ("Esc", "leave it as it was"),
)


def head(generated: Generated) -> str:
    """The resource and its task."""
    notes = "".join(html.warning(note) for note in generated.notes)
    return (
        f'<div class="p2m-head"><h1>Review of {escape(generated.name)}</h1><p>{escape(generated.where)}</p>'
        f"<blockquote>{escape(generated.task.instruction)}</blockquote>{notes}</div>"
    )


def table(reviewer: Reviewer, view: View) -> str:
    """One page of rows, with what can be done on it. data-turn: tells the browser that an answer came."""
    found, lines = reviewer.found(view), reviewer.lines(view)
    said = (html.warning if view.wrong else html.done)(view.said) if view.said else ""
    rows = "".join(_row(line) for line in lines)
    body = (
        f'<table class="p2m-review-rows"><thead><tr><th>Row</th><th>Input</th><th>Output</th><th>Votes</th><th>Review</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
        if lines
        else html.note("No row is like that.")
    )
    current = lines[view.at % PAGE].place if view.at % PAGE < len(lines) else -1
    bar = _bar(view, len(found))
    return (
        f'<div class="p2m-review" data-turn="{view.turn}" data-size="{PAGE}" data-current="{current}">'
        f"{_progress(reviewer.rows.counts())}{bar}{said}{_offers(reviewer, view.offers)}{body}{bar}{_keys()}</div>"
    )


def drafted(shown: Drafted) -> str:
    """What saving writes."""
    counts = shown.draft.counts
    whole = f"{counts.corrected:,} corrected, {counts.removed:,} removed, {counts.accepted:,} accepted as they are, "
    note = html.note(f"Saves {whole}{counts.unreviewed:,} not reviewed. All that are not removed are trained on.")
    if shown.problem:
        return note + html.warning(shown.problem)
    lines = shown.proposal.lines if shown.proposal is not None else []
    return note + (html.lines(lines) if lines else html.note("The file names these examples already."))


def _progress(counts: ReviewedCounts) -> str:
    whole = counts.corrected + counts.removed + counts.accepted + counts.unreviewed
    reviewed = whole - counts.unreviewed
    return (
        f'<p class="p2m-count"><progress max="{max(1, whole)}" value="{reviewed}"></progress> <b>{reviewed:,} of {whole:,}</b> '
        f"reviewed: {counts.accepted:,} accepted, {counts.corrected:,} corrected, {counts.removed:,} removed</p>"
    )


def _bar(view: View, found: int) -> str:
    first = view.at // PAGE * PAGE
    last = min(first + PAGE, found)
    pages, page = max(1, -(-found // PAGE)), first // PAGE
    told = f"Rows {first + 1:,} to {last:,} of {found:,}" if found else "0 rows"
    steps = [
        ("First", 0, page > 0),
        ("Previous page", (page - 1) * PAGE, page > 0),
        ("Next page", (page + 1) * PAGE, page + 1 < pages),
        ("Last", (pages - 1) * PAGE, page + 1 < pages),
    ]
    buttons = "".join(_button(label, "page", usable=usable, at=at) for label, at, usable in steps)
    accept = _button(f"Accept these {last - first}", "accept-page", usable=bool(found))
    number = (
        f'<label>Page <input type="number" data-page min="1" max="{pages}" value="{page + 1}" aria-label="Page"> '
        f"of {pages:,}</label>"
    )
    return f'<div class="p2m-bar"><span>{told}</span>{buttons}{number}{accept}{_button("Undo", "undo")}</div>'


def _row(line: Line) -> str:
    changed = line.verdict is Verdict.CORRECTED
    was_input = _was(line.generated.input) if changed and line.generated.input != line.state.input else ""
    was_output = _was(line.generated.output) if changed and line.generated.output != line.state.output else ""
    family = f'<small title="Rows with this number are near-duplicates">≈ {line.family}</small>' if line.family else ""
    votes = f"{line.votes} of {line.of}" if line.of > 1 else ""
    differ = ' class="differ"' if line.votes < line.of else ""
    by = f"<small>{escape(line.state.by)}</small>" if line.state.by else ""
    removed = line.verdict is Verdict.REMOVED
    buttons = (
        _button("Restore", "remove")
        if removed
        else _button("Accept", "accept", usable=line.verdict is Verdict.UNREVIEWED) + _button("Remove", "remove")
    )
    return (
        f'<tr data-row="{line.place}" data-seen="{line.state.edit}" class="{line.verdict.value.replace(" ", "-")}">'
        f"<td>{line.place + 1:,}{family}</td>"
        f'<td><div class="cell" data-field="input">{escape(line.state.input)}</div>{was_input}</td>'
        f'<td><div class="cell" data-field="output">{escape(line.state.output)}</div>{was_output}</td>'
        f"<td{differ}>{votes}</td>"
        f"<td><span>{line.verdict.value}</span>{by}<div>{buttons}</div></td></tr>"
    )


def _was(text: str) -> str:
    return f'<small class="was">was: {escape(text)}</small>'


def _offers(reviewer: Reviewer, offers: Sequence[likeness.Offer]) -> str:
    """What may be corrected in other rows too, each with its count and first rows, before anything is changed."""
    parts = []
    for number, offer in enumerate(offers):
        shown = "".join(
            f"<li><del>{escape(before)}</del> → <ins>{escape(after)}</ins></li>"
            for before, after in likeness.samples(reviewer.rows, offer)
        )
        label = f"Correct {len(offer.places):,} {'row' if len(offer.places) == 1 else 'rows'}"
        parts.append(f"<div>{escape(offer.sentence())} {_button(label, 'like', at=number)}<ul>{shown}</ul></div>")
    return f'<div class="p2m-offers" role="status">{"".join(parts)}</div>' if parts else ""


def _keys() -> str:
    return '<p class="p2m-keys">' + " ".join(f"<kbd>{key}</kbd> {what}" for key, what in KEYS) + "</p>"


def _button(label: str, do: str, *, usable: bool = True, at: int | None = None) -> str:
    place = f' data-at="{at}"' if at is not None else ""
    return f'<button type="button" data-do="{do}"{place}{"" if usable else " disabled"}>{escape(label)}</button>'
