"""The log of an attempt: kept in storage, and nothing of it left on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prompt2model_stages.pod.log import log_name
from prompt2model_stages.storage import Folder

pytestmark = pytest.mark.unit

WORK = """
import os, signal, sys, time
from prompt2model_stages.pod import log
from prompt2model_stages.storage import Folder

log.UPLOAD_EVERY_S = 0.1

class Bucket(Folder):
    local = None  # as an object store: written whole

kept = log.KeptLog(Bucket(sys.argv[1]), 1)
kept.start()
print("first line", flush=True)
os.system("echo of a child")
if sys.argv[2] == "killed":
    log_file = f"{sys.argv[1]}/log-1.txt"
    while not (os.path.exists(log_file) and os.path.getsize(log_file)):  # a folder shows a file before its text, a bucket does not
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)
print("last line", flush=True)
kept.close(keep=sys.argv[2] == "kept")
"""


@pytest.mark.parametrize("end", ["kept", "not kept", "killed"])
def test_no_scratch_file_is_left_however_the_process_ends(tmp_path: Path, end: str) -> None:
    scratch, storage = tmp_path / "tmp", tmp_path / "storage"
    scratch.mkdir()
    storage.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", WORK, str(storage), end],
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == (-signal.SIGKILL if end == "killed" else 0), ended.stderr
    assert list(scratch.iterdir()) == []
    folder = Folder(str(storage))
    written = folder.read_bytes(log_name(1)).decode() if folder.exists(log_name(1)) else ""
    assert written == {"kept": "first line\nof a child\nlast line\n", "killed": written, "not kept": ""}[end]
    assert written.startswith("first line") or end == "not kept"
    assert "first line" in ended.stderr, "it is written outside as well"
