"""The record of rates that all processes of this machine share which ask one endpoint with one key.

A file of one page below the cache folder, read and written under flock: the kernel opens the lock of a killed process, and a
page is written whole or not at all. Times are those of CLOCK_MONOTONIC, which all processes of a boot have in common and
nobody can set; the boot is part of the name, so that nothing of an earlier one, or of another machine, counts.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prompt2model_stages.teacher.clocks import Clock
from prompt2model_stages.teacher.rate_record import RateRecord

logger = logging.getLogger(__name__)

FOLDER = "teacher-rates"
PAGE = 4096
LOCK_WAIT_S = 10.0
"""A lock is held for less than a millisecond; one that is held so long is of a process that was stopped."""
KEPT_S = 24 * 3600.0
"""Files that nobody has written for so long are removed."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class RateMemory:
    """A record of this process alone."""

    def __init__(self) -> None:
        self.record = RateRecord()

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[RateRecord]:
        """The record, to read and change."""
        yield self.record

    def close(self) -> None:
        """Nothing is open."""


class RateFile(RateMemory):
    """A record in a file; where the file cannot be used, of this process alone, with a warning."""

    def __init__(self, path: Path, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self._path = path
        self._clock = clock
        self._file: int | None = None
        self._broken = False

    @classmethod
    def of(cls, cache: Path, base_url: str, key: str | None) -> RateFile:
        """That of an endpoint and a key, below a cache folder; neither can be read from its name."""
        folder = cache / FOLDER
        named = hashlib.sha256(f"{base_url.rstrip('/')}\0{key or ''}".encode()).hexdigest()[:16]
        return cls(folder / f"{named}-{_boot()}.json")

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[RateRecord]:
        """The record, to read and change, while no other process does."""
        try:
            file = await self._lock()
        except OSError as error:
            self._give_up(error)
            file = None
        if file is None:
            yield self.record
            return
        try:
            self.record = self._read(file)
            yield self.record
            self._write(file)
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _lock(self) -> int | None:
        if self._broken:
            return None
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _remove_old(self._path.parent)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self._file
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self._path} is locked by another process") from None
                await asyncio.sleep(0.002)

    def _read(self, file: int) -> RateRecord:
        raw = os.pread(file, PAGE, 0)
        if not raw.strip():
            return RateRecord()
        try:
            return RateRecord.of_json(json.loads(raw), self._clock())
        except (ValueError, TypeError, KeyError):
            logger.warning("%s is damaged: what was sent in the last minute is not known", self._path)
            return RateRecord()

    def _write(self, file: int) -> None:
        content = json.dumps(self.record.as_json(), separators=(",", ":"), default=float).encode()
        try:
            os.pwrite(file, content.ljust(PAGE), 0)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._broken = True
        logger.warning(
            "requests to the teacher are limited for this process alone: %s cannot be used (%s)", self._path, error
        )


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()[:8]
    except OSError:
        return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _remove_old(folder: Path) -> None:
    for path in folder.glob("*.json"):
        try:
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()
        except OSError:
            continue
