"""Clauses of a prompt: how they are compared, and which are no text of their own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from prompt2model_stages.discover.believing.aligning import Placed
from prompt2model_stages.discover.believing.views import MARKS, QUOTES, runs_on, undecorated
from prompt2model_stages.discover.layouts.common import is_heading, is_open
from prompt2model_stages.discover.layouts.words import ANSWERS, FAMILIES, HEADINGS, PHRASES, is_label

_BREAK = re.compile(
    rf"\n|(?<=[.!?;:,])\s+|(?<=[。！？；：，、])|(?=[(（])|(?<=[)）])|\s+(?=[–—]\s)|(?<=\S)\s+(?=(?i:{PHRASES}))|(?<=>)|(?=</?\w)"
)
WORD = re.compile(r"[^\W_]")
LABEL = re.compile(r"^[\W\d]*[^\W\d_][^\s:：=.,;!?。，]*(?:[ \t]+[^\s:：=.,;!?。，]+){0,2}[\W\d]*[:：=]\W*$")
_TAG = re.compile(r"^\s*</?[\w:.-]+(?:\s[^<>]*)?/?>\s*$")
KEY = re.compile(r"^[\s\[{},]*[\"'][\w -]+[\"']\s*:?[\s\[{\"']*$")
FENCE = re.compile(r"^\s*(?:```|~~~)\s*\w*\s*$")
_NAMES = tuple(word for inputs, outputs in FAMILIES[:3] for word in (*inputs, *outputs))
ALL_NAMES = tuple(word for family in FAMILIES for words in family for word in words)
_SEPARATORS = re.compile(r"[\s\-–—=:：|,，、;；/~<>→⟶➔➜➡\ufe0f⇒⟹↦\[\](){}（）「」『』#*_`\"'“”‘’„«»‹›.。•‣·…]*")
_UNCOUNTED = re.compile(
    rf"[{QUOTES}]|(?<=\S)[.,:;!?…]+(?=[\s{QUOTES}()\[\]*_~]|$)|[。，、；：！？…]|\\(?=[^\w\s])", re.MULTILINE
)


def worded(text: str) -> str:
    """The text without white space, quotes, bullets and the punctuation at the end of clauses. Other symbols count."""
    text = re.sub(r"(?m)^[ \t]*(?:[-*•‣·>#]+[ \t]+)+", "", text)
    return "".join(unicodedata.normalize("NFKC", _UNCOUNTED.sub("", text)).split())


def plain(text: str) -> str:
    """What is compared where emphasis of Markdown is left out."""
    return worded(undecorated(text))


def middles_of(prompt: str, demonstrations: Sequence[Placed]) -> list[str]:
    """What stands between the two halves of each demonstration."""
    middles = []
    for d in demonstrations:
        first, second = sorted((d.given, d.output), key=lambda spans: spans[0].start)
        middles.append(prompt[first[-1].end : second[0].start])
    return middles


def normal_of(gap: str) -> str:
    """A text between two others for comparison: white space, quotes and numbers do not matter."""
    return re.sub(r"\d+", "0", " ".join(gap.translate({ord(mark): None for mark in MARKS}).split())).lower()


def token_of(middles: Sequence[str]) -> re.Pattern[str] | None:
    """What separates input from output in all demonstrations, where it is a word or an arrow."""
    normal = {normal_of(middle) for middle in middles}
    if len(normal) != 1:
        return None
    text = middles[0].strip("".join(MARKS) + " \n\t,;|.")
    if not re.search(r"[^\W\d_]{2}|[=-]+>|[→⇒↦]|[^\W\d_]\s*[:：]|^[=~]+$", text) or len(text) > 60:
        return None
    words = r"\s+".join(map(re.escape, text.split()))
    edge = r"(?<!\w)" if text[0].isalnum() and not runs_on(text) else ""
    line = r"(?m)^[ \t]*" if "\n" in middles[0].rstrip(" \t") and text.endswith((":", "：")) else edge
    return re.compile(rf"{line}{words}(?=\s*\S)" + (r"(?!\w)" if text[-1].isalnum() and not runs_on(text) else ""))


def parts_of(text: str) -> list[str]:
    """The clauses, lines and sentences of a text."""
    return [part for part in _BREAK.split(text) if part and part.strip()]


def is_no_text(part: str) -> bool:
    """Whether a unit is no text of its own: separators, a heading, a tag, a key, a fence, a place for a text."""
    text = part.strip()
    return (
        _SEPARATORS.fullmatch(text) is not None
        or is_open(text)
        or any(pattern.match(text) for pattern in (_TAG, KEY))
        or is_heading(text)
        or (name_of(text) in HEADINGS and not re.search(r"\d", text))
    )


def is_mark(part: str) -> bool:
    """Whether a unit between input and output is none of their text."""
    name = name_of(part)
    if is_no_text(part) or any(pattern.match(part.strip()) for pattern in (LABEL, FENCE)):
        return True
    return name in _NAMES or is_label(name, ANSWERS)


def name_of(part: str) -> str:
    """A label's words, without numbers and marks."""
    return re.sub(r"[\s\d_#*:：,()\[\]{}<>/\"-]+", " ", part).strip().lower()
