"""Labelled examples: `Input: … Output: …`, `Q: … A: …`, `User: … Assistant: …`, `### Input`, `Review: … Verdict: …`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_stages.discover.layouts.common import (
    Found,
    around,
    bare_pair,
    holds_others,
    is_half_open,
    is_in_quotes,
    is_open,
    without_headings,
)
from prompt2model_stages.discover.layouts.endings import ends_surely
from prompt2model_stages.discover.layouts.templates import begins_with_template
from prompt2model_stages.discover.layouts.words import FAMILIES, pattern

_START = r"(?P<at_start>^[ \t]*(?:[-*•>]+[ \t]+|\(?\d{1,3}[.)][ \t]+|#+[ \t]+)?)"
_FENCED = re.compile(r"^([ \t]*)(```|~~~).*?^[ \t]*\2[ \t]*$", re.DOTALL | re.MULTILINE)
_FENCE_LINE = re.compile(r"(?m)^[ \t]*(?:```|~~~)")
_BLANK = re.compile(r"\n[ \t]*\n")
_END = re.compile(r"\n[ \t]*(?:\n|(?:-{3,}|={3,}|\*{3,}|#{3,})[ \t]*(?:\n|\Z))")


def labelled(prompt: str) -> Found | None:
    """Pairs of the first family of labels that the prompt has; None where no input is followed by an output."""
    return next(filter(None, (_of_family(prompt, *family) for family in FAMILIES[:3])), None)


def labelled_texts(prompt: str) -> Found | None:
    """Pairs of labels that name a kind of text, such as `Review:` and `Sentiment:`, each at the start of a line."""
    return _of_family(prompt, *FAMILIES[3], in_lines=False)


def _of_family(prompt: str, inputs: Sequence[str], outputs: Sequence[str], in_lines: bool = True) -> Found | None:
    marks = _marks(prompt, inputs, outputs, in_lines)
    kinds = "".join(mark.kind for mark in marks)
    if "ioo" in kinds:
        return None  # two outputs of one input, or one of them is in a value
    order = _order(prompt, marks, kinds)
    starts = [n for n in range(len(marks) - 1) if kinds[n : n + 2] == order and not _asks(prompt, marks, n)]
    if not starts:
        return None
    ends = [marks[n + 2].start if n + 2 < len(marks) else len(prompt) for n in starts]
    end = min(_end_of_last(prompt, marks[starts[-1] + 1].end), ends[-1])
    values = [
        (prompt[marks[n].end : marks[n + 1].start].strip(), _value(prompt[marks[n + 1].end : stop]))
        for n, stop in zip(starts, [*ends[:-1], end], strict=True)
    ]
    if begins_with_template(values):
        starts, values = starts[1:], values[1:]
    if not starts:
        return None
    if is_half_open(values) or not ends_surely([last for _, last in values], prompt[end : ends[-1]]):
        return Found(prompt, [])
    first, pairs = marks[starts[0]].start, values if order == "io" else [(given, output) for output, given in values]
    if prompt[:first].count('"') % 2 or _leads(prompt, first) or holds_others(pairs):
        return None
    # An open `Input: … Output:` at the end asks; it does not tell.
    asked = next((mark.start for mark in marks if mark.start >= end), len(prompt))
    return Found(around(prompt[:first], prompt[end:asked]), _bare_pairs(pairs))


def _value(text: str) -> str:
    """A value without the separators and headings below it; a fence that it opens it closes."""
    found = without_headings(text)
    closing = re.match(r"\n+[ \t]*(?:```|~~~)[ \t]*(?=\n|\Z)", text[text.find(found) + len(found) :])
    return found + closing.group() if closing and len(_FENCE_LINE.findall(found)) % 2 else found


@dataclass(frozen=True)
class _Mark:
    """A label in the prompt: of an input (`i`) or an output (`o`), from its line's bullet to its colon."""

    kind: str
    start: int
    end: int
    word: str


def _marks(prompt: str, inputs: Sequence[str], outputs: Sequence[str], in_lines: bool) -> list[_Mark]:
    marks = []
    for match in _label((*inputs, *outputs)).finditer(prompt):
        if _is_at_start(match) or (in_lines and _counts(match["word"], outputs)):
            word = (match["word"] or match["heading"]).lower()
            marks.append(_Mark("i" if word in inputs else "o", match.start(), match.end(), word))
    marks = _of_two_words(marks)
    fenced = [match.span() for match in _FENCED.finditer(prompt)]
    outside = [mark for mark in marks if not any(start < mark.start < end for start, end in fenced)]
    return outside if len(outside) >= 2 else marks  # all examples may stand in one fence


