"""A version of the examples as they are now: what saving would write, and its files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prompt2model_api.results import ReviewedCounts
from prompt2model_stages.reviewed import About, Head, about_name, content_of, edits_name, file_name
from prompt2model_stages.reviewing.rows import Rows
from prompt2model_stages.storage import Folder

SHORT = 16
"""Digits of the generated examples' hash, as the condition of the review gate shows it."""


@dataclass(frozen=True)
class Draft:
    """What saving would write. sha256: of the version; None where the examples are as they were generated, which needs none."""

    examples_sha256: str
    sha256: str | None
    counts: ReviewedCounts
    content: bytes = field(repr=False, default=b"")

    @property
    def accepted(self) -> str:
        """The value of generation.accepted."""
        generated = self.examples_sha256[:SHORT]
        return generated if self.sha256 is None else f"{generated}-{self.sha256}"


def draft(rows: Rows, examples_sha256: str) -> Draft:
    """What saving would write now. The same data gives the same version, whoever looked at how much of it.

    Args:
        examples_sha256: of examples.jsonl, which the rows are of.
    """
    counts = rows.counts()
    if not counts.corrected and not counts.removed:
        return Draft(examples_sha256, None, counts)
    head = Head(examples_sha256=examples_sha256, generated=len(rows), removed=counts.removed)
    content = content_of(head, rows.kept())
    return Draft(examples_sha256, hashlib.sha256(content).hexdigest(), counts, content)


def write(folder: Folder, rows: Rows, made: Draft) -> str:
    """Writes a version's files, the version itself last; returns its file's name, empty where it needs none. Raises: OSError."""
    if made.sha256 is None:
        return ""
    folder.write_bytes(edits_name(made.sha256), rows.journal.content())
    about = About(
        sha256=made.sha256,
        examples_sha256=made.examples_sha256,
        counts=made.counts,
        edits=edits_name(made.sha256),
        by=list(dict.fromkeys(edit.by for edit in rows.journal.edits)),
        at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    folder.write_json(about_name(made.sha256), about.dump())
    folder.write_bytes(file_name(made.sha256), made.content)
    return file_name(made.sha256)
