"""A disk of its own for a test, which fills up and is enlarged: a tmpfs, mounted on a folder."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """The disk; at first it has room for everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, left: int = 0) -> None:
        """Leaves so many bytes, while others may be writing."""
        deadline = time.monotonic() + 50
        while not self._resize(self._used() + left):  # refused where something was written in between
            assert time.monotonic() < deadline, "the disk was never still"

    def enlarge(self) -> None:
        """Makes room again."""
        assert self._resize(256 * 2**20)

    def _used(self) -> int:
        found = os.statvfs(self.folder)
        return max(found.f_frsize, (found.f_blocks - found.f_bfree) * found.f_frsize)

    def _resize(self, size: int) -> bool:
        command = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mounts the disk on a folder until the block ends; the test is skipped where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if mounted.returncode != 0:
        pytest.skip(f"a disk cannot be mounted here, which takes root: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
