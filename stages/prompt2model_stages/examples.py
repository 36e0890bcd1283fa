"""An input with its output, on all its ways through the stages, and when two of them ask the same."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from prompt2model_stages.raised import marked

Source = Literal["own", "retrieved", "transformed", "generated"]

EXAMPLES = "examples.jsonl"
"""The file that generate writes, a VotedExample a line, and prepare reads."""
TRANSFORMED = "transformed.jsonl"
"""The file that transform writes, a TransformedExample a line, and prepare reads."""

SOURCES: tuple[Source, ...] = ("own", "retrieved", "transformed", "generated")
"""The most trusted first: where two sources disagree, the earlier one is believed."""


@dataclass(frozen=True)
class Pair:
    """An input and its output: all that a prompt shows of an example."""

    input: str
    output: str


@dataclass(frozen=True)
class Example(Pair):
    """A labelled example, and where it came from: what the splits are made of.

    origin: dataset, revision and row, or the keys of the requests that the teacher answered.
    made_from, answered: see TransformedExample; empty where it was not rewritten.
    references: all outputs that are right, where there are several; `output` is one of them.
    """

    source: Source
    origin: str
    made_from: tuple[str, ...] = ()
    answered: str = ""
    references: tuple[str, ...] = ()

    @cached_property
    def group(self) -> str:
        """Hash of what is asked; examples of one group never stand in two splits."""
        return group_of(self.input)


@dataclass(frozen=True)
class VotedExample(Pair):
    """A unique example that generate writes: the output that most of the teacher's answers gave for the input.

    requests: keys of the journalled requests that gave an output for this input.
    votes, of: how many of the outputs were this one.
    """

    requests: tuple[str, ...]
    votes: int
    of: int


@dataclass(frozen=True)
class TransformedExample(Pair):
    """A row of the chosen dataset as the teacher rewrote it.

    origin: dataset, revision and row.
    request: key of the journalled request.
    made_from: groups of the row's own texts: of its input, and of its output where that is the longer one.
    answered: group of the row's own output.
    """

    origin: str
    request: str
    made_from: tuple[str, ...]
    answered: str


def group_of(text: str) -> str:
    """16 hexadecimal digits that inputs share which differ in case, punctuation or spaces alone."""
    return hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


class _Spaces(dict[int, str]):
    """For str.translate: each character without meaning of its own as a space. What was looked up is kept, of one plane."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        found = " " if unicodedata.category(letter)[0] in "PZC" else letter
        if code < 0x10000:
            self[code] = found
        return found


_SPACES = _Spaces()


def normalised(text: str) -> str:
    """The input without what does not make it another question.

    NFKC and case folding; each run of punctuation, control characters and spaces becomes one space. It is replaced, not
    dropped: 5/17/2030 and 51/7/2030 stay apart, as do 2³ and 23. An input of punctuation alone stays as it is.
    """
    # NFKC and case folding make ASCII lower case, and nothing else of it.
    folded = text.lower() if text.isascii() else _nfkc(_nfkc(marked(text)).casefold())
    spaced = folded.translate(_SPACES)
    return " ".join(spaced.split()) or " ".join(folded.split())


def same_text(text: str) -> str:
    """The key of inputs that are the same but for the kind and number of spaces, and for where lines end.

    The indentation of lines counts where there are several: programs that differ in it alone do not do the same.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not any(line[0].isspace() for line in lines):
        return " ".join(text.split())
    return "".join(f"\n{line}" if line[0].isspace() else f" {line}" for line in map(_spaced, lines)).strip(" ")


def _spaced(line: str) -> str:
    """The line with its indentation, and a space between its words."""
    return line[: len(line) - len(line.lstrip())] + " ".join(line.split())
