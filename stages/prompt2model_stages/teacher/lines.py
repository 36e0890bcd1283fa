"""The journal's lines with answers, where they can be read again one by one, so that no text is held in memory.

On a local disk the segments themselves are read. Objects of a store are copied into a file of this machine as they come:
one request for each answer would take too long.
"""

from __future__ import annotations

import os
import weakref
from array import array
from pathlib import Path

from prompt2model_stages.spool import Spool, place, read_at


class Lines:
    """Lines by number, in the order in which they were kept.

    Args:
        folder: the journal's, where it is on a local disk.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._spool = Spool() if folder is None else None
        self._names: list[str] = []
        self._segments = array("I")
        self._places = array("Q")
        self._open = _OpenFile()
        self._close = weakref.finalize(self, self._open.close)

    def __len__(self) -> int:
        return len(self._places)

    def keep(self, segment: str, offset: int, line: bytes) -> int:
        """Keeps a line that lies in a segment at this offset. Returns: its number."""
        if self._spool is not None:
            self._segments.append(0)
            self._places.append(self._spool.add(line))
        else:
            if not self._names or self._names[-1] != segment:
                self._names.append(segment)
            self._segments.append(len(self._names) - 1)
            self._places.append(place(offset, len(line)))
        return len(self._places) - 1

    def read(self, number: int) -> bytes:
        """A line. Raises: OSError."""
        at = self._places[number]
        if self._spool is not None:
            return self._spool.read(at)
        assert self._folder is not None
        return read_at(self._open.file(self._folder / self._names[self._segments[number]]), at)

    def close(self) -> None:
        """Closes what is open; nothing is read afterwards."""
        self._close()
        if self._spool is not None:
            self._spool.close()


class _OpenFile:
    """The file that was read last, kept open: answers are mostly read in their order."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file = -1

    def file(self, path: Path) -> int:
        if path != self._path:
            self.close()
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._path = path
        return self._file

    def close(self) -> None:
        if self._path is not None:
            os.close(self._file)
            self._path = None
