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
from prompt2model_stages.discover.believing.views import MARKS, QUOTES, runs_on, undecorated
from prompt2model_stages.discover.layouts.common import is_heading, is_open
from prompt2model_stages.discover.layouts.words import (
    ANSWERS,
    EXAMPLE,
    EXAMPLES,
    FAMILIES,
    PHRASES,
    TITLES,
    VALUES,
    VERBS,
    is_label,
)

_BREAK = re.compile(
    rf"\n|(?<=[.!?;:,])\s+|(?<=[。！？；：，、])|(?=[(（])|(?<=[)）])|\s+(?=[–—]\s)|(?<=\S)\s+(?=(?i:{PHRASES}))|(?<=>)|(?=</?\w)"
)
_WORD = re.compile(r"[^\W_]")
_LABEL = re.compile(r"^[\W\d]*[^\W\d_][^\s:：=.,;!?。，]*(?:[ \t]+[^\s:：=.,;!?。，]+){0,2}[\W\d]*[:：=]\W*$")
_TAG = re.compile(r"^\s*</?[\w:.-]+(?:\s[^<>]*)?/?>\s*$")
_KEY = re.compile(r"^[\s\[{},]*[\"'][\w -]+[\"']\s*:?[\s\[{\"']*$")
_AND = re.compile(r"(?i)^[\s,;\"'“”«»]*(?:and|und|et|y|e|i|и|та|og|och|en|ve|dan|và|和|及|と|و)[\s,;\"'“”«»]*$")
"""What stands between two examples, and not between input and output."""
_FENCE = re.compile(r"^\s*(?:```|~~~)\s*\w*\s*$")
_LINE_LABEL = re.compile(r"\n\W*(?P<name>[^\n:：]{1,30})[:：]\W*$")
MOST_SETTINGS = 2
"""So many pairs of lines may be settings; more of the same form are examples."""
_MOST_WORDS = {"before": 5, "between": 3, "after": 1}
_NAMES = tuple(word for inputs, outputs in FAMILIES[:3] for word in (*inputs, *outputs))
_ALL_NAMES = tuple(word for family in FAMILIES for words in family for word in words)
_ORDINAL = re.compile(r"^\W*#?\d{1,3}\s*[.):|\]]\W*$")
_SEPARATORS = re.compile(r"[\s\-–—=:：|,，、;；/~<>→⟶➔➜➡\ufe0f⇒⟹↦\[\](){}（）「」『』#*_`\"'“”‘’„«»‹›.。•‣·…]*")
_UNCOUNTED = re.compile(
    rf"[{QUOTES}]|(?<=\S)[.,:;!?…]+(?=[\s{QUOTES}()\[\]*_~]|$)|[。，、；：！？…]|\\(?=[^\w\s])", re.MULTILINE
)


@dataclass(frozen=True)
class Unit:
    """A clause, line or sentence outside the demonstrations."""

    text: str
    is_explained: bool


def worded(text: str) -> str:
    """The text without white space, quotes, bullets and the punctuation at the end of clauses. Other symbols count."""
    text = re.sub(r"(?m)^[ \t]*(?:[-*•‣·>#]+[ \t]+)+", "", text)
    return "".join(unicodedata.normalize("NFKC", _UNCOUNTED.sub("", text)).split())


def plain(text: str) -> str:
    """What is compared where emphasis of Markdown is left out."""
    return worded(undecorated(text))


def gap_units(prompt: str, demonstrations: Sequence[Placed]) -> list[Unit]:
    """The units before, between and after the demonstrations, in order."""
    if not demonstrations:
        return _tail(prompt, None)
    starts = [*(d.start for d in demonstrations), len(prompt)]
    ends = [0, *(d.end for d in demonstrations)]
    gaps = [prompt[end:start] for end, start in zip(ends, starts, strict=True)]
    middles = _middles(prompt, demonstrations)
    token, labels = _token(middles), _labels(gaps[:-1], middles)
    units = _head(gaps[0], token, labels, _column_names(gaps[0], prompt, demonstrations[0]))
    counts = Counter(map(_normal, gaps[1:-1]))
    for gap in gaps[1:-1]:
        sure = counts[_normal(gap)] > 1 and len(re.findall(r"\d+", gap)) < 2
        inline = "\n" not in gap.strip("\n")
        joins = {p for p in _parts(gap) if sure or (inline and _joins(p, "between", token))}
        units += _leading(gap, labels, joins)
    return units + _tail(gaps[-1], token, is_after=True)


