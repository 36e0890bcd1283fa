"""Who changed what when: a line of JSON an edit, only ever added to, and on the disk before the page says that it is done.

The file belongs to a task (its instruction and demonstrations) and names rows by what was generated, so that decisions on a row
still stand where generate runs again and writes the same row. A line that a kill cut in half was never told as done: it is cut
off. A damaged line before the end is an error, since what follows it may build on it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from prompt2model_api.base import Model
from prompt2model_api.loading import SpecError
from prompt2model_stages.stage_files import first_problem


class Do(StrEnum):
    """What a person does to rows."""

    EDIT = "edit"
    ACCEPT = "accept"
    REMOVE = "remove"
    RESTORE = "restore"
    UNDO = "undo"


class Change(Model):
    """A row, by its key (see rows.key_of), and its texts before and after where they change."""

    row: str
    input: tuple[str, str] | None = None
    output: tuple[str, str] | None = None


class Edit(Model):
    """A line: one decision, on one row or on all that are like it. n counts the lines from 1; of: the line that is undone."""

    n: int = Field(ge=1)
    at: str
    by: str
    do: Do
    rows: Sequence[Change] = ()
    of: int | None = None
    note: str = ""


class _Head(Model):
    format: Literal[1] = 1
    task: str


class Journal:
    """The edits of one task.

    Args:
        file: made with the first edit.
        task: what the edits belong to.
        by: who makes those that are added.

    Raises: SpecError where the file is damaged or of another task.
    """

    def __init__(self, file: Path, task: str, by: str) -> None:
        self.file, self.task, self.by = file, task, by
        self.edits: list[Edit] = list(self._read())

    def add(self, do: Do, rows: Sequence[Change] = (), of: int | None = None, note: str = "") -> Edit:
        """Writes a decision; it is on the disk when this returns. Raises: SpecError where it cannot be written."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        edit = Edit(n=len(self.edits) + 1, at=at, by=self.by, do=do, rows=rows, of=of, note=note)
        self._write(_line(edit))
        self.edits.append(edit)
        return edit

    def content(self) -> bytes:
        """All of it, as it is in the file."""
        return self.file.read_bytes() if self.file.exists() else b""

    def _write(self, line: bytes) -> None:
        try:
            is_new = not self.file.exists()
            # A write that fails in the middle is taken back: the next edit must not be added to half a line.
            with self.file.open("ab") as stream:
                before = stream.tell()
                try:
                    stream.write((_line(_Head(task=self.task)) if before == 0 else b"") + line)
                    stream.flush()
                    os.fsync(stream.fileno())
                except OSError:
                    os.truncate(self.file, before)
                    raise
            if is_new:
                _sync_folder(self.file.parent)
        except OSError as error:
            raise SpecError(
                f"{self.file} cannot be written ({error.strerror}): the last change is not kept."
            ) from error

    def _read(self) -> Iterator[Edit]:
        content = self.content()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self.file, len(whole))
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                if number == 1:
                    self._check(_Head.model_validate_json(line))
                    continue
                edit = Edit.model_validate_json(line)
            except ValidationError as error:
                raise self._damaged(number, first_problem(error)) from error
            if edit.n != number - 1:
                raise self._damaged(number, f"it is edit {edit.n} and should be {number - 1}")
            yield edit

    def _check(self, head: _Head) -> None:
        if head.task != self.task:
            raise SpecError(f"{self.file} has the edits of another task: move it away to begin anew.")

    def _damaged(self, number: int, why: str) -> SpecError:
        return SpecError(
            f"{self.file} is damaged in line {number}: {why}. Bring a copy back, or move it away to begin anew."
        )


def _line(row: Model) -> bytes:
    return json.dumps(row.dump(), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _sync_folder(folder: Path) -> None:
    """So that the name of a new file is on the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
