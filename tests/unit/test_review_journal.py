"""The journal of a review: what was told as done is there after a kill, and damage is told and never passed over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prompt2model_api.loading import SpecError
from prompt2model_stages.reviewing.journal import Change, Do, Journal

pytestmark = pytest.mark.unit

TASK = "ab" * 32
WRITER = """
import sys
from pathlib import Path
from prompt2model_stages.reviewing.journal import Change, Do, Journal
journal = Journal(Path(sys.argv[1]), sys.argv[2], "ann")
while True:
    edit = journal.add(Do.ACCEPT, [Change(row=f"{len(journal.edits):016x}")])
    print(edit.n, flush=True)
"""


def journal(folder: Path, task: str = TASK, by: str = "ann") -> Journal:
    return Journal(folder / "edits.jsonl", task, by)


def test_what_was_added_is_read_again_with_who_and_when(tmp_path: Path) -> None:
    one = journal(tmp_path)
    one.add(Do.EDIT, [Change(row="a" * 16, output=("lgoin\n\ud83d", "login"))], note="why")
    one.add(Do.UNDO, of=1)
    again = journal(tmp_path, by="bob")
    again.add(Do.REMOVE, [Change(row="b" * 16)])
    read = journal(tmp_path).edits
    assert [(edit.n, edit.do, edit.by, edit.of) for edit in read] == [
        (1, Do.EDIT, "ann", None), (2, Do.UNDO, "ann", 1), (3, Do.REMOVE, "bob", None),
    ]  # fmt: skip
    assert read[0].rows[0].output == ("lgoin\n?", "login") and read[0].at.endswith("Z")


def test_nothing_is_written_before_the_first_edit(tmp_path: Path) -> None:
    assert journal(tmp_path).edits == [] and list(tmp_path.iterdir()) == []


def test_half_a_line_is_cut_off_and_the_next_edit_is_whole(tmp_path: Path) -> None:
    one = journal(tmp_path)
    one.add(Do.ACCEPT, [Change(row="a" * 16)])
    whole = one.content()
    one.file.write_bytes(whole + b'{"n": 2, "at": "20')
    again = journal(tmp_path)
    assert len(again.edits) == 1 and again.content() == whole
    again.add(Do.ACCEPT, [Change(row="b" * 16)])
    assert [edit.n for edit in journal(tmp_path).edits] == [1, 2]


@pytest.mark.parametrize("spoil", [b"not json\n", b'{"n": 1, "at": "x", "by": "y", "do": "accept"}\n'])
def test_a_damaged_line_is_an_error_with_its_number(tmp_path: Path, spoil: bytes) -> None:
    one = journal(tmp_path)
    one.add(Do.ACCEPT, [Change(row="a" * 16)])
    one.file.write_bytes(one.content() + spoil)
    with pytest.raises(SpecError, match="is damaged in line 3"):
        journal(tmp_path)


def test_edits_of_another_task_are_none_of_this_one(tmp_path: Path) -> None:
    journal(tmp_path).add(Do.ACCEPT, [Change(row="a" * 16)])
    with pytest.raises(SpecError, match="of another task"):
        journal(tmp_path, "cd" * 32)


def test_a_write_that_fails_is_told_and_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = journal(tmp_path)
    one.add(Do.ACCEPT, [Change(row="a" * 16)])
    whole = one.content()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpecError, match=r"No space left on device.*the last change is not kept"):
        one.add(Do.REMOVE, [Change(row="b" * 16)])
    assert one.content() == whole and len(one.edits) == 1
    monkeypatch.undo()
    assert one.add(Do.ACCEPT, [Change(row="c" * 16)]).n == 2
    assert len(journal(tmp_path).edits) == 2


def test_a_kill_loses_nothing_that_was_told_as_done(tmp_path: Path) -> None:
    file = tmp_path / "edits.jsonl"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(file), TASK], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout if line.endswith("\n")]
    kept = Journal(file, TASK, "ann").edits
    assert [edit.n for edit in kept[: len(told)]] == told
