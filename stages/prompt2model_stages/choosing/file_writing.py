"""A file of the user's is replaced whole or not at all, and stays theirs: rights, owner, links."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from prompt2model_api.loading import SpecError

WRITE = 0o222


def refuse_read_only(file: Path) -> None:
    """A file that its owner made read-only is not replaced, though its folder would allow that, and root anything.

    Raises: SpecError.
    """
    try:
        mode = file.stat().st_mode
    except OSError as error:
        raise SpecError(f"{file} cannot be read ({error.strerror}): check the path and its permissions.") from error
    if not mode & WRITE or not os.access(file, os.W_OK):
        raise SpecError(f"{file} is read-only: make it writable (chmod u+w), and save then.")


def replace(target: Path, content: bytes) -> None:
    """Writes the file whole or not at all; it keeps its mode, owner and extended attributes.

    Args:
        target: the file itself, no link to it.
        content: all of it.

    Raises: OSError, such as where it belongs to somebody else; it is then as before.
    """
    before = target.stat()
    handle, half = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            _give_to(file.fileno(), before)
            os.fsync(file.fileno())
        shutil.copystat(target, half)
        os.utime(half)
        os.replace(half, target)
    except BaseException:
        Path(half).unlink(missing_ok=True)
        raise


def _give_to(handle: int, owner: os.stat_result) -> None:
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) == (owner.st_uid, owner.st_gid):
        return
    try:
        os.fchown(handle, owner.st_uid, owner.st_gid)
    except PermissionError:
        raise PermissionError(errno.EPERM, "it belongs to another user or group, save as that one") from None
