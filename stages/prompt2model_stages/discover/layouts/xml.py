"""Examples in tags: `<input>…</input><output>…</output>`, `<q>…</q> <a>…</a>`, attributes of one tag."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import dataclass

from prompt2model_stages.discover.layouts.common import Found, around, bare_pair
from prompt2model_stages.discover.layouts.templates import without_template
from prompt2model_stages.discover.layouts.words import FAMILIES, is_label

_LEAF = re.compile(r"<(?P<name>[^\W\d][\w.:-]*)(?P<rest>\s[^<>]*)?>(?P<text>.*?)</(?P=name)\s*>", re.DOTALL)
_EMPTY = re.compile(r"<[\w.:-]+(?:\s+[\w.:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))+\s*/?>")
_ATTRIBUTE = re.compile(r"([\w.:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_TAG = re.compile(r"</?[\w.:-]+(?:\s[^<>]*)?/?>")
_INSTRUCTIONS = ("instruction", "instructions", "task", "prompt", "system")


@dataclass(frozen=True)
class _Tag:
    name: str
    start: int
    end: int
    text: str


def tags(prompt: str) -> Found | None:
    """Pairs in tags; None where there are none."""
    leaves = _leaves(prompt)
    outputs = tuple(word for _, words in FAMILIES for word in words)
    for inputs, answers in (*FAMILIES, (None, None)):
        found = []
        for first, second in itertools.pairwise(leaves):
            if _TAG.sub("", prompt[first.end : second.start]).strip() or first.name == second.name:
                continue
            is_usual = inputs is not None and is_label(first.name, inputs) and is_label(second.name, answers or ())
            if is_usual or (inputs is None and not is_label(first.name, outputs)):
                found.append((first, second))
        if inputs is None:
            found = _repeated(found)
        pairs = [bare_pair(html.unescape(first.text), html.unescape(second.text)) for first, second in found]
        kept = [pair for pair in without_template(pairs) if all(pair)]
        if kept and not _between(prompt, found):
            return Found(_instruction(prompt[: found[0][0].start], prompt[found[-1][1].end :]), kept)
    return None


def attributes(prompt: str) -> Found | None:
    """Pairs of `<example input="…" output="…"/>`; None where there are none."""
    pairs, ends = [], []
    for match in _EMPTY.finditer(prompt):
        values = {name: html.unescape(a or b) for name, a, b in _ATTRIBUTE.findall(match.group())}
        for inputs, outputs in FAMILIES:
            given = [v for name, v in values.items() if is_label(name, inputs)]
            output = [v for name, v in values.items() if is_label(name, outputs)]
            if len(values) == 2 and len(given) == len(output) == 1:
                pairs.append((given[0], output[0]))
                ends.append(match.span())
                break
    if not pairs:
        return None
    return Found(_instruction(prompt[: ends[0][0]], prompt[ends[-1][1] :]), pairs)


def _leaves(prompt: str) -> list[_Tag]:
    """Tags with text and no tag that is closed in them."""
    found, at = [], 0
    while match := _LEAF.search(prompt, at):
        inner = _LEAF.search(match["text"])
        if inner and len(re.sub(r"\s", "", _LEAF.sub("", match["text"]))) == 0:
            at = match.start() + 1
            continue
        found.append(_Tag(match["name"], match.start(), match.end(), match["text"]))
        at = match.end()
    return found


def _repeated(found: list[tuple[_Tag, _Tag]]) -> list[tuple[_Tag, _Tag]]:
    """Pairs of one kind, twice at least: names that are not usual are believed when they come again."""
    if not found:
        return []
    names = {(first.name, second.name) for first, second in found}
    start = found[0][0].name, found[0][1].name
    kept = [pair for pair in found if (pair[0].name, pair[1].name) == start]
    return kept if len(kept) > 1 and names <= {start, (start[1], start[0])} else []


def _between(prompt: str, found: list[tuple[_Tag, _Tag]]) -> bool:
    """Whether there is text between the examples: it may belong to one."""
    gaps = (prompt[a[1].end : b[0].start] for a, b in itertools.pairwise(found))
    return any(
        re.search(r"[^\W\d]", re.sub(r"(?i)example|beispiel|ejemplo|exemple", "", _TAG.sub("", gap))) for gap in gaps
    )


def _instruction(before: str, after: str) -> str:
    parts = []
    for text in (before, after):
        text = re.sub(r"(?m)^[ \t]*</?[\w.:-]+(?:\s[^<>]*)?/?>[ \t]*$\n?", "", text)
        text = re.sub(r"\s*<[\w.:-]+(?:\s[^<>]*)?>\s*$|^\s*</[\w.:-]+>\s*", "", text)
        parts.append(re.sub(rf"</?(?:{'|'.join(_INSTRUCTIONS)})>", "", text, flags=re.IGNORECASE))
    return around(*parts)
