"""Folders by URI, through fsspec: a local folder, a mounted claim, s3:// or gs://.

A file appears whole or not at all: it is written beside its place and moved there, so that a reader never sees half of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

SCHEMES = ("file", "s3", "gs", "gcs", "memory")
_OF_STORAGE = frozenset({"botocore", "aiobotocore", "aiohttp", "gcsfs", "google"})
"""Libraries whose errors are those of the connection or of the credentials, though not all are errors of the system."""


def file_system(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of a URI, and the path there. What others write is seen at once: listings are not kept.

    Raises: ValueError where the scheme is none of SCHEMES, ImportError where its library is not installed.
    """
    scheme = uri.partition("://")[0].lower() if "://" in uri else "file"
    if scheme == "file":  # not through url_to_fs, which takes a folder called a::b for a chain of file systems
        filesystem = LocalFileSystem()
        return filesystem, str(filesystem._strip_protocol(uri))
    if scheme not in SCHEMES or "::" in uri:
        # Others lead into networks, and a chain to others still: a resource must not choose what a pod connects to.
        raise ValueError(f"{scheme}:// is no storage: name a path, or file://, s3:// or gs://")
    options: dict[str, Any] = {"use_listings_cache": False}
    if scheme == "s3" and (region := os.environ.get("AWS_REGION")):
        options["client_kwargs"] = {"region_name": region}  # botocore itself reads AWS_DEFAULT_REGION alone
    filesystem, path = url_to_fs(uri, **options)
    return filesystem, str(path)


def is_of_storage(error: Exception) -> bool:
    """Whether an error is one of the connection to a storage, or of the credentials for it."""
    return bool({base.__module__.partition(".")[0] for base in type(error).__mro__} & _OF_STORAGE)


class Folder:
    """A folder at a URI; it need not exist yet."""

    def __init__(self, uri: str) -> None:
        self._fs, self._path = file_system(str(uri))
        self.uri: str = self._fs.unstrip_protocol(self._path)

    def __truediv__(self, name: str) -> Folder:
        return Folder(f"{self.uri}/{name}")

    @property
    def filesystem(self) -> fsspec.AbstractFileSystem:
        """The file system below."""
        return self._fs

    @property
    def local(self) -> Path | None:
        """The folder as a path, where it is one."""
        return Path(self._path) if isinstance(self._fs, LocalFileSystem) else None

    def path(self, name: str) -> str:
        """The path of a file in the folder, as the file system names it."""
        return posixpath.join(self._path, name)

    def exists(self, name: str = "") -> bool:
        """Whether the file, or the folder itself, is there."""
        return bool(self._fs.exists(self.path(name) if name else self._path))

    def names(self) -> list[str]:
        """Names of what lies directly in the folder, sorted; none where it does not exist."""
        try:
            found = self._fs.ls(self._path, detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(posixpath.basename(p.rstrip("/")) for p in found if p.rstrip("/") != self._path.rstrip("/"))

    def sizes(self) -> dict[str, int]:
        """Bytes of each file that lies directly in the folder, by its name; one listing, however many there are."""
        try:
            found = self._fs.ls(self._path, detail=True, refresh=True)
        except FileNotFoundError:
            return {}
        return {posixpath.basename(one["name"]): int(one["size"]) for one in found if one["type"] == "file"}

    def read_bytes(self, name: str) -> bytes:
        """The file's content. Raises: FileNotFoundError."""
        return bytes(self._fs.cat_file(self.path(name)))

    def write_bytes(self, name: str, content: bytes) -> None:
        """Writes the file, whole or not at all. Raises: OSError with the file's name, ENOSPC where the disk is full."""
        if self.local is not None:
            _write_locally(self.local / name, content)
        else:
            self._fs.pipe_file(self.path(name), content)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A stream whose content is the file after the block, whole; not at all where the block raises. Raises: as write_bytes."""
        if self.local is not None:
            with _writing_locally(self.local / name) as stream:
                yield stream
            return
        with tempfile.NamedTemporaryFile(prefix="p2m-") as whole:
            yield cast("BinaryIO", whole)
            whole.flush()
            self._fs.put_file(whole.name, self.path(name))

    def append(self, name: str, content: bytes) -> None:
        """Adds to the file's end. An object store has no such thing: there the file is written anew, by its one writer."""
        if self.local is not None:
            self.local.mkdir(parents=True, exist_ok=True)
            with (self.local / name).open("ab") as stream:
                stream.write(content)
            return
        try:
            before = self.read_bytes(name)
        except FileNotFoundError:
            before = b""
        self.write_bytes(name, before + content)

    def read_json(self, name: str) -> Any:
        """The file's JSON. Raises: FileNotFoundError, ValueError."""
        return json.loads(self.read_bytes(name))

    def write_json(self, name: str, value: object) -> None:
        """Writes the value as indented UTF-8 JSON."""
        self.write_bytes(name, json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")

    def remove(self, name: str) -> None:
        """Removes the file or folder; nothing happens where there is none."""
        if self.exists(name):
            self._fs.rm(self.path(name), recursive=True)

    def clear(self) -> None:
        """Removes the folder with everything in it; nothing happens where there is none."""
        if self.exists():
            self._fs.rm(self._path, recursive=True)

    def fetch(self, target: Path) -> None:
        """Copies the folder's files into a local folder that is not there yet. Raises: FileNotFoundError, OSError."""
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.local is not None:
            shutil.copytree(self.local, target)
        else:
            self._fs.get(self._path, str(target), recursive=True)

    @contextmanager
    def as_local(self) -> Iterator[Path]:
        """A local folder with the folder's files: itself, or a copy that lives as long as the block."""
        if self.local is not None:
            yield self.local
            return
        with tempfile.TemporaryDirectory() as scratch:
            self.fetch(Path(scratch) / "copy")
            yield Path(scratch) / "copy"

    def put(self, source: Path, name: str) -> None:
        """Copies a local folder to `name`, replacing what is there; locally it appears whole or not at all."""
        if self.local is None:
            self.remove(name)
            self._fs.put(str(source), self.path(name), recursive=True)
            return
        target = self.local / name
        half = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.rmtree(half, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, half)
        shutil.rmtree(target, ignore_errors=True)
        half.rename(target)


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a local file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_tree(folder: Path) -> str:
    """SHA-256 over the names and contents of all files below a local folder."""
    whole = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole.update(f"{file.relative_to(folder).as_posix()}\0{sha256_of_file(file)}\n".encode())
    return whole.hexdigest()


def _write_locally(target: Path, content: bytes) -> None:
    with _writing_locally(target) as stream:
        stream.write(content)


@contextmanager
def _writing_locally(target: Path) -> Iterator[BinaryIO]:
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with half.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        half.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        half.unlink(missing_ok=True)
