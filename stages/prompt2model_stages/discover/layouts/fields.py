"""Examples of several labelled fields, of which the last is the output: `Text: … Aspect: … Sentiment: …`.

The names are no fixed ones. They are believed where each example has the same, in a paragraph of its own, or where the
words are usual ones (`Review: … Sentiment: …`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from prompt2model_stages.discover.layouts.common import Found, around, bare_pair, holds_others, is_heading, is_open
from prompt2model_stages.discover.layouts.endings import ends_surely
from prompt2model_stages.discover.layouts.templates import begins_with_template
from prompt2model_stages.discover.layouts.words import HEADINGS, INPUTS, OUTPUT_NAMES, QUESTIONS, TEXTS, is_label

_FIELD = re.compile(
    r"^[ \t]*(?:[-*•>][ \t]+|\d{1,3}[.)][ \t]+)?(?:\*\*|__)?(?P<name>[^\W\d_][^:：=\n.!?;|<>\"“”{}()。！？]{0,29}?)[ \t]*"
    r"(?:\*\*|__)?[ \t]*[:：](?:\*\*|__)?(?=\s|[^\x00-\x7f]|[\"'\d]|$)[ \t]*(?P<value>.*)$"
)


@dataclass(frozen=True)
class _Group:
    """Lines that belong together: the names of its fields, in order, and their values."""

    fields: list[tuple[str, str]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name.lower() for name, _ in self.fields)

    @property
    def is_open(self) -> bool:
        """Whether a value is left out: such a group asks, it does not tell."""
        return any(is_open(value) for _, value in self.fields)


def several_fields(prompt: str) -> Found | None:
    """Pairs of examples with three fields or more; None where there are none."""
    return _found(prompt, lambda names: len(names) > 2 and not is_label(names[0], INPUTS))


def two_fields(prompt: str) -> Found | None:
    """Pairs of examples with two fields; None where there are none."""
    return _found(prompt, lambda names: len(names) == 2)


def _found(prompt: str, fits: Callable[[tuple[str, ...]], bool]) -> Found | None:
    paragraphs = [_groups(paragraph) for paragraph in re.split(r"\n[ \t]*\n", prompt)]
    counts = Counter(group.names for _, _, groups in paragraphs for group in groups if fits(group.names))
    names = max(counts, key=lambda names: (counts[names], len(names)), default=None)
    if names is None:
        return None
    of_examples = [n for n, (_, _, groups) in enumerate(paragraphs) if groups and all(g.names == names for g in groups)]
    if not of_examples or not _is_sure(names, counts[names], len(of_examples)):
        return None
    first, last = of_examples[0], of_examples[-1]
    between = [paragraphs[n][0] for n in range(first, last) if n not in of_examples]
    heads = [paragraphs[n][1] for n in of_examples[1:]]
    if not all(map(_is_empty, (*between, *heads))):
        return None  # text between examples: it may belong to one
    groups = [group for n in of_examples for group in paragraphs[n][2]]
    pairs = [_pair(group) for group in groups if not group.is_open]
    if any(_FIELD.match(group.fields[0][1]) for group in groups) or not pairs or begins_with_template(pairs):
        return None  # `Input: Question: …`: the first label is around the others
    if holds_others(pairs) or "".join(text for text, _, _ in paragraphs[:first]).count('"') % 2:
        return None
    before = [*(text for text, _, _ in paragraphs[:first]), paragraphs[first][1]]
    after = [text for text, _, groups in paragraphs[last + 1 :] if not any(group.is_open for group in groups)]
    if not ends_surely([group.fields[-1][1] for group in groups if not group.is_open], "\n\n".join(after)):
        return Found(prompt, [])
    return Found(around("\n\n".join(filter(None, before)), "\n\n".join(after)), pairs)


def _is_empty(text: str) -> bool:
    return not re.search(r"\w", text) or is_heading(text.strip())


def _groups(paragraph: str) -> tuple[str, str, list[_Group]]:
    """The paragraph, its lines before the first field, and its fields: a new group where the first name comes again."""
    head: list[str] = []
    fields: list[list[tuple[str, str]]] = []
    for line in paragraph.splitlines():
        match = _FIELD.match(line)
        if is_heading(line):
            continue
        if match and match["name"].lower() not in HEADINGS:
            name = match["name"].strip()
            if not fields or name.lower() == fields[0][0][0].lower():
                fields.append([])
            fields[-1].append((name, match["value"]))
        elif fields:
            name, value = fields[-1][-1]
            fields[-1][-1] = name, f"{value}\n{line}"
        else:
            head.append(line)
    return paragraph, "\n".join(head), [_Group(group) for group in fields]


def _is_sure(names: tuple[str, ...], groups: int, paragraphs: int) -> bool:
    """Whether these are examples beyond doubt: by usual names, or as paragraphs of the same form."""
    ends_usual, starts_usual = is_label(names[-1], OUTPUT_NAMES), is_label(names[0], OUTPUT_NAMES)
    if len(set(names)) < len(names):
        return False
    if len(names) > 2 and is_label(names[-2], OUTPUT_NAMES) and not is_label(names[-2], (*TEXTS, *QUESTIONS)):
        return False  # the last two may both be outputs
    if groups == 1:
        return ends_usual and not starts_usual and is_label(names[0], TEXTS)
    return ends_usual or (not starts_usual and groups == paragraphs > 2)  # two may be settings


def _pair(group: _Group) -> tuple[str, str]:
    *given, (_, output) = group.fields
    if len(given) == 1:
        return bare_pair(given[0][1], output)
    return "\n".join(f"{name}: {value.strip()}" for name, value in given), bare_pair("", output)[1]