def _of_two_words(marks: list[_Mark]) -> list[_Mark]:
    """The marks without those in values: a question in `Input:`, an answer that is given in a `Q:` before its `A:`."""
    kinds = "".join(mark.kind for mark in marks)
    if "ii" in kinds:
        word = marks[kinds.index("i")].word
        marks = [mark for mark in marks if mark.kind == "o" or mark.word == word]
    kinds = "".join(mark.kind for mark in marks)
    if twice := re.search("ioo+", kinds):
        word = marks[twice.end() - 1].word
        marks = [mark for mark in marks if mark.kind == "i" or mark.word == word]
    return marks


def _asks(prompt: str, marks: Sequence[_Mark], n: int) -> bool:
    """Whether the input and output of two marks are an open question: one is empty, or both are places for a text."""
    end = marks[n + 2].start if n + 2 < len(marks) else len(prompt)
    values = [without_headings(prompt[a:b]) for a, b in ((marks[n].end, marks[n + 1].start), (marks[n + 1].end, end))]
    return not all(value.strip() for value in values) or all(map(is_open, values))


def _order(prompt: str, marks: Sequence[_Mark], kinds: str) -> str:
    """`io`, or `oi` where each output stands above its input; nothing where that cannot be told."""
    if len(kinds) < 4 or kinds != "oi" * (len(kinds) // 2):
        return "io"
    starts = [0, *(gap.end() for gap in _BLANK.finditer(prompt))]
    paragraphs = {"".join(m.kind for m in marks if _within(starts, m.start) == n) for n in range(len(starts))} - {""}
    if paragraphs == {"oi"}:
        return "oi"
    return "io" if "io" in paragraphs else "?"


def _within(starts: Sequence[int], at: int) -> int:
    return sum(start <= at for start in starts) - 1


def _bare_pairs(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without quotes: where all values are in quotes, these are the layout's, whatever quotes the values have in them."""
    stripped = [(given.strip(), output.strip()) for given, output in pairs]
    values = [value for pair in stripped for value in pair]
    if all(is_in_quotes(value) for value in values):
        return [(given[1:-1].strip(), output[1:-1].strip()) for given, output in stripped]
    return [bare_pair(given, output) for given, output in stripped]


def _is_at_start(mark: re.Match[str]) -> bool:
    return mark["word"] is None or mark["at_start"] is not None


def _counts(word: str, outputs: Sequence[str]) -> bool:
    """Within a line, a capitalized label counts, and an output's: `look at the input: …` is prose."""
    if not word.isascii():
        return len(word) > 1
    return len(word) > 3 and (word[0].isupper() or word.lower() in outputs)


def _label(words: Sequence[str]) -> re.Pattern[str]:
    names, number = pattern(tuple(words)), r"(?:[ \t]*#?\d+)?"
    colon = rf"(?:\*\*|__|\[|<)?(?P<word>{names}){number}(?:\*\*|__|\]|>)?[ \t]*[:=：](?:\*\*|__)?[ \t]*"
    heading = rf"^[ \t]*(?:#+[ \t]+|\*\*|\[)(?P<heading>{names}){number}[:：]?(?:\*\*|\])?[ \t]*$"
    return re.compile(rf"(?mi)(?:{heading}|(?:{_START}|(?<=[\s,;|/])){colon})")


def _leads(prompt: str, first: int) -> bool:
    """Whether a field of the first example stands before its input: `Context: …` above each `Question: …`."""
    paragraph = _BLANK.split(prompt[:first])[-1]
    names = re.findall(r"(?m)^[ \t]*(?:[*_#>-]+[ \t]*)?(\w[\w ]{0,24}?)(?:\*\*)?[ \t]*[:：]", paragraph)
    return any(
        re.search(rf"(?mi)^[ \t]*(?:[*_#>-]+[ \t]*)?{re.escape(name)}\W*[:：]", prompt[first:]) for name in names
    )


def _end_of_last(prompt: str, start: int) -> int:
    """Where the last value ends: with its closing quote or fence, else at a blank line."""
    text = prompt[start:]
    begin = start + len(text) - len(text.lstrip())
    if fence := re.compile(r"(```|~~~).*?\n[ \t]*\1[ \t]*(?=\n|\Z)", re.DOTALL).match(prompt, begin):
        return fence.end()
    if quoted := re.compile(r'"(?:[^"\\]|\\.|"(?!\s*(?:\n|\Z)))*"[ \t]*(?=\n|\Z)').match(prompt, begin):
        return quoted.end()
    gap = _END.search(prompt, begin)
    return gap.start() if gap else len(prompt)
