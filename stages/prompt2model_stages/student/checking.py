"""Whether a student can be trained and used, found out before anything is paid for.

Read are config.json, the tokenizer's files and the headers of the weights, in a folder or at the hub. Then the student is
loaded without its weights: beside the small files stand files of weights with the true header and holes for data, and
transformers builds the model on the device `meta`. So what is refused here is what training would refuse, in seconds.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompt2model_api.base import Architecture
from prompt2model_stages.errors import failed
from prompt2model_stages.student import embedded
from prompt2model_stages.student.hub import hub_errors, hub_files
from prompt2model_stages.student.model_files import (
    FIELD,
    FolderFiles,
    ModelFiles,
    cut,
    header,
    not_numbers,
    pointer,
    quantized,
)
from prompt2model_stages.student.resolving import ResolvedStudent

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
LARGEST_READ = 4 * 2**30
"""Bytes of weights that are read for numbers that are none; larger students are looked at when they are loaded."""
_POSITIONS = re.compile(r"(^|[._])(wpe|position\w*|embed_positions)$")


@dataclass(frozen=True)
class Limits:
    """The longest input and output in tokens: spec.training.maxInputTokens and maxOutputTokens."""

    input: int
    output: int


def check(student: ResolvedStudent, limits: Limits) -> None:
    """Refuses a student that cannot be trained, or not with these limits.

    Raises: StageError, each with a reason of its own: WeightsCut, NoSafetensors, QuantizedStudent, RemoteCode,
    UnknownModelType, NoTokenizer, NoEndToken, TokenizerTooLarge, TooFewPositions, WeightsMissing, WeightsMismatch,
    WeightsNotNumbers, StudentUnusable (Failed); HubUnreachable (Blocked).
    """
    if student.path_or_repo.startswith(embedded.PREFIX):
        return  # its files are this package's own
    folder = Path(student.path_or_repo)
    if folder.is_absolute():
        check_files(FolderFiles(folder), student, limits)
        _check_numbers(folder, student.name)
        return
    with hub_errors(student.name, student.revision):
        files = hub_files(student.name, student.revision)
        check_files(files, student, limits)


def check_files(files: ModelFiles, student: ResolvedStudent, limits: Limits) -> None:
    """The same for a model's files, without a look at the numbers in them."""
    name = student.name
    if ADAPTER in files.sizes:
        raise failed(
            "StudentUnusable",
            f"{FIELD}: {name} is an adapter (LoRA) and no whole model.",
            "Name its base model, or merge it into that (merge_and_unload) and save it whole.",
        )
    headers = check_headers(files, name)
    with tempfile.TemporaryDirectory(prefix="p2m-student-") as folder:
        _write_skeleton(files, headers, Path(folder), name)
        from prompt2model_stages.student.loading import load_parts

        parts = load_parts(Path(folder), student.architecture, name, without_weights=True)
    check_tokenizer(parts.tokenizer, parts.model, name)
    _check_positions(parts.model, student, limits)


def check_headers(files: ModelFiles, name: str) -> dict[str, bytes]:
    """The headers of the files of weights. Raises: StageError NoSafetensors, WeightsCut, QuantizedStudent."""
    headers = {}
    for file in _weights(files, name):
        headers[file], tensors = header(files, file, name)
        _check_types(name, tensors)
    return headers


def check_tokenizer(tokenizer: Any, model: Any, name: str) -> None:
    """Refuses a tokenizer that has no end token, or tokens that the model does not know."""
    if tokenizer.eos_token_id is None:
        raise failed(
            "NoEndToken",
            f"{FIELD}: the tokenizer of {name} has no end token: the student would never learn where an answer ends.",
            "Set eos_token in its tokenizer_config.json to a token that it knows, or name another student.",
        )
    rows = int(model.get_input_embeddings().weight.shape[0])
    tokens = max(tokenizer.get_vocab().values(), default=-1) + 1
    if tokens > rows or tokenizer.eos_token_id >= rows:
        raise failed(
            "TokenizerTooLarge",
            f"{FIELD}: the tokenizer of {name} has {tokens:,} tokens, and the model has embeddings for {rows:,}.",
            "Use the tokenizer that the model was trained with, or resize its embeddings (resize_token_embeddings).",
        )


