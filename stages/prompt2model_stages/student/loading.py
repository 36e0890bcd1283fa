"""A student's model and tokenizer by transformers, whose many errors become one sentence each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from prompt2model_api.base import Architecture
from prompt2model_api.texts import cut
from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.student.model_files import FIELD, FolderFiles, remote_code

LOADING = {
    "use_safetensors": True,
    "trust_remote_code": False,
    "dtype": torch.float32,
    "ignore_mismatched_sizes": True,  # they are told then, and refused with a sentence
}
CONFIG = "config.json"
VOCABULARIES = (".spm", ".model", ".tiktoken", "tokenizer.json", "vocab.json", "vocab.txt", "tekken.json")
WITHOUT_VOCABULARY = ("byt5", "canine")
"""Parts of the tokenizers' names that work on bytes or characters."""


@dataclass(frozen=True)
class Parts:
    """What a student is made of; the model is in evaluation mode."""

    config: Any
    model: Any
    tokenizer: Any


def load_parts(
    path_or_name: str | Path,
    architecture: Architecture,
    name: str,
    revision: str | None = None,
    *,
    without_weights: bool = False,
) -> Parts:
    """The model, in fp32, and its tokenizer.

    Args:
        path_or_name: a folder, or a name at the hub.
        architecture: which family.
        name: as the user wrote it.
        revision: of the hub.
        without_weights: on the device `meta`: all shapes, no numbers.

    Raises: StageError UnknownModelType, RemoteCode, NoTokenizer, WeightsMissing, WeightsMismatch, StudentUnusable;
    OSError where files or the hub are not there.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    if (folder := Path(path_or_name)).is_dir():
        check_model_type(FolderFiles(folder).json(CONFIG, name), name)
        _check_vocabulary(folder, name)
    kind = AutoModelForCausalLM if architecture is Architecture.DECODER_ONLY else AutoModelForSeq2SeqLM
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads and torch's would share the same cores
    with _sentences("StudentUnusable", name):
        config = AutoConfig.from_pretrained(path_or_name, revision=revision, trust_remote_code=False)
    with _sentences("NoTokenizer", name, of_files=without_weights):
        tokenizer = AutoTokenizer.from_pretrained(path_or_name, revision=revision, trust_remote_code=False)
    where = {"device_map": "meta"} if without_weights else {}
    with _sentences("StudentUnusable", name, of_files=without_weights):
        model, told = kind.from_pretrained(
            path_or_name, config=config, revision=revision, output_loading_info=True, **LOADING, **where
        )
    _check_complete(model, told, name)
    return Parts(config, model.eval(), tokenizer)


def check_model_type(config: dict[str, Any], name: str) -> None:
    """Refuses a model that this transformers does not know. Raises: StageError RemoteCode, UnknownModelType."""
    from transformers import __version__
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    kind = config.get("model_type")
    if kind in CONFIG_MAPPING_NAMES:
        return
    if config.get("auto_map"):
        raise remote_code(name)
    raise failed(
        "UnknownModelType",
        f"{FIELD}: {name} is of the type {kind!r}, which transformers {__version__} does not know.",
        "Name another student.",
    )


def _check_complete(model: Any, told: dict[str, Any], name: str) -> None:
    """Weights that no file holds, or in another shape, would be random numbers, without a word."""
    if other := sorted(told.get("mismatched_keys") or (), key=str):
        key, there, wanted = other[0]
        raise failed(
            "WeightsMismatch",
            f"{FIELD}: {len(other)} weights of {name} have another shape than its config.json says, such as {key}: "
            f"{tuple(there)} and not {tuple(wanted)}.",
            "Put config.json and weights of the same model together, or name another student.",
        )
    known = dict(model.named_parameters())
    missing = sorted(key for key in told.get("missing_keys") or () if key in known)
    if missing:
        raise failed(
            "WeightsMissing",
            f"{FIELD}: {name} is not whole: {len(missing)} of its {len(known)} weights are in no file, such as "
            f"{missing[0]}.",
            "Name the whole model (one with a head that writes text), or download it again.",
        )


def _check_vocabulary(folder: Path, name: str) -> None:
    names = [file.name for file in folder.iterdir()]
    if any(file.endswith(VOCABULARIES) for file in names):
        return
    told = FolderFiles(folder).json("tokenizer_config.json", name) if "tokenizer_config.json" in names else {}
    if not any(part in str(told.get("tokenizer_class")).lower() for part in WITHOUT_VOCABULARY):
        raise _no_tokenizer(f"{name} has no tokenizer")


@contextmanager
def _sentences(reason: str, name: str, *, of_files: bool = False) -> Iterator[None]:
    """Raises: StageError in place of what transformers raises.

    OSErrors with a number are the machine's. Those without are about files or the hub: also StageErrors where all files
    are known to be there (of_files), else passed on.
    """
    try:
        yield
    except (StageError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None or not of_files:
            raise
        raise _sorted(reason, name, error) from error
    except Exception as error:  # the library raises what its layers raise
        if "out of memory" in str(error).lower() or "allocate memory" in str(error):
            raise
        raise _sorted(reason, name, error) from error


def _sorted(reason: str, name: str, error: Exception) -> StageError:
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        return remote_code(name)
    if reason == "NoTokenizer":
        return _no_tokenizer(f"the tokenizer of {name} cannot be loaded: {cut(text, 300)}")
    return failed(
        reason, f"{FIELD}: {name} cannot be loaded: {cut(text, 300) or type(error).__name__}", "Name another student."
    )


def _no_tokenizer(why: str) -> StageError:
    return failed(
        "NoTokenizer",
        f"{FIELD}: {why}.".replace("..", "."),
        "Put the tokenizer's files beside the weights (tokenizer.json, tokenizer_config.json), or name another student.",
    )
