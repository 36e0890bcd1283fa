"""The labelled parts of inputs, such as `Question: … Context: …` or the lines of several columns, and what each is for.

A part is a *question* where rows that share it have the same output: who has seen one row can answer the other. It is a
*context* where they have not, as the passages of SQuAD, of which each has several questions. The rows tell which, not the names
(docs/decisions/0094).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from prompt2model_stages.examples import Pair, group_of
from prompt2model_stages.prepare.folding import words_of

Use = Literal["question", "context", "neither"]

LOOKED_AT = 2000
"""Inputs from which the labels are learnt."""
LEAST_ROWS = 0.1
"""A label is one that so many of the inputs have."""
TEXT_WORDS = 4
"""A part is a text where half of its values have so many words; a category, a name or a date is none."""
AGREEMENT, SURE = 0.75, 0.95
"""How far between chance (0) and always (1) the outputs of rows that share a question agree; the latter where there are few."""
LEAST_SHARED = 30
"""Rows that share a question, without which their agreement says nothing."""
LEAST_QUESTIONS, MANY_QUESTIONS, MOST_OF_HALF = 10, 30, 1 / 10
"""A part with fewer values is a category, whatever it says of the output; so is one of which half have more of the rows each."""
SELDOM = 0.05
"""Where no more rows than this share a text, it is taken as a question without a measure."""
MOST_ASKED, MOST_IN_CONTEXT, LEAST_CONTEXTS = 4 / 5, 1 / 10, 30
"""Of the rows, those of the largest question and of the largest context; and how many contexts there must be."""
_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
"""Vowel signs, tones and dots of Hindi, Thai and others: parts of words, which `\\w` does not have."""
_WORD = rf"(?:(?!_)[\w{_MARKS}])"
_LABEL = re.compile(
    rf"(?:^|\n)[ \t]*\[?([^\W\d_]{_WORD}*(?:[ _-]{_WORD}+){{0,3}})[ \t]*[:：]"
    rf"|(?<=\s)([^\W\d][\w{_MARKS}]*(?: [0-9A-Z])?)[:：](?=\s)"
)


@dataclass(frozen=True)
class Field:
    """A labelled part of the inputs.

    values: how many different ones there are.
    shared: how many rows have a value that another row has.
    agreement: of the outputs of rows that share a value, 0 by chance, 1 always; 0 where fewer than LEAST_SHARED do.
    """

    name: str
    use: Use
    values: int
    shared: int
    agreement: float


class Layout:
    """The labels of the inputs, in no order, without case.

    Args:
        spellings: the labels as they are written, in each way.
    """

    def __init__(self, spellings: Iterable[str]) -> None:
        spellings = set(spellings)
        self.labels = sorted(set(map(_without_case, spellings)))
        some = "|".join(re.escape(label) for label in sorted(spellings, key=lambda label: (-len(label), label)))
        self._pattern = re.compile(rf"(?:^|(?<=\s))\[?({some})[ \t]*[:：]", re.IGNORECASE)

    def parts(self, text: str) -> dict[str, str]:
        """The text's parts by label; none where it does not begin with a label, or has one alone."""
        if len(self.labels) < 2:
            return {}
        text = text.strip()
        first: dict[str, re.Match[str]] = {}
        for found in self._pattern.finditer(text):
            first.setdefault(_without_case(found.group(1)), found)
        marks = list(first.items())
        if len(marks) < 2 or marks[0][1].start() != 0:
            return {}
        ends = [found.start() for _, found in marks[1:]] + [len(text)]
        return {label: text[found.end() : end].strip() for (label, found), end in zip(marks, ends, strict=True)}


