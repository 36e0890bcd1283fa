"""What stands between the input and the output of each demonstration, and the labels before both."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prompt2model_stages.discover.believing.aligning import Placed
from prompt2model_stages.discover.believing.clauses import (
    ALL_NAMES,
    WORD,
    is_mark,
    middles_of,
    name_of,
    normal_of,
    parts_of,
    token_of,
)
from prompt2model_stages.discover.believing.views import runs_on
from prompt2model_stages.discover.layouts.words import EXAMPLE, VERBS, is_label

_AND = re.compile(r"(?i)^[\s,;\"'“”«»]*(?:and|und|et|y|e|i|и|та|og|och|en|ve|dan|và|和|及|と|و)[\s,;\"'“”«»]*$")
"""What stands between two examples, and not between input and output."""
_LINE_LABEL = re.compile(r"\n\W*(?P<name>[^\n:：]{1,30})[:：]\W*$")


def middles_agree(prompt: str, demonstrations: Sequence[Placed]) -> bool:
    """Whether what stands between input and output separates them: the same everywhere, or a label."""
    middles = middles_of(prompt, demonstrations)
    pairs = list(zip(middles, demonstrations, strict=True))
    if any(not re.search(r"[^ ]", middle) or _AND.match(middle) for middle in middles):
        return False
    if any(WORD.search(middle) is None and "\n" in middle and not _fills_lines(prompt, d) for middle, d in pairs):
        return False
    if len({normal_of(middle) for middle in middles}) == 1 and len(middles) > 1:
        return True
    return all(_separates(middle, len(middles) > 1) for middle in middles)


def _fills_lines(prompt: str, demonstration: Placed) -> bool:
    """Whether a demonstration in lines without labels begins and ends a line."""
    before = prompt[: demonstration.start].rpartition("\n")[2]
    after = prompt[demonstration.end :].partition("\n")[0]
    return not WORD.search(after) and (not WORD.search(before) or re.search(r"[:：>]\W*$", before) is not None)


def holds_separator(prompt: str, demonstrations: Sequence[Placed]) -> bool:
    """Whether a demonstration holds what separates input from output elsewhere: then it is two in one."""
    middles = middles_of(prompt, demonstrations)
    token = token_of(middles)
    if token is None:
        return False
    texts = [prompt[spans[0].start : spans[-1].end] for d in demonstrations for spans in (d.given, d.output)]
    return any(re.search(r"\n|[,;、，；|]", text) and token.search(text) for text in texts)


def are_settings(prompt: str, demonstrations: Sequence[Placed]) -> bool:
    """Whether the only demonstration is two lines with labels of their own, and nothing announces examples."""
    if len(demonstrations) > 1 or EXAMPLE.search(prompt[: demonstrations[0].start]):
        return False
    before, middle = prompt[: demonstrations[0].start], middles_of(prompt, demonstrations)[0]
    labels = [_LINE_LABEL.search(text) for text in (f"\n{before}", middle)]
    names = [is_label(name_of(label["name"]), ALL_NAMES) for label in labels if label]
    return len(names) == 2 and not all(names)


def _separates(middle: str, is_odd: bool) -> bool:
    """Whether one text between input and output is no part of either: marks, a label, or a few words.

    is_odd: it is another text than in other demonstrations; then only usual words will do.
    """
    lines = [line for line in middle.splitlines() if WORD.search(line)]
    if not lines:
        return True
    if "\n" not in middle.strip(" \t"):
        text = middle.strip()
        if is_odd and not all(is_mark(part) for part in parts_of(text)):
            return re.sub(r"[^\w\s]", "", text).strip().lower() in VERBS
        is_short = len(text) <= 12 if runs_on(text) else len(re.findall(r"[^\W_]+", text)) <= 5
        return is_short and not re.search(r"[.!?。]\s|\w\W?[,;、，；]\W*\w", text)
    first = middle.splitlines()[0]
    return not WORD.search(first) and all(is_mark(part) for line in lines for part in parts_of(line))
