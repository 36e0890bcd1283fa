"""Labelled examples: `Input: … Output: …`, `Q: … A: …`, `User: … Assistant: …`, `### Input`, `Review: … Verdict: …`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_stages.discover.layouts.common import (
    Found,
    around,
    bare_pair,
    is_in_quotes,
    is_open,
    without_headings,
)
from prompt2model_stages.discover.layouts.templates import is_template
from prompt2model_stages.discover.layouts.words import FAMILIES, pattern

_START = r"(?P<at_start>^[ \t]*(?:[-*•>]+[ \t]+|\(?\d{1,3}[.)][ \t]+|#+[ \t]+)?)"
_FENCED = re.compile(r"^([ \t]*)(```|~~~).*?^[ \t]*\2[ \t]*$", re.DOTALL | re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n")
_END = re.compile(r"\n[ \t]*(?:\n|(?:-{3,}|={3,}|\*{3,}|#{3,})[ \t]*(?:\n|\Z))")


def labelled(prompt: str) -> Found | None:
    """Pairs of the first family of labels that the prompt has; None where no input is followed by an output."""
    for inputs, outputs in FAMILIES[:3]:
        if (found := _of_family(prompt, inputs, outputs)) is not None:
            return found
    return None


def _of_family(prompt: str, inputs: Sequence[str], outputs: Sequence[str]) -> Found | None:
    marks = _marks(prompt, inputs, outputs)
    kinds = "".join(mark.kind for mark in marks)
    order = _order(prompt, marks, kinds)
    starts = [n for n in range(len(marks) - 1) if kinds[n : n + 2] == order]
    pairs: list[tuple[str, str]] = []
    first, end = None, 0
    longest = max(
        (_paragraphs(prompt[marks[n + 1].end : marks[n + 2].start]) for n in starts if n + 2 < len(marks)), default=1
    )
    for n in starts:
        given, output = marks[n : n + 2]
        last = n + 2 >= len(marks)
        value_end = _end_of_last(prompt, output.end) if last else marks[n + 2].start
        if last and longest > 1 and prompt[value_end:].strip():
            return None  # examples with blank lines: where the last one ends cannot be told
        values = prompt[given.end : output.start], without_headings(prompt[output.end : value_end])
        if is_open(values[0]) or is_open(values[1]) or is_template(values[0].strip(), values[1].strip()):
            continue
        first = given.start if first is None else first
        pairs.append(values if order == "io" else (values[1], values[0]))
        end = value_end
    if first is None or _leads(prompt, first):
        return None
    # An open `Input: … Output:` at the end asks; it does not tell.
    tail = "" if any(mark.start >= end for mark in marks) else prompt[end:]
    return Found(around(prompt[:first], tail), _bare_pairs(pairs))


@dataclass(frozen=True)
class _Mark:
    """A label in the prompt: of an input (`i`) or an output (`o`), from its line's bullet to its colon."""

    kind: str
    start: int
    end: int


def _marks(prompt: str, inputs: Sequence[str], outputs: Sequence[str]) -> list[_Mark]:
    marks = []
    for match in _label((*inputs, *outputs)).finditer(prompt):
        if _counts(match, outputs):
            word = (match["word"] or match["heading"]).lower()
            marks.append(_Mark("i" if word in inputs else "o", match.start(), match.end()))
    fenced = [match.span() for match in _FENCED.finditer(prompt)]
    outside = [mark for mark in marks if not any(start < mark.start < end for start, end in fenced)]
    return outside if len(outside) >= 2 else marks  # all examples may stand in one fence


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


def _counts(mark: re.Match[str], outputs: Sequence[str]) -> bool:
    """Within a line, a capitalized label counts, and an output's: `look at the input: …` is prose."""
    word = mark["word"]
    if word is None or mark["at_start"] is not None:
        return True
    return len(word) > 1 and (word[0].isupper() or (word.lower() in outputs and len(word) > 3) or not word.isascii())


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


def _paragraphs(text: str) -> int:
    return len(_BLANK.split(without_headings(text).strip()))
