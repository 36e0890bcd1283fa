"""What the layouts share: what a layout has found, and how headings, separators and quotes are taken off."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_stages.discover.layouts.words import EXAMPLE, EXAMPLES, TITLES

_ANNOUNCING = (
    r"(?:here|these|below|following|the|some|a few|few|several|more|other|our|for|as|with|hier|sind|ist|einige|"
    r"ein|eine|zum|einem|noch|por|algunos|aquí|hay|tienes|voici|quelques|des|par|ecco|alcuni|ad|is|are|an?|two|three|four|five|"
    r"good|und|and|et|y|in-context|few-shot|training|input|output|input/output|ici|вот|несколько|以下|是|一些|以下に|示します|です|の|を|です|다음은|입니다|"
    r"เหล่านี้|là|các|berikut|adalah|هذه|بعض|कुछ)\W+"
)
_HEADING = re.compile(
    rf"(?i)^[\W\d]*(?:{_ANNOUNCING})*"
    rf"(?:{EXAMPLES})(?:\W*(?:\d+|[A-Za-z]|below|follow|of the task|one|two|three|to follow))?\W*$"
)
_ANNOUNCES = re.compile(rf"(?i)^[\W\d]*(?:{_ANNOUNCING}|{EXAMPLES})")
_NOTHING = re.compile(r"^\s*(?:([-=*_#~`+|>])(?:\s?\1)*)?\s*$")
_OPENING = re.compile(r"^\s*(?:```|~~~)[ \t]*[\w+-]*[ \t]*\n")
_CLOSING = re.compile(r"\n[ \t]*(?:```|~~~)\s*$")
_QUOTED = {'"': '"', "“": "”", "'": "'", "„": "“”", "«": "»", "`": "`", "‘": "’", "「": "」", "『": "』"}
_ARROW = re.compile(r"\S\s*(?:[=-]{1,2}>|[→⇒↦])\s*\S")
BULLET = re.compile(r"^[ \t]*(?:[-*•‣·>][ \t]+|\(?\d{1,3}[.)][ \t]+)")


@dataclass(frozen=True)
class Found:
    """A prompt's parts as one layout has them.

    instruction: what stands around the examples.
    pairs: inputs and outputs in the prompt's order.
    """

    instruction: str
    pairs: list[tuple[str, str]]


def is_heading(line: str) -> bool:
    """Whether a line only announces examples or numbers one: `### Examples`, `Example 2:`, `Hier sind Beispiele:`."""
    return len(line) <= 100 and (_HEADING.match(line) is not None or _announces(line))


def is_title(line: str) -> bool:
    """Whether a line is only a heading above the instruction: `## Task`, `Instructions:`."""
    plain = line.strip().strip("#*_[]<>=:：- \t").lower()
    return plain in TITLES and plain != line.strip().lower()


def _announces(line: str) -> bool:
    """`Here are a few examples of what I mean:`; not `Answer in one word as in these examples:`, which is a rule, too."""
    return (
        line.rstrip().endswith((":", "："))
        and EXAMPLE.search(line) is not None
        and _ANNOUNCES.match(line) is not None
        and not re.search(r"[.!?。！？]\s|[,;，、；]", line)
    )


def without_headings(text: str) -> str:
    """The text without lines at its end or start that only announce examples, number or separate them."""
    lines = text.strip().splitlines()
    while lines and (is_heading(lines[-1]) or (_NOTHING.match(lines[-1].strip()) and len(lines[-1].strip()) != 1)):
        lines.pop()
    while lines and (is_heading(lines[0]) or is_title(lines[0])):
        lines.pop(0)
    return "\n".join(lines)


def around(before: str, after: str) -> str:
    """The instruction out of what stands before the examples and after them."""
    return "\n".join(filter(None, (without_headings(part).strip() for part in (before, after))))


def bare_pair(given: str, output: str) -> tuple[str, str]:
    """Input and output without fences, emphasis and the quotes around both; quotes around one of them belong to it."""
    values = _bare(given), _bare(output)
    if all(is_quoted(value.rstrip(",;")) for value in values):
        return _unquoted(values[0]), _unquoted(values[1])
    return values


def is_quoted(text: str) -> bool:
    """Whether the text stands in one pair of quotes."""
    return len(text) >= 2 and text[-1] in _QUOTED.get(text[0], "") and not set(text[1:-1]) & {text[0], text[-1]}


def is_in_quotes(text: str) -> bool:
    """Whether the text begins and ends with quotes, whatever is between them."""
    return len(text) >= 2 and text[-1] in _QUOTED.get(text[0], "")


def _unquoted(text: str) -> str:
    return text.rstrip(",;")[1:-1].strip()


def _bare(text: str) -> str:
    text = text.strip()
    opening = _OPENING.match(text)
    if opening and _CLOSING.search(text):
        return textwrap.dedent(_CLOSING.sub("", text[opening.end() :])).strip("\n")
    for mark in ("**", "__"):
        inner = text[len(mark) : -len(mark)]
        if text.startswith(mark) and text.endswith(mark) and mark not in inner and inner.strip():
            text = inner.strip()
    return text


def holds_others(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether all values show that these labels are inside another layout's: an arrow after the label, half of a quote."""
    outputs = [output for _, output in pairs]
    return all(_ARROW.search(output) for output in outputs) or all(
        output.strip().count('"') % 2 and given.strip().count('"') % 2 == 0 for given, output in pairs
    )


def is_open(text: str) -> bool:
    """Whether a value is no text but a place for one: empty, `...`, `{input}`, `<text>`, `___`."""
    return re.match(r"^\s*(?:\.{3}|…|\{{1,2}[\w .-]+\}{1,2}|<[\w .-]+>|_{2,})?\s*$", text) is not None


def is_half_open(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether a place for a text stands beside a text: it may be an example, as `...` is in Morse code."""
    return any(given and output and is_open(given) != is_open(output) for given, output in pairs)
