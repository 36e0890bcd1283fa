"""Which model a student's name means: a folder, the one that the embedded package ships, or one of a hub.

Nothing here imports torch: a spec is checked before anything is started.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompt2model_api.base import Architecture
from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.storage import sha256_of_file
from prompt2model_stages.student import embedded
from prompt2model_stages.student.hub import commit_of, hub_errors, hub_files
from prompt2model_stages.student.model_files import FIELD, FolderFiles, quantized, remote_code

CONFIG = "config.json"
WEIGHTS = "*.safetensors"
ENCODER_DECODERS = frozenset(
    {"t5", "mt5", "umt5", "bart", "mbart", "marian", "pegasus", "longt5", "switch_transformers"}
)
"""Types that are encoder-decoders even where an old config.json does not say so."""


@dataclass(frozen=True)
class ResolvedStudent:
    """A student that was found.

    path_or_repo: what Student.load takes: an absolute folder, a name at the hub, or the embedded student's name.
    revision: the commit at the hub, or a SHA-256 of what lies on this machine.
    size_bytes: of the weights as they lie there.
    """

    name: str
    path_or_repo: str
    revision: str
    architecture: Architecture
    size_bytes: int


def resolve(
    name: str, base: Path | None = None, max_bytes: int | None = None, revision: str | None = None
) -> ResolvedStudent:
    """The student that a name means.

    Args:
        name: a Hugging Face name, a folder (with a / or ./ before it), or the embedded student's.
        base: what a relative folder is relative to; the working folder where nothing is said.
        max_bytes: the largest size of the weights.
        revision: of the hub: a commit, branch or tag; the default branch where nothing is said.

    Raises: StageError UnknownStudent, StudentTooLarge, NoSafetensors, or HubUnreachable (Blocked).
    """
    if name.startswith(embedded.PREFIX):
        found = _embedded(name)
    elif is_folder(name):
        found = _folder(name, base)
    else:
        found = _hub(name, revision)
    if max_bytes is not None and found.size_bytes > max_bytes:
        raise failed(
            "StudentTooLarge",
            f"{FIELD}: the weights of {name} are {_readable(found.size_bytes)}, and spec.student.maxSize allows "
            f"{_readable(max_bytes)}.",
            "Choose a smaller student, or raise spec.student.maxSize.",
        )
    return found


def is_embedded(name: str) -> bool:
    """Whether a student is one that a package ships."""
    return name.startswith(embedded.PREFIX)


def is_folder(name: str) -> bool:
    """Whether a student's name is a folder's."""
    return name.startswith(("/", "./", "../", "~"))


def architecture_of(config: Mapping[str, Any], name: str) -> Architecture:
    """The family of the model that a config.json describes.

    Raises: StageError QuantizedStudent, RemoteCode, or UnknownStudent where it is neither.
    """
    if isinstance(method := config.get("quantization_config"), Mapping):
        raise quantized(name, str(method.get("quant_method") or "quantization_config in config.json"))
    if config.get("is_encoder_decoder") or config.get("model_type") in ENCODER_DECODERS:
        return Architecture.ENCODER_DECODER
    kinds = [str(kind) for kind in config.get("architectures") or []]
    if any(kind.endswith(("ForCausalLM", "LMHeadModel")) for kind in kinds):
        return Architecture.DECODER_ONLY
    if config.get("auto_map"):
        raise remote_code(name)
    raise failed(
        "UnknownStudent",
        f"{FIELD}: {name} writes no text: it is {', '.join(kinds) or config.get('model_type') or 'of an unknown kind'}.",
        "Choose an encoder-decoder such as google/flan-t5-base, or a decoder such as HuggingFaceTB/SmolLM2-135M.",
    )


def revision_of_folder(folder: Path) -> str:
    """SHA-256 over a model folder's config.json and weights, names and contents."""
    files = [folder / CONFIG, *sorted(folder.glob(WEIGHTS))]
    return embedded.sha256_of_text("\n".join(f"{file.name} {sha256_of_file(file)}" for file in files))


def _embedded(name: str) -> ResolvedStudent:
    file = embedded.gguf_file(name)
    return ResolvedStudent(name, name, embedded.revision_of(file), Architecture.DECODER_ONLY, file.stat().st_size)


def _folder(name: str, base: Path | None) -> ResolvedStudent:
    folder = ((base or Path.cwd()) / Path(name).expanduser()).absolute()
    if not (folder / CONFIG).is_file():
        what = "has no config.json" if folder.is_dir() else "does not exist"
        raise failed(
            "UnknownStudent",
            f"{FIELD}: the folder {folder} {what}.",
            "Name a folder that save_pretrained wrote (config.json, *.safetensors, a tokenizer).",
        )
    architecture = architecture_of(FolderFiles(folder).json(CONFIG, str(folder)), name)
    weights = list(folder.glob(WEIGHTS))
    if not weights:
        raise _no_safetensors(str(folder))
    size = sum(file.stat().st_size for file in weights)
    return ResolvedStudent(name, str(folder), revision_of_folder(folder), architecture, size)


def _hub(name: str, revision: str | None) -> ResolvedStudent:
    with hub_errors(name, revision):
        commit = commit_of(name, revision)
        files = hub_files(name, commit)
        if CONFIG not in files.sizes:
            raise failed(
                "UnknownStudent",
                f"{FIELD}: {name} at the hub has no config.json: it is no model of transformers.",
                "Name another student.",
            )
        architecture = architecture_of(files.json(CONFIG, name), name)
    sizes = [size for file, size in files.sizes.items() if file.endswith(".safetensors")]
    if not sizes:
        raise _no_safetensors(name)
    return ResolvedStudent(name, name, commit, architecture, sum(sizes))


def _no_safetensors(name: str) -> StageError:
    return failed(
        "NoSafetensors",
        f"{FIELD}: {name} has no weights as safetensors, and no other form is loaded: it could run code.",
        "Choose a student with *.safetensors, or convert its weights.",
    )


def _readable(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
