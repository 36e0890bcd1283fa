"""The log of an attempt, kept in storage: what the container writes is on its way to `kubectl logs` and into a file.

On a mounted claim the file grows with every line, so that a kill loses nothing. An object store takes it whole, at the
end and once a minute before.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import tempfile
import threading
import time
from typing import IO

from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

UPLOAD_EVERY_S = 60.0
_CHUNK = 64 * 1024


def log_name(attempt: int) -> str:
    """The file's name in the stage run's folder."""
    return f"log-{attempt}.txt"


class KeptLog:
    """Everything that this process and its children write to standard output and error, from `start` to `close`.

    Args:
        folder: the stage run's.
        attempt: which one.
    """

    def __init__(self, folder: Folder, attempt: int) -> None:
        self._folder = folder
        self._name = log_name(attempt)
        self._closing = threading.Event()
        self._closed = threading.Lock()
        self._outside: list[int] = []
        self._thread: threading.Thread | None = None
        self._uploaded_at = time.monotonic()
        self._uploaded = 0
        self._scratch: IO[bytes] | None = None

    def start(self) -> None:
        """From here on everything is kept; where the storage cannot take it, it is written outside alone."""
        reading, writing = os.pipe()
        self._outside = [os.dup(1), os.dup(2)]
        for number in (1, 2):
            os.dup2(writing, number)
        os.close(writing)
        self._thread = threading.Thread(target=self._copy, args=(reading,), name="log", daemon=True)
        self._thread.start()

    def close(self, keep: bool = True) -> None:
        """Everything written so far is outside and in storage; `keep` False: outside alone."""
        if not self._closed.acquire(blocking=False) or self._thread is None:
            return
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, outside in zip((1, 2), self._outside, strict=True):
            os.dup2(outside, number)
        self._closing.set()
        self._thread.join(5)
        if keep:
            self._upload()
        if self._scratch is not None and not self._thread.is_alive():
            self._scratch.close()

    def _copy(self, reading: int) -> None:
        kept = self._opened()
        while True:
            ready, _, _ = select.select([reading], [], [], 0.1)
            if ready:
                chunk = os.read(reading, _CHUNK)
                if not chunk:
                    break
                _write(self._outside[1], chunk)
                kept = kept if kept is not None and _write(kept, chunk) else None
            elif self._closing.is_set():
                break
            if self._scratch is not None and time.monotonic() - self._uploaded_at > UPLOAD_EVERY_S:
                self._upload()
        if kept is not None:
            os.close(kept)

    def _opened(self) -> int | None:
        try:
            if self._folder.local is None:
                # A file without a name: nothing of it is left, however this process ends.
                self._scratch = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
                return os.dup(self._scratch.fileno())
            self._folder.local.mkdir(parents=True, exist_ok=True)
            return os.open(self._folder.local / self._name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError:
            return None  # said by the stage itself, which needs the folder more than its log does

    def _upload(self) -> None:
        self._uploaded_at = time.monotonic()
        if self._scratch is None or (size := os.fstat(self._scratch.fileno()).st_size) == self._uploaded:
            return
        try:
            self._folder.write_bytes(self._name, _whole(self._scratch.fileno(), size))
            self._uploaded = size
        except Exception as error:  # whatever the storage's library raises: the stage does not depend on its log
            logger.warning("the log could not be kept: %s", error)


def _whole(handle: int, size: int) -> bytes:
    """The first bytes of a file, wherever it is being written."""
    parts: list[bytes] = []
    while size and (part := os.pread(handle, size, sum(map(len, parts)))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(handle: int, chunk: bytes) -> bool:
    """Writes all of it; False where that is impossible."""
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
    except OSError:
        return False
    return True
