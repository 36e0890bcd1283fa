"""Reading the journal's files: numbered segments of JSON lines, and objects of a store, of which many become one."""

from __future__ import annotations

import io
import json
import logging
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

SUFFIX = ".jsonl"
MERGE_ABOVE = 64
_AT_ONCE = 500
_SMALL = 1 << 20
"""Bytes of an object that is read as a whole, many at a time."""
_TOGETHER = 8 << 20
"""Bytes of all that are read at a time."""
_BLOCK = 1 << 20


def lines_of(folder: Folder) -> Iterator[tuple[str, int, bytes, dict[str, Any]]]:
    """Every record with its line, the segment and where it begins there, in the order of the segments; never two at once.

    A line that a kill or a full disk tore is passed over.
    """
    for name, lines in _streams(folder, segments_of(folder)):
        offset = 0
        for number, raw in enumerate(lines, start=1):
            begin, offset = offset, offset + len(raw)
            if not (line := raw.rstrip(b"\n")):
                continue
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if isinstance(record, dict) and isinstance(record.get("type"), str):
                yield name, begin, line, record
            else:
                logger.warning("journal segment %s: line %d is torn and passed over", name, number)


def merge(folder: Folder) -> None:
    """Makes one object of many; a kill between writing it and removing them leaves records twice, which count once.

    It is named so that it is read first: what a kill leaves is the end of what was merged, and all is read in the order in which it
    was written.
    """
    names = segments_of(folder)
    if len(names) <= MERGE_ABOVE:
        return
    merged = f"{0:06d}-{uuid.uuid4().hex[:8]}{SUFFIX}"
    with tempfile.NamedTemporaryFile(prefix="p2m-") as whole:
        for _, lines in _streams(folder, names):
            for line in lines:
                whole.write(line.rstrip(b"\n") + b"\n")
        whole.flush()
        folder.filesystem.put_file(whole.name, folder.path(merged))
    for name in names:
        folder.remove(name)


def segments_of(folder: Folder) -> list[str]:
    """The names of the segments, in their order."""
    return [name for name in folder.names() if name.endswith(SUFFIX) and name[:6].isdigit()]


def number_of(name: str) -> int:
    """The number in a segment's name; 0 where it has none."""
    return int(name[:6]) if name[:6].isdigit() else 0


def _streams(folder: Folder, names: list[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The lines of each segment, one after the other: all of them may be more than memory."""
    if folder.local is not None:
        for name in names:
            with (folder.local / name).open("rb") as stream:
                yield name, stream
        return
    small: list[str] = []
    together = 0
    sizes = folder.sizes()
    for name in names:
        size = sizes.get(name, 0)
        if small and (size > _SMALL or together + size > _TOGETHER or len(small) >= _AT_ONCE):
            yield from _small(folder, small)
            small, together = [], 0
        if size <= _SMALL:
            small.append(name)
            together += size
            continue
        with folder.filesystem.open(folder.path(name), "rb", block_size=_BLOCK) as stream:
            yield name, stream
    yield from _small(folder, small)


def _small(folder: Folder, names: list[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The same of small objects: a store answers many requests at once as fast as one."""
    paths = {folder.path(name): name for name in names}
    found = folder.filesystem.cat(list(paths)) if paths else {}
    contents = {path.rsplit("/", 1)[-1]: bytes(content) for path, content in found.items()}
    yield from ((name, io.BytesIO(contents[name])) for name in paths.values())
