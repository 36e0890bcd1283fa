"""The journal's files: numbered segments of JSON lines, one a process, to which lines are only ever added.

On a local disk a line is in the operating system's hands before the request is sent, which a killed process cannot
undo, and on the disk within a second. An object store has no appending: there, the lines that came in while the last
object was being written make the next one, and many small objects are merged when the journal is opened.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from prompt2model_stages.errors import retrying
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.lease import Lease
from prompt2model_stages.teacher.segment_files import SUFFIX, merge, number_of, segments_of

SYNC_EVERY_S = 1.0
LOCK = ".lock"
LOCK_WAIT_S = 30.0


class Segment(Protocol):
    """Where this process adds its lines."""

    token: str
    """Tells this process' lines from those of all others."""
    name: str
    """The file to which lines are added; "" where each goes into one of many."""

    async def write(self, line: bytes) -> int:
        """Adds a line; when it returns, a killed process has not lost it. Returns: where it begins. Raises: OSError."""

    async def sync(self) -> None:
        """When it returns, a machine that loses its power has not lost what was written. Raises: OSError."""

    async def close(self) -> None:
        """Brings everything to the disk."""


async def open_segment(folder: Folder) -> Segment:
    """A new segment of this process' own; its file appears with its first line. Raises: StageError, OSError."""
    if folder.local is None:
        return await RemoteSegment.open(folder)
    return await LocalSegment.open(folder.local)


class LocalSegment:
    """A file on this machine; a lock keeps a second process of the same resource out."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        taken = [number_of(path.name) for path in folder.glob("*" + SUFFIX)]
        self._number = max(taken, default=0) + 1
        self.token = f"{self._number:06d}"
        self.name = f"{self.token}{SUFFIX}"
        self._size = 0
        self._file: int | None = None
        self._error: OSError | None = None
        self._synced_at = 0.0
        self._syncing: asyncio.Future[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    @classmethod
    async def open(cls, folder: Path) -> LocalSegment:
        """See open_segment."""
        lock = _lock_file(folder)
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(folder, lock)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise retrying(
                        "TeacherJournalInUse",
                        f"Another process of this resource is asking the teacher: {folder} is locked.",
                        "Wait for it, or end it; two at once could spend more than the budget.",
                    ) from None
                await asyncio.sleep(0.1)

    async def write(self, line: bytes) -> int:
        """See Segment. After a failed write every later one fails too: a line must not follow half a line."""
        if self._error is not None:
            raise self._error
        path = self._folder / self.name
        try:
            if self._file is None:
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            self._error = OSError(error.errno, error.strerror, str(path))
            raise self._error from error
        begin, self._size = self._size, self._size + len(line)
        self._sync_now_and_then(self._file)
        return begin

    async def sync(self) -> None:
        """See Segment."""
        if self._syncing is not None:
            await self._syncing
        if self._file is not None:
            await asyncio.to_thread(os.fsync, self._file)

    async def close(self) -> None:
        """See Segment."""
        try:
            if self._syncing is not None:
                await self._syncing
            if self._file is not None:
                os.fsync(self._file)
        finally:
            if self._thread is not None:
                self._thread.shutdown()
            if self._file is not None:
                os.close(self._file)
            os.close(self._lock)

    def _sync_now_and_then(self, file: int) -> None:
        now = time.monotonic()
        if now - self._synced_at < SYNC_EVERY_S or (self._syncing is not None and not self._syncing.done()):
            return
        if self._syncing is not None:
            self._syncing.result()  # an error of the disk is an error of the journal
        self._synced_at = now
        self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._syncing = asyncio.get_running_loop().run_in_executor(self._thread, os.fsync, file)


class RemoteSegment:
    """Small objects, each written whole, under names of this process' own; a lease keeps a second process out."""

    name = ""

    def __init__(self, folder: Folder, lease: Lease) -> None:
        self._folder = folder
        self._lease = lease
        self.token = uuid.uuid4().hex[:12]
        self._next = max((number_of(name) for name in segments_of(folder)), default=0) + 1
        self._lines: list[bytes] = []
        self._written: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, folder: Folder) -> RemoteSegment:
        """See open_segment."""
        lease = await Lease.open(folder)
        try:
            await asyncio.to_thread(merge, folder)
            return await asyncio.to_thread(cls, folder, lease)
        except BaseException:
            await lease.close()
            raise

    async def write(self, line: bytes) -> int:
        """See Segment: returns when the object with the line is written, and nobody else can have read the journal since."""
        self._lease.check()
        self._lines.append(line)
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        written = self._written
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        await asyncio.shield(written)
        self._lease.check()
        return 0

    async def sync(self) -> None:
        """See Segment. Each object is whole in the store when its lines are written."""

    async def close(self) -> None:
        """See Segment."""
        try:
            if self._writer is not None:
                await self._writer
        finally:
            await self._lease.close()

    async def _write_all(self) -> None:
        while self._written is not None:
            lines, self._lines = self._lines, []
            written, self._written = self._written, None
            name = f"{self._next:06d}-{self.token}{SUFFIX}"
            self._next += 1
            try:
                await asyncio.to_thread(self._folder.write_bytes, name, b"".join(lines))
            except Exception as error:  # whoever waits for its line is told, whatever the store's library raises
                written.set_exception(error)
                written.exception()  # noted even where nobody waits any more
            else:
                written.set_result(None)


def _lock_file(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