def middles_agree(prompt: str, demonstrations: Sequence[Placed]) -> bool:
    """Whether what stands between input and output separates them: the same everywhere, or a label."""
    middles = _middles(prompt, demonstrations)
    pairs = list(zip(middles, demonstrations, strict=True))
    if any(not re.search(r"[^ ]", middle) or _AND.match(middle) for middle in middles):
        return False
    if any(_WORD.search(middle) is None and "\n" in middle and not _fills_lines(prompt, d) for middle, d in pairs):
        return False
    if len({_normal(middle) for middle in middles}) == 1 and len(middles) > 1:
        return True
    return all(_separates(middle, len(middles) > 1) for middle in middles)


def _fills_lines(prompt: str, demonstration: Placed) -> bool:
    """Whether a demonstration in lines without labels begins and ends a line."""
    before = prompt[: demonstration.start].rpartition("\n")[2]
    after = prompt[demonstration.end :].partition("\n")[0]
    return not _WORD.search(after) and (not _WORD.search(before) or re.search(r"[:：>]\W*$", before) is not None)


def holds_separator(prompt: str, demonstrations: Sequence[Placed]) -> bool:
    """Whether a demonstration holds what separates input from output elsewhere: then it is two in one."""
    middles = _middles(prompt, demonstrations)
    token = _token(middles)
    if token is None:
        return False
    texts = [prompt[spans[0].start : spans[-1].end] for d in demonstrations for spans in (d.given, d.output)]
    return any(re.search(r"\n|[,;、，；|]", text) and token.search(text) for text in texts)


def are_settings(prompt: str, demonstrations: Sequence[Placed]) -> bool:
    """Whether one or two demonstrations have labels of their own, and nothing announces examples."""
    if EXAMPLE.search(prompt[: demonstrations[0].start]):
        return False
    for d, middle in zip(demonstrations, _middles(prompt, demonstrations), strict=True):
        labels = [_LINE_LABEL.search(text) for text in (f"\n{prompt[: d.start]}", middle)]
        names = [is_label(_plain(label["name"]), _ALL_NAMES) for label in labels if label]
        if len(names) == 2 and not (all(names) if len(demonstrations) == 1 else names[1]):
            return True
    return False


def _middles(prompt: str, demonstrations: Sequence[Placed]) -> list[str]:
    middles = []
    for d in demonstrations:
        first, second = sorted((d.given, d.output), key=lambda spans: spans[0].start)
        middles.append(prompt[first[-1].end : second[0].start])
    return middles


def _normal(gap: str) -> str:
    """A text between two others for comparison: white space, quotes and numbers do not matter."""
    return re.sub(r"\d+", "0", " ".join(gap.translate({ord(mark): None for mark in MARKS}).split())).lower()


def _token(middles: Sequence[str]) -> re.Pattern[str] | None:
    """What separates input from output in all demonstrations, where it is a word or an arrow."""
    normal = {_normal(middle) for middle in middles}
    if len(normal) != 1:
        return None
    text = middles[0].strip("".join(MARKS) + " \n\t,;|.")
    if not re.search(r"[^\W\d_]{2}|[=-]+>|[→⇒↦]|[^\W\d_]\s*[:：]|^[=~]+$", text) or len(text) > 60:
        return None
    words = r"\s+".join(map(re.escape, text.split()))
    edge = r"(?<!\w)" if text[0].isalnum() and not runs_on(text) else ""
    line = r"(?m)^[ \t]*" if "\n" in middles[0].rstrip(" \t") and text.endswith((":", "：")) else edge
    return re.compile(rf"{line}{words}(?=\s*\S)" + (r"(?!\w)" if text[-1].isalnum() and not runs_on(text) else ""))


def _separates(middle: str, is_odd: bool) -> bool:
    """Whether one text between input and output is no part of either: marks, a label, or a few words.

    is_odd: it is another text than in other demonstrations; then only usual words will do.
    """
    lines = [line for line in middle.splitlines() if _WORD.search(line)]
    if not lines:
        return True
    if "\n" not in middle.strip(" \t"):
        text = middle.strip()
        if is_odd and not all(_is_mark(part) for part in _parts(text)):
            return re.sub(r"[^\w\s]", "", text).strip().lower() in VERBS
        is_short = len(text) <= 12 if runs_on(text) else len(re.findall(r"[^\W_]+", text)) <= 5
        return is_short and not re.search(r"[.!?。]\s|\w\W?[,;、，；]\W*\w", text)
    first = middle.splitlines()[0]
    return not _WORD.search(first) and all(_is_mark(part) for line in lines for part in _parts(line))


