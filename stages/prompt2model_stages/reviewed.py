"""The generated examples as a person corrected them: a file in the resource's folder that its content names.

reviewed-<8 hex>.jsonl: which generated examples it was made of, then an example a line; rows that a person removed are not in
it. Its SHA-256 is in generation.accepted, and in the digest of prepare. It holds the data and nothing else: what was accepted
as it is, by whom and when is beside it, in reviewed-<8 hex>.json, so that another look at the same data trains nothing again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from prompt2model_api.base import Digest, Model
from prompt2model_api.results import ReviewedCounts
from prompt2model_stages.examples import VotedExample
from prompt2model_stages.stage_files import first_problem
from prompt2model_stages.storage import Folder


@dataclass(frozen=True)
class ReviewedExample(VotedExample):
    """An example of a reviewed version. corrected: whether a person changed its input or output."""

    corrected: bool = False


class Head(Model):
    """The first line. examples_sha256: of the generated examples; generated, removed: how many there were and are missing."""

    format: Literal[1] = 1
    examples_sha256: Digest
    generated: int = Field(ge=0)
    removed: int = Field(ge=0)


class About(Model):
    """reviewed-<8 hex>.json: what a person wants to know of a version; nothing is trained on it."""

    format: Literal[1] = 1
    sha256: Digest
    examples_sha256: Digest
    counts: ReviewedCounts
    edits: str = Field(description="The file with who changed what when, beside this one.")
    by: list[str] = Field(default=[], description="Who reviewed.")
    at: str = Field(default="", description="When it was saved, UTC.")


class NotThatVersionError(Exception):
    """The file is none of this version: its content is another one, or it cannot be read."""


@dataclass(frozen=True)
class Version:
    """A version, with the SHA-256 of its file."""

    sha256: str
    head: Head
    examples: Sequence[ReviewedExample]

    @property
    def corrected(self) -> int:
        """Rows that a person changed."""
        return sum(example.corrected for example in self.examples)


def file_name(sha256: str) -> str:
    """The name of a version's file, from its SHA-256."""
    return f"reviewed-{sha256[:8]}.jsonl"


def about_name(sha256: str) -> str:
    """The name of the file that tells about a version."""
    return f"reviewed-{sha256[:8]}.json"


def edits_name(sha256: str) -> str:
    """The name of the copy of all edits that a version was made with."""
    return f"reviewed-{sha256[:8]}.edits.jsonl"


def content_of(head: Head, examples: Iterable[ReviewedExample]) -> bytes:
    """A version's file. The same data gives the same bytes."""
    first = json.dumps(head.dump(), ensure_ascii=False).encode() + b"\n"
    return first + b"".join(map(_line, examples))


def _line(row: ReviewedExample) -> bytes:
    """As stage_files.json_line, which takes ten times as long for its copies."""
    return json.dumps(vars(row), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_version(folder: Folder, sha256: str) -> Version:
    """A version in a resource's folder.

    Raises: FileNotFoundError; NotThatVersionError, with a clause that says why.
    """
    name = file_name(sha256)
    content = folder.read_bytes(name)
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise NotThatVersionError(f"its SHA-256 is {found[:12]} and not {sha256[:12]}")
    first, *lines = content.removesuffix(b"\n").split(b"\n")
    row = TypeAdapter(ReviewedExample)
    try:
        return Version(sha256, Head.model_validate_json(first), [row.validate_json(line) for line in lines])
    except ValidationError as error:
        raise NotThatVersionError(f"it is of another format: {first_problem(error)}") from error


def read_about(folder: Folder, sha256: str) -> About | None:
    """What is told about a version; None where that is missing or damaged, since nothing but words depends on it."""
    try:
        told = About.model_validate_json(folder.read_bytes(about_name(sha256)))
    except (OSError, ValueError):
        return None
    return told if told.sha256 == sha256 else None


def counts_of(version: Version, about: About | None) -> ReviewedCounts:
    """What a person made of the examples. How many were looked at and left as they are is known from `about` alone."""
    accepted = min(about.counts.accepted, len(version.examples) - version.corrected) if about is not None else 0
    return ReviewedCounts(
        corrected=version.corrected,
        removed=version.head.removed,
        accepted=accepted,
        unreviewed=len(version.examples) - version.corrected - accepted,
    )


def sentence_on(counts: ReviewedCounts) -> str:
    """What a person made of the examples, in words."""
    whole = counts.corrected + counts.removed + counts.accepted + counts.unreviewed
    return (
        f"Of {whole:,} generated examples a person corrected {counts.corrected:,}, removed {counts.removed:,} and accepted "
        f"{counts.accepted:,} as they are; {counts.unreviewed:,} were not reviewed."
    )


def unchanged(example: VotedExample) -> ReviewedExample:
    """A generated example as it is."""
    return ReviewedExample(example.input, example.output, example.requests, example.votes, example.of)
