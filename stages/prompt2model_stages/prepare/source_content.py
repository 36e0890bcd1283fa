"""The content of the user's own files by its SHA-256: what a digest names, and what a stage compares with what it read."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from pathlib import Path

from prompt2model_api.data_files import is_path
from prompt2model_api.results import UsedDataset
from prompt2model_stages.errors import blocked
from prompt2model_stages.prepare.retrieving import files_of_split
from prompt2model_stages.storage import file_system

SETTLED_S = 2.0
"""Seconds since its last write after which a file's times tell a later one: the coarsest file systems count in so many."""


def local_path(uri: str) -> Path | None:
    """A path on this machine, or file://; None for an address elsewhere."""
    return Path(file_system(uri)[1]) if "://" not in uri or uri.startswith("file://") else None


def file_sha256(path: Path) -> str:
    """Of a file; read again only where its size, times or inode changed.

    One that was written just now is read each time: a file system with coarse times shows a second write of the same size as none.
    """
    now = path.stat()
    version = (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
    if abs(time.time() - max(now.st_mtime, now.st_ctime)) < SETTLED_S:
        return _read(path)
    return _of_version(path, version)


def chosen_sha256(chosen: UsedDataset) -> str | None:
    """Of a chosen dataset that is a file, or in a folder over the names and contents of the files of its split.

    None: it is not on this machine, or not there.
    """
    path = local_path(chosen.name) if is_path(chosen.name) else None
    if path is None or not path.exists():
        return None
    if path.is_file():
        return file_sha256(path)
    folder = path / chosen.config if chosen.config else path
    files = (
        sorted(files_of_split([one.name for one in folder.iterdir()], chosen.split_to_read)) if folder.is_dir() else []
    )
    listed = "".join(f"{file_sha256(folder / name)} {name}\n" for name in files)
    return hashlib.sha256(listed.encode()).hexdigest() if files else None


def check_content(named: str | None, where: str, file: str, found: str | None) -> None:
    """Nothing is trained on content that the digest does not name. Raises: StageError, Blocked, SourceChanged."""
    if named == found:
        return
    made_for = f"was made for SHA-256 {named[:12]}" if named else "names no content for it"
    is_now = f"has SHA-256 {found[:12]}" if found else "is no longer there"
    raise blocked(
        "SourceChanged",
        f"{where}: {file} {is_now}, and the stage run {made_for}.",
        "Nothing, where it was changed just now: a stage run for the new content takes the place of this one, or the next "
        "attempt sees it.",
    )


# A folder of more files than there are places would be read whole at each look, every second: a place takes some 400 bytes.
@lru_cache(maxsize=1 << 14)
def _of_version(path: Path, version: tuple[int, ...]) -> str:
    return _read(path)


def _read(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
