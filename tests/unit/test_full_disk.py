"""A full disk: what was there stays whole, and the error says which file had no room."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_stages.errors import disk_full
from prompt2model_stages.storage import Folder

pytestmark = pytest.mark.unit


def test_a_write_without_room_names_its_file_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = Folder(str(tmp_path))
    folder.write_json("status.json", {"phase": "Training"})
    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(OSError) as caught:
        folder.write_json("status.json", {"phase": "Evaluating"})
    assert caught.value.filename == str(tmp_path / "status.json")
    assert folder.names() == ["status.json"]
    assert folder.read_json("status.json") == {"phase": "Training"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_blocks_and_says_what_to_do(number: int) -> None:
    full = disk_full(OSError(number, "No room", "/runs/status.json"))
    assert full is not None
    assert full.failure.state is FailureState.BLOCKED
    assert full.failure.reason == "DiskFull"
    assert "/runs/status.json" in full.failure.message
    assert full.failure.remedy.startswith("Free some space")


def test_other_errors_of_the_system_are_not_a_full_disk() -> None:
    assert disk_full(PermissionError(errno.EACCES, "Permission denied", "/runs")) is None
