"""What a person corrected in one row, as a pattern that other rows may have: the same wrong output, words around it, spaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from prompt2model_stages.examples import Pair
from prompt2model_stages.reviewing.rows import Rows, State, Verdict

Field = Literal["input", "output"]
SHOWN = 3


@dataclass(frozen=True)
class Pattern:
    """A correction.

    Whole: `before` becomes `after`. Around: the texts `before` and `after` stand before and behind what is kept. Spaces: each
    run of spaces and line breaks becomes one space, those at the ends go.
    """

    kind: Literal["whole", "around", "spaces"]
    field: Field
    before: str = ""
    after: str = ""

    def corrected(self, text: str) -> str:
        """The text as corrected; itself where it has not this pattern, or nothing would be left of it."""
        if self.kind == "whole":
            return self.after if text == self.before else text
        if self.kind == "spaces":
            return " ".join(text.split()) or text
        if not (text.startswith(self.before) and text.endswith(self.after)):
            return text
        inner = text[len(self.before) : len(text) - len(self.after)]
        return inner if inner.strip() and len(self.before) + len(self.after) < len(text) else text

    @property
    def words(self) -> str:
        """What it does, after `in n other rows`."""
        if self.kind == "whole":
            return f"change the {self.field} “{_short(self.before)}” to “{_short(self.after)}”"
        if self.kind == "spaces":
            return f"make each run of spaces in the {self.field} one space"
        parts = [
            *([f"“{_short(self.before)}” at the start"] if self.before else []),
            *([f"“{_short(self.after)}” at the end"] if self.after else []),
        ]
        return f"remove {' and '.join(parts)} of the {self.field}"


@dataclass(frozen=True)
class Offer:
    """A pattern with the rows that have it. kept: rows that have it and that a person accepted as they are: they stay so."""

    pattern: Pattern
    places: Sequence[int]
    kept: int = 0

    def sentence(self) -> str:
        """What is asked of the person."""
        rows = "1 other row" if len(self.places) == 1 else f"{len(self.places):,} other rows"
        kept = f" ({self.kept:,} more that you accepted stay as they are)" if self.kept else ""
        return f"In {rows} too: {self.pattern.words}{kept}."


def patterns_of(before: Pair, after: Pair) -> list[Pattern]:
    """What a correction may mean for other rows, the narrowest meaning first."""
    return [*_of_texts("output", before.output, after.output), *_of_texts("input", before.input, after.input)]


def offers(rows: Rows, place: int, before: Pair, after: Pair) -> list[Offer]:
    """The patterns of a correction that other rows have; of several with the same rows the narrowest.

    Args:
        place: the row that was corrected.
        before, after: its texts.
    """
    found: list[Offer] = []
    for pattern in patterns_of(before, after):
        offer = offer_of(rows, pattern, place)
        if offer.places and all(offer.places != other.places for other in found):
            found.append(offer)
    return found


def corrected(pattern: Pattern, state: State) -> Pair:
    """A row's texts as the pattern makes them."""
    texts = {"input": state.input, "output": state.output}
    texts[pattern.field] = pattern.corrected(texts[pattern.field])
    return Pair(**texts)


def samples(rows: Rows, offer: Offer) -> list[tuple[str, str]]:
    """The first rows of an offer: the text before and after."""
    found = []
    for place in offer.places[:SHOWN]:
        before = rows.text(place, offer.pattern.field)
        found.append((before, offer.pattern.corrected(before)))
    return found


def offer_of(rows: Rows, pattern: Pattern, place: int | None = None) -> Offer:
    """The rows that have a pattern; place: one that does not count."""
    places, kept = [], 0
    for one in range(len(rows)):
        text = rows.text(one, pattern.field)
        if one == place or pattern.corrected(text) == text:
            continue
        verdict = rows.verdict(one)
        if verdict is Verdict.ACCEPTED:
            kept += 1
        elif verdict is not Verdict.REMOVED:
            places.append(one)
    return Offer(pattern, places, kept)


def _of_texts(field: Field, before: str, after: str) -> Iterator[Pattern]:
    if before == after or not after.strip():
        return
    if field == "output":  # inputs differ from each other
        yield Pattern("whole", field, before, after)
    if " ".join(before.split()) == after:
        yield Pattern("spaces", field)
    start = before.find(after)
    around = (before[:start], before[start + len(after) :]) if start >= 0 else ("", "")
    if any(part.strip() for part in around):
        yield Pattern("around", field, *around)


def _short(text: str) -> str:
    line = " ".join(text.split()) if text.strip() else text
    return line if len(line) <= 40 else f"{line[:39]}…"
