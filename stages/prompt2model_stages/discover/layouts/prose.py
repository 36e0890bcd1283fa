"""Examples in sentences: `For example, go becomes went, and see becomes saw.`, `"x" should give "y"`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from prompt2model_stages.discover.layouts.common import Found, around
from prompt2model_stages.discover.layouts.templates import begins_with_template
from prompt2model_stages.discover.layouts.words import EXAMPLES, VERBS, pattern

_QUOTED = (
    r"(?:\"([^\"\n]+)\"|“([^“”\n]+)”|«([^«»\n]+)»|„([^„“”\n]+)[“”]|「([^「」\n]+)」|『([^『』\n]+)』|`([^`\n]+)`|"
    r"‘([^‘’\n]+)’|(?<!\w)'((?:[^'\n]|(?<=\w)'(?=\w))+)'(?!\w))"
)
_VERB = pattern(VERBS)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-z]|[\"“'«„‘`])|(?<=[。！？])|\n")
_BETWEEN = re.compile(
    rf"(?i)^[\s,:]*(?:(?:it|this|that|the|you|we|result|output|es|das|se|il|ça)\s+)*(?:{_VERB})[\s,:]*$"
)
_AFTER = re.compile(
    r"(?i)^[\s,;.。、，；!）)]*(?:and|while|whereas|but|or|then|likewise|und|y|e|et|i|и|ve|en|och|och|dan|而|和|，|、)?[\s,]*$"
)
_BEFORE = re.compile(
    rf"(?i)(?:^|[\s(（])(?:{EXAMPLES})[\s,:：，、(（]*(?:the\s+(?:input|text|word|sentence|phrase|question|review|message)\s*)?(?:für|for|if|given|aus|de)?\s*$|"
    rf"^\W*(?:the\s+(?:input|text|word|sentence)|for|given|if the input is|aus)?\s*$"
)
_LONGEST = 60
_PASSIVE = ("should be", "must be", "would be", "muss", "wird")
"""Verbs of rules, too: `names should be kept`. They join examples only where these are in quotes."""


def quoted_in_sentences(prompt: str) -> Found | None:
    """Pairs of quoted texts with a verb between them, such as "gives"; None where it is doubtful."""
    quotes = list(re.finditer(_QUOTED, prompt))
    chosen: list[tuple[re.Match[str], re.Match[str]]] = []
    at = 0
    while at < len(quotes) - 1:
        first, second = quotes[at], quotes[at + 1]
        if _BETWEEN.match(prompt[first.end() : second.start()]):
            chosen.append((first, second))
            at += 2
        else:
            at += 1
    if not chosen:
        return None
    pairs = [(_inside(first), _inside(second)) for first, second in chosen]
    gaps = [prompt[a[1].end() : b[0].start()] for a, b in itertools.pairwise(chosen)]
    start = _start(prompt, chosen[0][0].start())
    end = chosen[-1][1].end()
    rest = prompt[end:]
    if re.search(_QUOTED, rest):
        return None  # one more example, perhaps
    ends = re.match(r"[\s)）]*(?:[.。!;；]|$|\n)", rest)
    if start is None or ends is None or not all(_separates(gap) for gap in gaps) or begins_with_template(pairs):
        return None
    return Found(around(prompt[:start].rstrip(" ,;:(（—-"), rest[ends.end() :]), pairs)


def verbs_in_sentences(prompt: str) -> Found | None:
    """`For example, go becomes went, and see becomes saw.`: short texts around a verb in a sentence that announces examples."""
    for sentence, start in _sentences(prompt):
        opening = re.match(rf"(?i)^\W*(?:{EXAMPLES})\W+|^(?:{EXAMPLES})[、，,：:]?", sentence)
        if opening is None or re.search(r"[\"“”«»「」`]", sentence):
            continue
        pairs = _clauses(sentence[opening.end() :].strip().rstrip(".。!"))
        if pairs:
            return Found(around(prompt[:start], prompt[start + len(sentence) :]), pairs)
    return None


def _clauses(text: str) -> list[tuple[str, str]]:
    """Clauses with the same verb in each, once."""
    clauses = re.split(
        r"\s*(?:[,;，、；]|\band\b|\bund\b|\bet\b|\by\b|\bи\b)\s*(?:(?:and|while|und|et|y|e|и)\s+)?", text
    )
    clauses = [clause for clause in clauses if clause]
    for verb in sorted(set(VERBS) - set(_PASSIVE), key=len, reverse=True):
        spaced = rf"\s+{re.escape(verb)}\s+" if verb.isascii() or " " in verb else rf"\s*{re.escape(verb)}\s*"
        parts = [re.split(spaced, clause) for clause in clauses]
        if len(verb) < 2 or not all(len(part) == 2 and all(0 < len(p) <= _LONGEST for p in part) for part in parts):
            continue
        return [(part[0].strip(" '‘’"), part[1].strip(" '‘’")) for part in parts]
    return []


def _sentences(prompt: str) -> list[tuple[str, int]]:
    found, at = [], 0
    for gap in [*_SENTENCE.finditer(prompt), None]:
        end = gap.start() if gap else len(prompt)
        if prompt[at:end].strip():
            found.append((prompt[at:end], at))
        at = gap.end() if gap else end
    return found


def _start(prompt: str, at: int) -> int | None:
    """Where the text that announces the first example begins; None where its sentence says something else, too."""
    begin = max((start for _, start in _sentences(prompt) if start <= at), default=0)
    match = _BEFORE.search(prompt[begin:at])
    if match is None:
        return None
    return begin + match.start()


def _separates(gap: str) -> bool:
    lines: Sequence[str] = gap.splitlines() or [gap]
    return all(_AFTER.match(line) or _BEFORE.search(line) or re.match(r"^\s*[-*•\d.)]*\s*$", line) for line in lines)


def _inside(match: re.Match[str]) -> str:
    return next(text for text in match.groups() if text is not None).strip()
