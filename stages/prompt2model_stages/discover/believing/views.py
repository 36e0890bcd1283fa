"""A prompt in the forms in which a text may be found in it: as it is, with its escapes decoded, without marks.

A teacher answers in JSON: it copies `He said \\"hi\\"` of a prompt's JSON as `He said "hi"`, and often drops emphasis or
quotes. So characters are compared, each form knows where its characters stand in the prompt, and the nearest form
in which a text is found decides.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from prompt2model_stages.discover.layouts.words import FAMILIES, is_label

QUOTES = "\"'`“”‘’„‚«»‹›「」『』"
MARKS = frozenset(QUOTES + "*_~")
"""Characters that a copy may lack or add: quotes and the emphasis of Markdown."""

_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|\w{2,8});|<br ?/?>")
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[nrt\"\\/|*_`#<>\[\]{}()~-]|"
    + _ENTITY.pattern
)
_LABELS = tuple(word for family in FAMILIES for words in family for word in words)
_DOUBLED = re.compile(r'""')
_EMPHASIS = re.compile(r"(\*\*|__|~~|`|(?<!\w)[*_](?=\S))(?=\S)(.+?)(?<=\S)\1(?!\w)")
_RUNS_ON = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f"
    r"\U00020000-\U0003ffff]"
)
"""Characters of scripts in which a word may begin and end anywhere."""


@dataclass(frozen=True)
class Span:
    """A part of the prompt: offsets of its characters, and what is read there."""

    start: int
    end: int
    text: str
    loose_ends: int = 0
    """How many of its two ends stand within a run of characters of a script without spaces; one more for a label."""


@dataclass(frozen=True)
class View:
    """One form of the prompt: characters, and where each begins and ends in the prompt.

    source: the form that this one leaves characters out of; what is found here is read there.
    kept: the index there of each character.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    source: View | None = None
    kept: tuple[int, ...] = ()

    @classmethod
    def of(cls, prompt: str) -> View:
        """The prompt as it is."""
        return cls(prompt, tuple(range(len(prompt))), tuple(range(1, len(prompt) + 1)))

    def replaced(self, pattern: re.Pattern[str], replace: Callable[[str], str]) -> View:
        """With each match replaced; all characters of a replacement stand where the match stood."""
        text, starts, ends, at = [], list[int](), list[int](), 0
        for match in pattern.finditer(self.text):
            new = replace(match.group())
            begin, end = match.span()
            text += [self.text[at:begin], new]
            starts += [*self.starts[at:begin], *[self.starts[begin]] * len(new)]
            ends += [*self.ends[at:begin], *[self.ends[end - 1]] * len(new)]
            at = end
        if not at:
            return self
        text.append(self.text[at:])
        return View("".join(text), (*tuple(starts), *self.starts[at:]), (*tuple(ends), *self.ends[at:]))

    def only(self, keep: Iterable[int]) -> View:
        """With the characters at these indices alone."""
        kept = tuple(keep)
        return View(
            "".join(self.text[i] for i in kept),
            tuple(self.starts[i] for i in kept),
            tuple(self.ends[i] for i in kept),
            self,
            kept,
        )

    @cached_property
    def emphasis(self) -> list[tuple[int, int, int, int]]:
        """Where each paired emphasis begins, its text begins and ends, and it ends."""
        return [(*m.span(), *m.span(2)) for m in _EMPHASIS.finditer(self.text)]

    @cached_property
    def squeezed(self) -> tuple[str, list[int]]:
        """With runs of white space as one space, and the index here of each of its characters."""
        return _reduced(self.text, lambda c, before: (" " if before != " " else "") if c.isspace() else c)

    @cached_property
    def bare(self) -> tuple[str, list[int]]:
        """Without white space and marks, compatibility characters decomposed, and the index here of each character."""
        return _reduced(self.text, lambda c, _: _bare(c))

    def find(self, needle: str, form: tuple[str, list[int]]) -> list[Span]:
        """Where a text is in `squeezed` or `bare`, beginning and ending where words may."""
        found, (text, indices), at = [], form, -1
        while needle and (at := text.find(needle, at + 1)) >= 0:
            first, last = indices[at], indices[at + len(needle) - 1]
            ends = (self._edge(first - 1, first), self._edge(last, last + 1))
            if None not in ends:
                loose = sum(end is True for end in ends) + self._is_label(first, last)
                found.append(self._span(first, last, loose))
        return found

    def _span(self, first: int, last: int, loose_ends: int) -> Span:
        """The span with the prompt's own text: emphasis that begins or ends in it is whole."""
        if self.source is not None:
            return self.source._span(self.kept[first], self.kept[last], loose_ends)
        for start, end, inner, inner_end in self.emphasis:
            if start <= last and first < end and not (inner <= first and last < inner_end):
                first, last = min(first, start), max(last, end - 1)
        return Span(self.starts[first], self.ends[last], self.text[first : last + 1], loose_ends)

    def _is_label(self, first: int, last: int) -> bool:
        """Whether a text is a label where it stands, such as the first A of `A: A`."""
        return re.match(r"\s*[:：]", self.text[last + 1 : last + 4]) is not None and is_label(
            self.text[first : last + 1], _LABELS
        )

    def _edge(self, left: int, right: int) -> bool | None:
        """Whether a text may end between two neighbours, though none has to; None within a word or number."""
        if left < 0 or right >= len(self.text):
            return False
        a, b = self.text[left], self.text[right]
        if _is_word(a) and _is_word(b):
            return True if _RUNS_ON.match(a) or _RUNS_ON.match(b) else None
        before = self.text[left - 1] if left else " "
        after = self.text[right + 1] if right + 1 < len(self.text) else " "
        if (a == "," and before.isdigit() and b.isdigit()) or (b == "," and a.isdigit() and after.isdigit()):
            return True  # of a number, or of a row of numbers
        starts = b.isdigit() and ((a == "." and before.isdigit()) or (a == "-" and not before.isalnum()))
        return None if starts or (b == "." and a.isdigit() and after.isdigit()) else False