def layout_of(texts: Sequence[str]) -> Layout:
    """The labels that the inputs have in common. The order of the inputs is no matter."""
    ordered = sorted(texts)
    some = ordered[:: max(1, len(ordered) // LOOKED_AT)]
    counts: Counter[str] = Counter()
    spellings: dict[str, set[str]] = defaultdict(set)
    for text in some:
        written = {found.group(1) or found.group(2) for found in _LABEL.finditer(text.strip())}
        counts.update({_without_case(label) for label in written})
        for label in written:
            spellings[_without_case(label)].add(label)
    enough = max(2, LEAST_ROWS * len(some))
    return Layout(spelling for label, rows in counts.items() if rows >= enough for spelling in spellings[label])


def _without_case(label: str) -> str:
    return unicodedata.normalize("NFC", label.casefold())


class Parts:
    """The parts of all inputs: which fields there are, and the groups of the values of each input.

    Args:
        pairs: inputs with outputs, each group once or more.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        layout = layout_of([pair.input for pair in pairs])
        rows: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._texts: dict[str, dict[str, str]] = defaultdict(dict)
        self._of: dict[str, dict[str, str]] = {}
        for pair in pairs:
            values = {}
            for label, text in layout.parts(pair.input).items():
                if text:
                    values[label] = value = group_of(text)
                    rows[label][value].append(pair.output)
                    self._texts[label].setdefault(value, text)
            if values:
                self._of[group_of(pair.input)] = values
        chance = _chance(Counter(pair.output for pair in pairs))
        self.fields = [_field(label, rows[label], self._texts[label].values(), chance) for label in sorted(rows)]
        self._outputs = rows

    def values(self, group: str, use: Use) -> list[str]:
        """The groups of the input's parts that have this use."""
        used = {field.name for field in self.fields if field.use == use}
        return [value for label, value in self._of.get(group, {}).items() if label in used]

    def questions(self) -> list[Pair]:
        """Each question once, with its most frequent output."""
        asked: dict[str, Pair] = {}
        for field in self.fields:
            if field.use != "question":
                continue
            for value, text in self._texts[field.name].items():
                votes = Counter(self._outputs[field.name][value])
                output = min(votes, key=lambda one: (-votes[one], len(one), one))
                asked[value] = min(asked.get(value, Pair(text, output)), Pair(text, output), key=_text)
        return sorted(asked.values(), key=_text)


def _text(pair: Pair) -> tuple[str, str]:
    return pair.input, pair.output


def _field(name: str, rows: Mapping[str, Sequence[str]], texts: Iterable[str], chance: float) -> Field:
    total = sum(len(outputs) for outputs in rows.values())
    shared = [outputs for outputs in rows.values() if len(outputs) > 1]
    count = sum(map(len, shared))
    agreed = sum(_chance_of_two(Counter(outputs)) * len(outputs) for outputs in shared)
    measured = count >= LEAST_SHARED and chance < 1
    agreement = max(0.0, (agreed / count - chance) / (1 - chance)) if measured else 0.0
    is_text = median(len(words_of(text)) for text in texts) >= TEXT_WORDS
    use: Use = "neither"
    if is_text and _are_questions(rows, total, agreement, count):
        use = "question"
    elif is_text and max(map(len, rows.values())) <= MOST_IN_CONTEXT * total and len(rows) >= LEAST_CONTEXTS:
        use = "context"
    return Field(name, use, len(rows), count, round(agreement, 3))


def _are_questions(rows: Mapping[str, Sequence[str]], total: int, agreement: float, shared: int) -> bool:
    """Whether rows that share a text have the same output, or hardly any do, and the texts are no categories of the rows."""
    sizes = list(map(len, rows.values()))
    if len(sizes) < LEAST_QUESTIONS or max(sizes) > MOST_ASKED * total or median(sizes) > MOST_OF_HALF * total:
        return False
    return agreement >= (AGREEMENT if len(sizes) >= MANY_QUESTIONS else SURE) or shared <= SELDOM * total


def _chance(counts: Counter[str]) -> float:
    """How likely two rows that are drawn have the same output."""
    total = counts.total()
    return sum((count / total) ** 2 for count in counts.values()) if total else 0.0


def _chance_of_two(counts: Counter[str]) -> float:
    """How likely two different rows have the same output."""
    total = counts.total()
    return sum(count * (count - 1) for count in counts.values()) / (total * (total - 1))
