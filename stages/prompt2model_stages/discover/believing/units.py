"""The prompt's text outside the demonstrations, in units: each belongs to the instruction, or is explained.

Explained are labels, headings, marks, tags, JSON keys, a row of column names, and the few words that join examples in a
sentence. Whatever else the instruction lacks was dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_stages.discover.believing.aligning import Placed
from prompt2model_stages.discover.believing.views import MARKS, Span, bare, runs_on
from prompt2model_stages.discover.layouts.common import is_heading, is_open
from prompt2model_stages.discover.layouts.templates import is_template
from prompt2model_stages.discover.layouts.words import ANSWERS, EXAMPLES, FAMILIES, PHRASES, TITLES, VERBS, is_label

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
_MOST_WORDS = {"before": 5, "between": 3, "after": 3}
_NAMES = tuple(word for inputs, outputs in FAMILIES[:3] for word in (*inputs, *outputs))


@dataclass(frozen=True)
class Unit:
    """A clause, line or sentence outside the demonstrations."""

    text: str
    is_explained: bool

    @property
    def worded(self) -> str:
        """What is compared with the instruction."""
        return worded(self.text)


def worded(text: str) -> str:
    """The text without white space, quotes, emphasis, bullets and punctuation, but for points within numbers."""
    text = re.sub(r"(?m)^[ \t]*(?:[-*•‣·>#]+[ \t]+)+", "", text)
    return bare(re.sub(r"(?<!\d)[.,:]|[.,:](?!\d)|[;!?。，、；：！？…\\#]", "", text))


def gap_units(prompt: str, demonstrations: Sequence[Placed]) -> list[Unit]:
    """The units before, between and after the demonstrations, in order."""
    if not demonstrations:
        return [Unit(part, _is_mark(part)) for part in _parts(prompt)]
    starts = [*(d.start for d in demonstrations), len(prompt)]
    ends = [0, *(d.end for d in demonstrations)]
    gaps = [prompt[end:start] for end, start in zip(ends, starts, strict=True)]
    token = _token(_middles(prompt, demonstrations))
    units = _head(gaps[0], token, prompt, demonstrations[0])
    same = {_normal(gap) for n, gap in enumerate(gaps[1:-1]) if _normal(gap) in map(_normal, gaps[1:-1][n + 1 :])}
    for gap in gaps[1:-1]:
        sure = _normal(gap) in same
        inline = "\n" not in gap.strip("\n")
        units += [Unit(p, sure or _is_mark(p) or (inline and _joins(p, "between", token))) for p in _parts(gap)]
    return units + _tail(gaps[-1], token, prompt[demonstrations[-1].start : demonstrations[-1].end])


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


def is_cut_quote(prompt: str, span: Span) -> bool:
    """Whether a text begins where a quote or bracket begins and ends before it does, or the other way round."""
    text = prompt[span.start : span.end]
    if text[0] in "{[" and text.count("{") + text.count("[") > text.count("}") + text.count("]"):
        return True
    before, after = prompt[max(0, span.start - 2) : span.start], prompt[span.end : span.end + 2]
    for opening, closing in ('""', "''", "“”", "«»", "„“", "「」"):
        if opening in text or closing in text:
            continue
        opens = before.endswith(opening) and not before[:-1].isalnum()
        closes = after.startswith(closing) and not after[1:].isalnum()
        if opens != closes and opening == closing:
            return True
        if opening != closing and before.endswith(opening) != after.startswith(closing) and opening in prompt:
            return True
    return False


def holds_separator(prompt: str, demonstrations: Sequence[Placed]) -> bool:
    """Whether a demonstration holds what separates input from output elsewhere: then it is two in one."""
    middles = _middles(prompt, demonstrations)
    token = _token(middles)
    if token is None:
        return False
    texts = [prompt[spans[0].start : spans[-1].end] for d in demonstrations for spans in (d.given, d.output)]
    return any(re.search(r"\n|[,;、，；]", text) and token.search(text) for text in texts)


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
    if not re.search(r"[^\W\d_]{2}|[=-]+>|[→⇒↦]|[^\W\d_]\s*[:：]", text) or len(text) > 60:
        return None
    words = r"\s+".join(map(re.escape, text.split()))
    line = r"(?m)^[ \t]*" if "\n" in middles[0].rstrip(" \t") and text.endswith((":", "：")) else r"(?<!\w)"
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


def _head(gap: str, token: re.Pattern[str] | None, prompt: str, first: Placed) -> list[Unit]:
    """The units before the first demonstration: its own line may have a few words that lead to it."""
    parts = _parts(gap)
    line = gap[gap.rfind("\n") + 1 :]
    own = set(range(len(parts) - len(_parts(line)), len(parts))) if line.strip() else set()
    columns = _column_names(gap, prompt, first)
    units = []
    for n, part in enumerate(parts):
        leads = n in own and n >= len(parts) - 2 and _joins(part, "before", token)
        units.append(Unit(part, _is_mark(part) or leads or part.strip() in columns))
    announcing = next((n for n in range(len(units) - 1, -1, -1) if not units[n].is_explained), None)
    if announcing and _announces(units[announcing].text, announcing in own):
        units[announcing] = Unit(units[announcing].text, True)
    return units


def _tail(gap: str, token: re.Pattern[str] | None, last: str) -> list[Unit]:
    """The units after the last demonstration: the rest of its sentence, then what comes, an open question last."""
    first, _, rest = gap.partition("\n")
    units = [Unit(p, _is_mark(p) or (n == 0 and _joins(p, "after", token))) for n, p in enumerate(_parts(first))]
    asked = re.search(r"(?:\A|\n[ \t]*\n)(?P<block>[^\n]*(?:\n(?![ \t]*\n)[^\n]*)*)\s*\Z", rest)
    opens = asked is not None and _is_open_block(asked["block"])
    at = asked.start("block") if opens and asked else len(rest)
    units += [Unit(part, _is_mark(part)) for part in _parts(rest[:at])]
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


def _is_mark(part: str) -> bool:
    """Whether a unit is no text of its own: marks, a label, a heading, a tag, a key, a place for a text."""
    text = part.strip()
    plain = re.sub(r"[\s\d_#*:：,()\[\]{}<>/\"-]+", " ", text).strip().lower()
    if not _WORD.search(re.sub(r"\d", "", text)) or is_open(text) or _FENCE.match(text):
        return True
    return (
        any(pattern.match(text) for pattern in (_LABEL, _TAG, _KEY))
        or is_heading(text)
        or plain in _NAMES
        or plain in TITLES
        or is_label(plain, ANSWERS)
        or (text.startswith("#") and len(plain.split()) <= 3)
        or is_template(*([*text.split("/", 1), ""])[:2])
    )


def _joins(part: str, place: str, token: re.Pattern[str] | None) -> bool:
    """Whether a unit only joins demonstrations in a sentence: few words, and not one more example."""
    text = part.strip()
    if token is not None and token.search(text):
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
    return {part.strip() for part in _parts(row)}
