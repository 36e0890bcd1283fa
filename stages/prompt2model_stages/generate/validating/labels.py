"""A closed set of labels, where the instruction lists them and the demonstrations are of them.

An output that the instruction names anywhere is never called wrong, nor is anything where the instruction gives its labels as
examples of more.
"""

from __future__ import annotations

import re

from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.validating.base import Reason, Validator, outputs_of

LEAST, DISTINCT = 3, 2
"""Demonstrations, and different labels among them."""
LONGEST, MOST_WORDS = 40, 4
"""Of a label: characters, words."""

_OPEN, _CLOSE = r"[\"'`“”‘’„«「『*]{0,2}", r"[\"'`“”‘’«»」』*]{0,2}"
_GLOSS = r"(?:\s*\([^()\n]{1,40}\))?"
_JOINT = (
    r"\s*(?:(?:[,;/|、，・]|\bor\b|\band\b|\boder\b|\bund\b|\bou\b|\bet\b|\bo\b|\by\b|\be\b|または|もしくは|或|和|か|أو|و|или|и)\s*){1,2}"
    r"(?:(?:an?|the)\s+)?(?:\d+[.)]\s*)?"
)
_ITEM = r"[^,;/|、，.\n()]{1,30}"
_OPEN_BEFORE = re.compile(
    r"(?:such as|e\.g\.?|for example|for instance|\blike|including|between|from|examples?|z\.\s?b\.|zum beispiel|\bwie|zwischen|"
    r"par exemple|\bcomme|entre|por ejemplo|\bcomo|例えば|たとえば|例如|比如|مثل)[\s:,(]*[\"'`“‘„«「]*$"
)
_OPEN_AFTER = re.compile(r"^[\"'`”’»」,)\s]*(?:(?:and|or) )?(?:etc|so on|others?\b|\.\.\.|…|usw|など|等|وغيرها)")
_ASKED = re.compile(
    r"\b(?:return|output|answer|respond|reply|write|say|print|label(?:l?ed)?|classif\w+|mark|tag|use|be)\b[^.\n]{0,30}$"
)
_PARTS = re.compile(r"\s*(?:[,;/|\n、，]|\band\b|\bund\b|\bet\b)\s*")
_AROUND = re.compile(r"^[\W_]+|[\W_]+$")


def label(task: Task) -> Validator | None:
    """An output that the instruction does not name, where it lists the labels."""
    labels = sorted({plain(output) for output in outputs_of(task)})
    if len(task.demonstrations) < LEAST or len(labels) < DISTINCT or not all(map(_is_short, labels)):
        return None
    instruction = " ".join(task.wording.casefold().split())
    if not all(_is_listed(one, labels, instruction) for one in labels):
        return None

    def is_named(text: str) -> bool:
        said = plain(text)
        if not said:
            return True
        boundary = r"(?<!\w)%s(?!\w)" if said.isascii() else "%s"
        return re.search(boundary % re.escape(said), instruction) is not None

    return Validator(
        Reason.LABEL,
        lambda pair: not is_named(pair.output) and not all(map(is_named, _PARTS.split(pair.output))),
    )


def plain(text: str) -> str:
    """Without capitals, and without quotes and full stops around it."""
    return _AROUND.sub("", " ".join(text.casefold().split()))


def _is_short(text: str) -> bool:
    return 0 < len(text) <= LONGEST and len(text.split()) <= MOST_WORDS


def _is_listed(one: str, labels: list[str], instruction: str) -> bool:
    return _is_asked_for(one, instruction) or any(
        _are_enumerated(first, second, instruction)
        for other in labels
        if other != one
        for first, second in ((one, other), (other, one))
    )


def _are_enumerated(first: str, second: str, instruction: str) -> bool:
    """Whether one label follows another in a list: "a", "b" or "c"."""
    quoted = any(letter.isdigit() for letter in first + second)  # "from 1 to 5" lists no labels
    marks, close = (r"[\"'`“‘]", r"[\"'`”’]") if quoted else (_OPEN, _CLOSE)
    gloss = r"\s*\([^()\n]{1,40}\)"
    end = rf"(?:{close}{_GLOSS}|{gloss})" if quoted else rf"{close}{_GLOSS}"
    begin = rf"(?:{marks})?" if quoted else marks
    pattern = (
        rf"(?<!\w){begin}{re.escape(first)}{end}(?:{_JOINT}{_ITEM}{_GLOSS}){{0,8}}?{_JOINT}"
        rf"{begin}{re.escape(second)}{end}(?!\w)"
    )
    found = re.search(pattern, instruction)
    return found is not None and not (
        _OPEN_BEFORE.search(instruction[: found.start()]) or _OPEN_AFTER.search(instruction[found.end() :])
    )


def _is_asked_for(one: str, instruction: str) -> bool:
    """Whether the label stands in quotes after a word for answering: return "a" if …, else return "b"."""
    for found in re.finditer(rf"[\"'`“‘「]{re.escape(one)}[\"'`”’」]", instruction):
        before = instruction[: found.start()]
        if _ASKED.search(before) and not _OPEN_BEFORE.search(before):
            return True
    return False
