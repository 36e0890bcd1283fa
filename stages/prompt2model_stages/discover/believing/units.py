"""The prompt's text outside the demonstrations, in units: each belongs to the instruction, or is explained.

Explained are labels, headings, marks, tags, JSON keys, a row of column names, and the few words that join examples in a
sentence. Whatever else the instruction lacks was dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from prompt2model_stages.discover.believing.aligning import Placed
from prompt2model_stages.discover.believing.clauses import (
    ALL_NAMES,
    FENCE,
    KEY,
    LABEL,
    is_no_text,
    middles_of,
    name_of,
    normal_of,
    parts_of,
    token_of,
)
from prompt2model_stages.discover.believing.views import runs_on
from prompt2model_stages.discover.layouts.common import is_open
from prompt2model_stages.discover.layouts.words import EXAMPLES, VALUES, VERBS, is_label

_MOST_WORDS = {"before": 5, "between": 3, "after": 1}
_ORDINAL = re.compile(r"^\W*#?\d{1,3}\s*[.):|\]]\W*$")


@dataclass(frozen=True)
class Unit:
    """A clause, line or sentence outside the demonstrations."""

    text: str
    is_explained: bool


def gap_units(prompt: str, demonstrations: Sequence[Placed]) -> list[Unit]:
    """The units before, between and after the demonstrations, in order."""
    if not demonstrations:
        return _tail(prompt, None)
    starts = [*(d.start for d in demonstrations), len(prompt)]
    ends = [0, *(d.end for d in demonstrations)]
    gaps = [prompt[end:start] for end, start in zip(ends, starts, strict=True)]
    middles = middles_of(prompt, demonstrations)
    token, labels = token_of(middles), _labels(gaps[:-1], middles)
    units = _head(gaps[0], token, labels, _column_names(gaps[0], prompt, demonstrations[0]))
    counts = Counter(map(normal_of, gaps[1:-1]))
    for gap in gaps[1:-1]:
        sure = counts[normal_of(gap)] > 1 and len(re.findall(r"\d+", gap)) < 2
        inline = "\n" not in gap.strip("\n")
        joins = {p for p in parts_of(gap) if sure or (inline and _joins(p, "between", token))}
        units += _leading(gap, labels, joins)
    return units + _tail(gaps[-1], token, is_after=True)


def _labels(before: Sequence[str], middles: Sequence[str]) -> Callable[[str], bool]:
    """Tells whether the words before a demonstration are its label: usual ones, those of others, or as its output has one."""
    last = Counter(normal_of(parts[-1]) for gap in before if (parts := parts_of(gap)))
    of_lines = all(re.search(r"\n[^\n]*\w[^\n]*[:：]\W*$", middle) for middle in middles)

    def is_known(part: str) -> bool:
        name = name_of(part)
        if is_label(name, ALL_NAMES) or last[normal_of(part)] > 1:
            return LABEL.match(part.strip()) is not None or not re.search(r"\d", part)
        return of_lines and LABEL.match(part.strip()) is not None

    return is_known


def _leading(gap: str, is_known: Callable[[str], bool], joins: Collection[str] = ()) -> list[Unit]:
    """The units of a text that a demonstration follows: labels and numbers are explained where nothing else follows."""
    units: list[Unit] = []
    parts, at = parts_of(gap), len(gap)
    for part in reversed(parts):
        at = gap.rfind(part, 0, at)
        line = gap[:at].rpartition("\n")[2]
        is_last = all(unit.is_explained for unit in units)
        is_ordinal = _ORDINAL.match(part) is not None and not re.search(r"\w", line)
        explained = (
            is_no_text(part)
            or part in joins
            or (is_last and (is_ordinal or is_known(part) or FENCE.match(part) is not None))
        )
        units.append(Unit(part, explained))
    return units[::-1]


def _head(
    gap: str, token: re.Pattern[str] | None, is_known: Callable[[str], bool], columns: Collection[str]
) -> list[Unit]:
    """The units before the first demonstration: its own line may have a few words that lead to it."""
    parts = parts_of(gap)
    line = gap[gap.rfind("\n") + 1 :]
    own = set(range(len(parts) - len(parts_of(line)), len(parts))) if line.strip() else set()
    joins = {part for part in parts if part.strip() in columns}
    if own and _leads(parts[-1], token):
        joins.add(parts[-1])
    units = _leading(gap, is_known, joins)
    announcing = next((n for n in range(len(units) - 1, -1, -1) if not units[n].is_explained), None)
    if announcing and _announces(units[announcing].text, announcing in own):
        units[announcing] = Unit(units[announcing].text, True)
    return units


def _leads(part: str, token: re.Pattern[str] | None) -> bool:
    """Whether a few words lead to an example in their sentence: `so`, `if the input is`, and no `No slang:`."""
    return not part.rstrip().endswith((":", "：")) and _joins(part, "before", token)


def _tail(gap: str, token: re.Pattern[str] | None, is_after: bool = False) -> list[Unit]:
    """The units after the last demonstration: the rest of its sentence, then what comes, an open question last."""
    first, _, rest = gap.partition("\n") if is_after else ("", "", gap)
    units = [
        Unit(part, is_no_text(part) or (n == 0 and _joins(part, "after", token)))
        for n, part in enumerate(parts_of(first))
    ]
    asked = re.search(r"(?:\A|\n[ \t]*\n)(?P<block>[^\n]*(?:\n(?![ \t]*\n)[^\n]*)*)\s*\Z", rest)
    opens = asked is not None and _is_open_block(asked["block"]) and is_after
    at = asked.start("block") if opens and asked else len(rest)
    units += [Unit(part, is_no_text(part)) for part in parts_of(rest[:at])]
    return units + [Unit(part, True) for part in parts_of(rest[at:])]


def _is_open_block(block: str) -> bool:
    """Whether a last paragraph asks for an output: it ends with a label, as in `Input: foo` and `Output:`."""
    lines = [line for line in block.splitlines() if line.strip()]
    if not lines or not (LABEL.match(lines[-1]) or KEY.match(lines[-1]) or _asks(lines[-1])):
        return False
    return (len(lines) > 1 and ":" in lines[0]) or (len(lines) == 1 and re.search(r"[:：]", block) is not None)


def _asks(line: str) -> bool:
    """Whether a line has a place for a text behind its label: `Output: {output}`."""
    place = line.partition(":")[2].strip()
    return bool(place) and is_open(place)


def _joins(part: str, place: str, token: re.Pattern[str] | None) -> bool:
    """Whether a unit only joins demonstrations in a sentence: few words, no number or symbol, and not one more example."""
    text = part.strip()
    if token is not None and token.search(text):
        return False
    if any(c.isdigit() or unicodedata.category(c).startswith("S") for c in text):
        return False
    if any(re.search(rf"(?<!\w){re.escape(verb)}(?!\w)", text) for verb in VERBS if verb.isascii() and len(verb) > 4):
        return False
    return (len(text) <= 8) if runs_on(text) else len(text.split()) <= _MOST_WORDS[place]


def _announces(text: str, is_in_line: bool) -> bool:
    """Whether the last words before the examples announce them: `Below are three examples.`, `For example, if`."""
    is_short = len(text.split()) <= 4 or text.rstrip().endswith((":", "：")) or not is_in_line
    return re.search(rf"(?i){EXAMPLES}", text) is not None and len(text) <= 100 and is_short


def _column_names(gap: str, prompt: str, first: Placed) -> set[str]:
    """The row of column names directly above the first row of a table, as units."""
    output = sorted((first.given, first.output), key=lambda spans: spans[0].start)
    middle = prompt[output[0][-1].end : output[1][0].start]
    separator = re.sub(r"[\s\"'`]", "", middle) or ("\t" if "\t" in middle else "")
    if separator not in ("|", ",", ";", "\t"):
        return set()
    rows = [line for line in gap[: gap.rfind("\n") + 1].splitlines() if line.strip(" \t\"'`|-:")]
    row = rows[-1] if rows else ""
    cells = [cell for cell in row.strip(" |").split(separator) if cell.strip()]
    if len(cells) < 2 or any(len(cell.split()) > 3 for cell in cells):
        return set()
    names = [cell.strip(" \t\"'`*_") for cell in cells]
    above = gap[: gap.rfind(row)].lower()
    is_usual = any(is_label(name, ALL_NAMES) for name in names) and not all(is_label(name, VALUES) for name in names)
    is_ruled = re.search(r"-{2,}[\s|:-]*$", gap) is not None
    if not (is_usual or is_ruled or any(name.lower() in above for name in names)):
        return set()  # the row may be the first example
    return {part.strip() for part in parts_of(row)}
