"""What a value of the teacher's JSON may be in the prompt's text: `7` for 7, `{"name": "Ann"}` for an object."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from prompt2model_stages.discover.believing.views import Span, Views, decoded

_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:[,' ]\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_OPENING = re.compile(r"[{\[]")
_LABEL = re.compile(r"^\s*[\w -]{1,40}[:：=]\s*")
_LITERALS = {True: ("true", "True", "TRUE"), False: ("false", "False", "FALSE"), None: ("null", "None", "none", "NULL")}
_MOST_VALUES = 4096


@dataclass(frozen=True)
class Piece:
    """A text that stands in the prompt as one, and where."""

    spans: list[Span]


@dataclass(frozen=True)
class Value:
    """One value of the answer.

    pieces: where it can be, one piece mostly; several for fields or lines whose labels the answer leaves out.
    text: JSON, for an object whose values are all that is in the prompt.
    """

    pieces: list[Piece] = field(default_factory=list)
    text: str | None = None

    def read(self, spans: list[Span]) -> str:
        """The demonstration's text, once it is known where the value is: the prompt's own."""
        if len(spans) > 1 and self.text is not None:
            return self.text
        return "\n".join(span.text for span in spans)


class Reader:
    """Finds values in one prompt."""

    def __init__(self, prompt: str, views: Views) -> None:
        self._prompt, self._views = prompt, views

    def value(self, value: Any) -> Value | None:
        """Where the value can be; None where it is nowhere. Raises: ValueError for what has no text."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict | list):
            return self._structure(value)
        if isinstance(value, bool) or value is None:
            return self._first([span for word in _LITERALS[value] for span in self._views.copies(word)])
        return self._first([span for word in self._numbers(value) for span in self._views.copies(word)])

    def _text(self, text: str) -> Value | None:
        if not text:
            raise ValueError("each demonstration needs an input and an output, both with text")
        spans = self._views.copies(text) or [_with_marks(s, text, self._prompt) for s in self._views.near_copies(text)]
        if spans:
            return Value([Piece(spans)])
        lines = [line for line in text.splitlines() if line.strip()]
        return self._pieces(lines) if len(lines) > 1 else None

    def _structure(self, value: dict[str, Any] | list[Any]) -> Value | None:
        if not value:
            raise ValueError("each demonstration needs an input and an output, both with text")
        spans = [span for text in self._equal(value) for span in self._views.copies(text)]
        written = json.dumps(value, ensure_ascii=False)
        if spans or (spans := self._views.near_copies(written)):
            return self._first(spans)
        leaves = list(value.values()) if isinstance(value, dict) else value
        if not all(isinstance(leaf, str | int | float) for leaf in leaves):
            return None
        texts = [leaf if isinstance(leaf, str) else json.dumps(leaf) for leaf in leaves]
        joined = [span for by in (", ", "\n", "; ") for span in self._views.copies(by.join(texts))]
        if isinstance(value, list) and joined:
            return self._first(joined)
        return self._pieces(texts, written) if isinstance(value, dict) else None

    def _pieces(self, texts: list[str], written: str | None = None) -> Value | None:
        pieces = []
        for text in texts:
            spans = self._views.copies(text) or self._views.near_copies(text)
            spans = spans or self._views.copies(_LABEL.sub("", text))
            if not spans:
                return None
            pieces.append(Piece(spans))
        return Value(pieces, written)

    def _first(self, spans: list[Span]) -> Value | None:
        return Value([Piece(sorted(spans, key=lambda span: (span.start, span.end)))]) if spans else None

    def _numbers(self, number: float) -> set[str]:
        try:
            number = float(number)
        except OverflowError:
            return set()
        return {text for text in _NUMBER.findall(self._prompt) if _as_number(text) == number and math.isfinite(number)}

    def _equal(self, value: Any) -> list[str]:
        """The JSON texts in the prompt that mean the same, whatever the order of their keys."""
        found = []
        for text in (self._prompt, re.sub(r'\\["\\n]', lambda m: decoded(m.group()), self._prompt)):
            for opening in list(_OPENING.finditer(text))[:_MOST_VALUES]:
                try:
                    there, end = json.JSONDecoder().raw_decode(text, opening.start())
                except (ValueError, RecursionError):
                    continue
                if json.dumps(there, sort_keys=True) == json.dumps(value, sort_keys=True):
                    found.append(text[opening.start() : end])
        return found


def _as_number(text: str) -> float:
    return float(re.sub(r"[,' ]", "", text).replace("−", "-"))


def _with_marks(span: Span, text: str, prompt: str) -> Span:
    """The span with the quotes and the emphasis around it that the text has too."""
    text, start, end = text.strip(), span.start, span.end
    if span.text != prompt[start:end]:
        return span
    while start and not text.startswith(prompt[start:end][:1]) and prompt[start - 1] == text[0]:
        start -= 1
    while end < len(prompt) and not text.endswith(prompt[start:end][-1:]) and prompt[end] == text[-1]:
        end += 1
    return Span(start, end, prompt[start:end], span.loose_ends)