def _labels(before: Sequence[str], middles: Sequence[str]) -> Callable[[str], bool]:
    """Tells whether the words before a demonstration are its label: usual ones, those of others, or as its output has one."""
    last = Counter(_normal(parts[-1]) for gap in before if (parts := _parts(gap)))
    of_lines = all(re.search(r"\n[^\n]*\w[^\n]*[:：]\W*$", middle) for middle in middles)

    def is_known(part: str) -> bool:
        name = _plain(part)
        if is_label(name, _ALL_NAMES) or last[_normal(part)] > 1:
            return _LABEL.match(part.strip()) is not None or not re.search(r"\d", part)
        return of_lines and _LABEL.match(part.strip()) is not None

    return is_known


def _leading(gap: str, is_known: Callable[[str], bool], joins: Collection[str] = ()) -> list[Unit]:
    """The units of a text that a demonstration follows: labels and numbers are explained where nothing else follows."""
    units: list[Unit] = []
    parts, at = _parts(gap), len(gap)
    for part in reversed(parts):
        at = gap.rfind(part, 0, at)
        line = gap[:at].rpartition("\n")[2]
        is_last = all(unit.is_explained for unit in units)
        is_ordinal = _ORDINAL.match(part) is not None and not re.search(r"\w", line)
        explained = _is_no_text(part) or part in joins or (is_last and (is_ordinal or is_known(part)))
        units.append(Unit(part, explained))
    return units[::-1]


def _head(
    gap: str, token: re.Pattern[str] | None, is_known: Callable[[str], bool], columns: Collection[str]
) -> list[Unit]:
    """The units before the first demonstration: its own line may have a few words that lead to it."""
    parts = _parts(gap)
    line = gap[gap.rfind("\n") + 1 :]
    own = set(range(len(parts) - len(_parts(line)), len(parts))) if line.strip() else set()
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
        Unit(part, _is_no_text(part) or (n == 0 and _joins(part, "after", token)))
        for n, part in enumerate(_parts(first))
    ]
    asked = re.search(r"(?:\A|\n[ \t]*\n)(?P<block>[^\n]*(?:\n(?![ \t]*\n)[^\n]*)*)\s*\Z", rest)
    opens = asked is not None and _is_open_block(asked["block"]) and is_after
    at = asked.start("block") if opens and asked else len(rest)
    units += [Unit(part, _is_no_text(part)) for part in _parts(rest[:at])]
    return units + [Unit(part, True) for part in _parts(rest[at:])]


def _is_open_block(block: str) -> bool:
    """Whether a last paragraph asks for an output: it ends with a label, as in `Input: foo` and `Output:`."""
    lines = [line for line in block.splitlines() if line.strip()]
    if not lines or not (_LABEL.match(lines[-1]) or _KEY.match(lines[-1]) or _asks(lines[-1])):
        return False
    return (len(lines) > 1 and ":" in lines[0]) or (len(lines) == 1 and re.search(r"[:：]", block) is not None)


def _asks(line: str) -> bool:
    """Whether a line has a place for a text behind its label: `Output: {output}`."""
    place = line.partition(":")[2].strip()
    return bool(place) and is_open(place)


def _parts(text: str) -> list[str]:
    return [part for part in _BREAK.split(text) if part and part.strip()]


def _is_no_text(part: str) -> bool:
    """Whether a unit is no text of its own: separators, a heading, a tag, a key, a fence, a place for a text."""
    text = part.strip()
    return (
        _SEPARATORS.fullmatch(text) is not None
        or is_open(text)
        or any(pattern.match(text) for pattern in (_TAG, _KEY, _FENCE))
        or is_heading(text)
        or (_plain(text) in TITLES and not re.search(r"\d", text))
    )


def _is_mark(part: str) -> bool:
    """Whether a unit between input and output is none of their text."""
    name = _plain(part)
    return _is_no_text(part) or _LABEL.match(part.strip()) is not None or name in _NAMES or is_label(name, ANSWERS)


def _plain(part: str) -> str:
    return re.sub(r"[\s\d_#*:：,()\[\]{}<>/\"-]+", " ", part).strip().lower()


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
    is_usual = any(is_label(name, _ALL_NAMES) for name in names) and not all(is_label(name, VALUES) for name in names)
    is_ruled = re.search(r"-{2,}[\s|:-]*$", gap) is not None
    if not (is_usual or is_ruled or any(name.lower() in above for name in names)):
        return set()  # the row may be the first example
    return {part.strip() for part in _parts(row)}
