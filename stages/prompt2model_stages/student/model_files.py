"""The files of a pretrained model, in a folder or at the hub: small ones whole, of the weights the first bytes alone."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

from prompt2model_stages.errors import StageError, failed

FIELD = "spec.student.name"
SMALL = (".json", ".txt", ".model", ".spm", ".jinja", ".tiktoken", ".bpe")
"""Endings of what a tokenizer and a configuration are made of."""
LARGEST_SMALL = 128 * 2**20
LARGEST_HEADER = 100_000_000
"""Bytes; safetensors refuses more. Source: https://github.com/huggingface/safetensors#format"""
POINTER = b"version https://git-lfs"


class ModelFiles(ABC):
    """Where a model's files are."""

    @cached_property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Bytes of each file at the top."""

    @abstractmethod
    def start(self, name: str, count: int) -> bytes:
        """The first bytes of a file, at most so many."""

    def small(self) -> list[str]:
        """What a configuration and a tokenizer are made of."""
        return [name for name, size in self.sizes.items() if name.endswith(SMALL) and size <= LARGEST_SMALL]

    def json(self, name: str, student: str) -> dict[str, Any]:
        """A file's JSON object. Raises: StageError WeightsCut, UnknownStudent."""
        content = self.start(name, LARGEST_SMALL)
        if content.startswith(POINTER):
            raise pointer(student, name)
        try:
            tree = json.loads(content.decode("utf-8"))
        except ValueError as error:
            raise _no_json(student, name, str(error)) from error
        if not isinstance(tree, dict):
            raise _no_json(student, name, f"it holds a {type(tree).__name__} and no object")
        return tree


class FolderFiles(ModelFiles):
    """A folder's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def sizes(self) -> dict[str, int]:
        """See ModelFiles."""
        return {file.name: file.stat().st_size for file in sorted(self._folder.iterdir()) if file.is_file()}

    def start(self, name: str, count: int) -> bytes:
        """See ModelFiles."""
        with (self._folder / name).open("rb") as stream:
            return stream.read(count)


class HubFiles(ModelFiles):
    """A model's at the hub of HF_ENDPOINT, at one commit. Small files go into the cache, of large ones only a range is asked."""

    def __init__(self, name: str, commit: str, sizes: dict[str, int]) -> None:
        self._name = name
        self._commit = commit
        self._sizes = sizes

    @cached_property
    def sizes(self) -> dict[str, int]:
        """See ModelFiles."""
        return self._sizes

    def start(self, name: str, count: int) -> bytes:
        """See ModelFiles."""
        if self.sizes.get(name, 0) <= count:
            from huggingface_hub import hf_hub_download

            return Path(hf_hub_download(self._name, name, revision=self._commit)).read_bytes()
        return self._range(name, count)

    def _range(self, name: str, count: int) -> bytes:
        from huggingface_hub import constants, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status  # type: ignore[attr-defined]

        url = hf_hub_url(self._name, name, revision=self._commit, endpoint=constants.ENDPOINT)
        headers = {**build_hf_headers(), "range": f"bytes=0-{count - 1}"}
        content = b""
        with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as response:
            hf_raise_for_status(response)
            for piece in response.iter_bytes():  # a server that knows no ranges would send all of it
                content += piece
                if len(content) >= count:
                    break
        return content[:count]


def header(files: ModelFiles, name: str, student: str) -> tuple[bytes, dict[str, Any]]:
    """The first bytes of a file of weights, up to its data, and the tensors that they name.

    Raises: StageError WeightsCut where the file is a git-lfs pointer, no safetensors, or not as long as it says.
    """
    size = files.sizes[name]
    begin = files.start(name, min(size, 65536))
    if begin.startswith(POINTER):
        raise pointer(student, name)
    length = int.from_bytes(begin[:8], "little")
    if size < 8 or length > LARGEST_HEADER or begin[8:9] != b"{":
        raise cut(student, f"{name} is no safetensors file")
    if 8 + length > size:
        raise cut(student, f"{name} ends within its header, after {size:,} bytes")
    if len(begin) < 8 + length:
        begin = files.start(name, 8 + length)
    begin = begin[: 8 + length]
    try:
        tensors = json.loads(begin[8:].decode("utf-8"))
        tensors.pop("__metadata__", None)
        whole = 8 + length + max((int(t["data_offsets"][1]) for t in tensors.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise cut(student, f"the header of {name} cannot be read") from error
    if whole != size:
        raise cut(student, f"{name} holds {size:,} bytes, and its header speaks of {whole:,}")
    return begin, tensors


def pointer(student: str, name: str) -> StageError:
    """A git-lfs pointer stands where a file should."""
    return failed(
        "WeightsCut",
        f"{FIELD}: {student} is not whole: {name} is a git-lfs pointer and not the file itself.",
        "Run `git lfs pull` in it, or download it with `hf download`.",
    )


def cut(student: str, why: str) -> StageError:
    """A file of weights is damaged."""
    return failed(
        "WeightsCut", f"{FIELD}: {student} is not whole: {why}.", "Download it again, or name another student."
    )


def quantized(name: str, why: str) -> StageError:
    """Weights that cannot be trained."""
    return failed(
        "QuantizedStudent",
        f"{FIELD}: {name} is quantized ({why}), and quantized weights cannot be trained.",
        "Name the model that it was made from, in 16 or 32 bits.",
    )


def remote_code(name: str) -> StageError:
    """A model that brings its own code."""
    return failed(
        "RemoteCode",
        f"{FIELD}: {name} needs code of its own (auto_map in config.json), and none of a model's code is run.",
        "Name a student of a type that transformers knows by itself.",
    )


def not_numbers(name: str, tensor: str) -> StageError:
    """A weight is NaN or infinite."""
    return failed(
        "WeightsNotNumbers",
        f"{FIELD}: {name} cannot be used: {tensor} holds values that are no numbers (NaN or infinite).",
        "Download it again, or name another student.",
    )


def _no_json(student: str, name: str, why: str) -> StageError:
    return failed(
        "UnknownStudent",
        f"{FIELD}: {name} of {student} cannot be read: {why}.",
        "Correct the file, download it again, or name another student.",
    )