def _weights(files: ModelFiles, name: str) -> list[str]:
    """The files of weights that are loaded. Raises: StageError NoSafetensors, WeightsCut."""
    if WEIGHTS in files.sizes:
        return [WEIGHTS]
    if INDEX not in files.sizes:
        raise failed(
            "NoSafetensors",
            f"{FIELD}: {name} has neither {WEIGHTS} nor {INDEX}, and no other form of weights is loaded.",
            "Choose a student with safetensors, or write it anew with save_pretrained.",
        )
    shards = files.json(INDEX, name).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise cut(name, f"{INDEX} names no weights")
    found = sorted({str(shard) for shard in shards.values()})
    missing = [shard for shard in found if shard not in files.sizes]
    if missing:
        raise cut(name, f"{len(missing)} of {len(found)} files of weights are missing, such as {missing[0]}")
    return found


def _check_types(name: str, tensors: dict[str, Any]) -> None:
    """Weights in whole numbers or in 8 bits are quantized, also where config.json does not say so."""
    for tensor, facts in tensors.items():
        kind = str(facts.get("dtype"))
        if tensor.endswith(("weight", "qweight")) and not kind.startswith(("BF16", "F16", "F32", "F64")):
            raise quantized(name, f"its weights are {kind}")


def _write_skeleton(files: ModelFiles, headers: dict[str, bytes], folder: Path, name: str) -> None:
    """The small files as they are, and the weights as holes behind their true headers."""
    for file in files.small():
        content = files.start(file, files.sizes[file])
        if content.startswith(b"version https://git-lfs"):
            raise pointer(name, file)
        (folder / file).write_bytes(content)
    for file, begin in headers.items():
        with (folder / file).open("wb") as stream:
            stream.write(begin)
            stream.truncate(files.sizes[file])


def _check_positions(model: Any, student: ResolvedStudent, limits: Limits) -> None:
    """Tables of positions are looked up by place: a longer text ends in an error, or reads behind their end."""
    decoder_only = student.architecture is Architecture.DECODER_ONLY
    for path, places in _tables(model):
        if decoder_only:
            wanted, fields = limits.input + limits.output, "maxInputTokens and maxOutputTokens together"
        elif "decoder" in path:
            wanted, fields = limits.output, "maxOutputTokens"
        else:
            wanted, fields = limits.input, "maxInputTokens"
        if places < wanted:
            raise failed(
                "TooFewPositions",
                f"{FIELD}: {student.name} reads at most {places:,} tokens, and spec.training allows {wanted:,} "
                f"({fields}).",
                f"Lower spec.training.{fields.replace(' and ', ' and spec.training.')} to at most {places:,}, or name a "
                "student that reads more.",
            )


def _tables(model: Any) -> Iterator[tuple[str, int]]:
    """Each table of positions with its places; rotary and relative positions have none."""
    import torch

    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Embedding) and _POSITIONS.search(path):
            yield path, int(module.num_embeddings) - int(getattr(module, "offset", 0))


def _check_numbers(folder: Path, name: str) -> None:
    """Raises: StageError WeightsNotNumbers where a weight is NaN or infinite."""
    import torch
    from safetensors import safe_open

    files = sorted(folder.glob("*.safetensors"))
    if sum(file.stat().st_size for file in files) > LARGEST_READ:
        return
    for file in files:
        with safe_open(file, framework="pt") as weights:
            names: list[str] = list(weights.keys())
            for tensor in names:
                if not bool(torch.isfinite(weights.get_tensor(tensor)).all()):
                    raise not_numbers(name, tensor)