class Views:
    """All forms of one prompt."""

    def __init__(self, prompt: str) -> None:
        raw = View.of(prompt)
        written = [
            raw,
            *(raw.replaced(escape, decoded) for escape in (_ENTITY, _ESCAPE)),
            raw.replaced(_DOUBLED, lambda _: '"'),
        ]
        self._written = _different(written)
        self._plain = _different([*written, *(_without_emphasis(view) for view in written)])

    def copies(self, text: str) -> list[Span]:
        """Where the text is, but for white space, and for escapes or paired emphasis in the prompt."""
        needle = " ".join(text.split())
        return _sorted(span for view in self._plain for span in view.find(needle, view.squeezed))

    def near_copies(self, text: str) -> list[Span]:
        """Where the text is, but for white space, quotes and emphasis anywhere, each span as the prompt has it."""
        found: list[Span] = []
        for needle in {bare(text), bare(_ESCAPE.sub(lambda m: decoded(m.group()), text))}:
            for view in self._written:
                found += view.find(needle, view.bare)
        return _sorted(found)


def bare(text: str) -> str:
    """The text's characters without white space and marks."""
    return "".join(map(_bare, text))


def decoded(escape: str) -> str:
    """What an escape of JSON, Markdown or XML stands for."""
    if escape.startswith("\\u"):
        return str(json.loads(f'"{escape}"'))
    if escape.startswith("\\"):
        return {"n": "\n", "r": "\r", "t": "\t"}.get(escape[1], escape[1])
    return "\n" if escape.startswith("<") else html.unescape(escape)


def undecorated(text: str) -> str:
    """The text without paired emphasis of Markdown."""
    return _without_emphasis(View.of(text)).text


def runs_on(text: str) -> bool:
    """Whether the text has characters of a script without spaces."""
    return _RUNS_ON.search(text) is not None


def _without_emphasis(view: View) -> View:
    marks: set[int] = set()
    for match in _EMPHASIS.finditer(view.text):
        marks.update(range(match.start(), match.end(1)), range(match.end(2), match.end()))
        inner = _EMPHASIS.search(view.text, match.start(2), match.end(2))
        if inner:
            marks.update(range(inner.start(), inner.end(1)), range(inner.end(2), inner.end()))
    return view.only(i for i in range(len(view.text)) if i not in marks) if marks else view


def _reduced(text: str, reduce: Callable[[str, str], str]) -> tuple[str, list[int]]:
    kept, indices, before = [], list[int](), ""
    for index, character in enumerate(text):
        new = reduce(character, before)
        if new:
            before = new
            kept.append(new)
            indices += [index] * len(new)
    return "".join(kept), indices


def _bare(character: str) -> str:
    if character.isspace() or character in MARKS:
        return ""
    return character if character.isascii() else unicodedata.normalize("NFKD", character).replace(" ", "")


def _is_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _different(views: Iterable[View]) -> list[View]:
    return list({view.text: view for view in views}.values())


def _sorted(spans: Iterable[Span]) -> list[Span]:
    return sorted({(span.start, span.end): span for span in spans}.values(), key=lambda span: (span.start, span.end))
