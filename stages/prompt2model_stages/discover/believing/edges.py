"""Whether a demonstration is cut: a quote, bracket, word or symbol begins in it and ends outside, or the other way round."""

from __future__ import annotations

import re
import unicodedata

from prompt2model_stages.discover.believing.aligning import Placed
from prompt2model_stages.discover.believing.views import Span, runs_on

_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("«", "»"), ("„", "“"), ("「", "」"))
_BRACKETS = ("()", "[]", "{}", "（）")
_BEFORE = "#@%+^&!?\\…"
_AFTER = "#@%+^&!?\\…！？"
_SEPARATING = "➔➜➡"


def is_cut(prompt: str, demonstration: Placed) -> bool:
    """Whether its input or output is not whole."""
    halves = (demonstration.given, demonstration.output)
    if any(_cuts_quote(prompt, span) or _cuts_symbol(prompt, span) for spans in halves for span in spans):
        return True
    if len({_is_in_brackets(prompt, spans[0].start, spans[-1].end) for spans in halves}) > 1:
        return True
    return _runs_over(prompt, demonstration.start) or _runs_over(prompt, demonstration.end)


def _cuts_quote(prompt: str, span: Span) -> bool:
    text = prompt[span.start : span.end]
    if text[0] in "{[" and text.count("{") + text.count("[") > text.count("}") + text.count("]"):
        return True
    before, after = prompt[max(0, span.start - 2) : span.start], prompt[span.end : span.end + 2]
    for opening, closing in _QUOTES:
        if opening in text or closing in text:
            continue
        opens = before.endswith(opening) and not before[:-1].isalnum()
        closes = after.startswith(closing) and not after[1:].isalnum()
        if opens != closes and opening == closing:
            return True
        if opening != closing and before.endswith(opening) != after.startswith(closing) and opening in prompt:
            return True
    return False


def _cuts_symbol(prompt: str, span: Span) -> bool:
    """Whether a symbol stands directly before or after the text: `$` of `$5`, `%` of `50%`, `!` of `Hello!`."""
    before, after = prompt[: span.start][-1:], prompt[span.end : span.end + 1]
    if before == "." and not re.search(r"(?:^|\n)\W*\d+\.$", prompt[max(0, span.start - 9) : span.start]):
        return True
    return _is_symbol(before, _BEFORE) or _is_symbol(after, _AFTER)


def _is_symbol(character: str, symbols: str) -> bool:
    if not character or character in _SEPARATING:
        return False
    return character in symbols or unicodedata.category(character) in ("Sc", "So")


def _is_in_brackets(prompt: str, start: int, end: int) -> bool:
    return prompt[:start][-1:] + prompt[end : end + 1] in _BRACKETS


def _runs_over(prompt: str, at: int) -> bool:
    """Whether characters of a script without spaces stand on both sides."""
    around = prompt[at - 1 : at + 1] if at else ""
    return len(around) == 2 and all(character.isalnum() and runs_on(character) for character in around)
