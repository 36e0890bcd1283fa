"""Bytes that are put aside on this machine's disk, because there may be more of them than memory."""

from __future__ import annotations

import os
import tempfile
import weakref

_LENGTH = 28
"""Bits of a place that say how many bytes lie there: 256 MiB; the others say where."""


def place(offset: int, length: int) -> int:
    """Where so many bytes lie, in one number of 64 bits. Raises: OverflowError beyond 256 MiB, or 64 GiB from the start."""
    if length >> _LENGTH or offset >> (64 - _LENGTH):
        raise OverflowError(f"{length} bytes at {offset} are beyond what a place can name")
    return offset << _LENGTH | length


def read_at(file: int, at: int) -> bytes:
    """The bytes at a place of an open file. Raises: OSError where they are not all there."""
    offset, left = at >> _LENGTH, at & ((1 << _LENGTH) - 1)
    parts: list[bytes] = []
    while left:
        part = os.pread(file, left, offset)
        if not part:
            raise OSError(f"a file ends before the {left} bytes at {offset} that were written there")
        parts.append(part)
        offset, left = offset + len(part), left - len(part)
    return b"".join(parts)


class Spool:
    """A file without a name, in the folder for temporary files: it is gone with the process, however that ends."""

    def __init__(self) -> None:
        self._file, self._path = tempfile.mkstemp(prefix="p2m-")
        os.unlink(self._path)
        self._size = 0
        self._close = weakref.finalize(self, os.close, self._file)

    def add(self, content: bytes) -> int:
        """Puts bytes aside. Returns: their place. Raises: OSError with the path that the file had."""
        at = place(self._size, len(content))
        rest = memoryview(content)
        try:
            while rest:
                written = os.pwrite(self._file, rest, self._size)
                self._size += written
                rest = rest[written:]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from error
        return at

    def read(self, at: int) -> bytes:
        """The bytes of a place."""
        return read_at(self._file, at)

    def close(self) -> None:
        """Gives the disk back."""
        self._close()
