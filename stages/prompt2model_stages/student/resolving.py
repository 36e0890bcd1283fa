"""Which model a student's name means: a folder, the one that the embedded package ships, or one of a hub.

Nothing here imports torch: a spec is checked before anything is started.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompt2model_api.base import Architecture
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.storage import sha256_of_file
from prompt2model_stages.student import embedded

FIELD = "spec.student.name"
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


def is_folder(name: str) -> bool:
    """Whether a student's name is a folder's."""
    return name.startswith(("/", "./", "../", "~"))


def architecture_of(config: Mapping[str, Any], name: str) -> Architecture:
    """The family of the model that a config.json describes. Raises: StageError UnknownStudent where it is neither."""
    if config.get("is_encoder_decoder") or config.get("model_type") in ENCODER_DECODERS:
        return Architecture.ENCODER_DECODER
    kinds = [str(kind) for kind in config.get("architectures") or []]
    if any(kind.endswith(("ForCausalLM", "LMHeadModel")) for kind in kinds):
        return Architecture.DECODER_ONLY
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
    weights = list(folder.glob(WEIGHTS))
    if not weights:
        raise _no_safetensors(str(folder))
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except ValueError as error:
        raise failed("UnknownStudent", f"{FIELD}: {folder}/config.json is no JSON: {error}", "Mend it.") from error
    size = sum(file.stat().st_size for file in weights)
    return ResolvedStudent(name, str(folder), revision_of_folder(folder), architecture_of(config, name), size)


def _hub(name: str, revision: str | None) -> ResolvedStudent:
    from huggingface_hub import errors

    try:
        return _of_hub(name, revision)
    except StageError:
        raise
    except errors.GatedRepoError as error:
        raise failed(
            "UnknownStudent",
            f"{FIELD}: {name} is gated at the hub.",
            "Accept its terms there and set HF_TOKEN, or choose another student.",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        where = f" at revision {revision}" if revision else ""
        raise failed(
            "UnknownStudent",
            f"{FIELD}: the hub knows no model {name}{where}.",
            "Correct the name; a folder has a / or ./ before it; a private model needs HF_TOKEN.",
        ) from error
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError) as error:
        raise blocked(
            "HubUnreachable",
            f"{FIELD}: {name} is not in the local cache, and the hub did not answer: {_first_line(error)}",
            f"Check the connection and HF_ENDPOINT, name a folder, or use {embedded.NAME}.",
        ) from error


def _of_hub(name: str, revision: str | None) -> ResolvedStudent:
    from huggingface_hub import HfApi, constants, hf_hub_download

    if constants.HF_HUB_OFFLINE:
        config_file = Path(hf_hub_download(name, CONFIG, revision=revision))
        snapshot = config_file.parent
        sizes = [file.stat().st_size for file in snapshot.glob(WEIGHTS)]
        commit = snapshot.name
    else:
        info = HfApi().model_info(name, revision=revision, files_metadata=True)
        files = info.siblings or []
        sizes = [
            file.size or 0 for file in files if file.rfilename.endswith(".safetensors") and "/" not in file.rfilename
        ]
        commit = str(info.sha)
        config_file = Path(hf_hub_download(name, CONFIG, revision=commit))
    if not sizes:
        raise _no_safetensors(name)
    architecture = architecture_of(json.loads(config_file.read_text("utf-8")), name)
    return ResolvedStudent(name, name, commit, architecture, sum(sizes))


def _no_safetensors(name: str) -> StageError:
    return failed(
        "NoSafetensors",
        f"{FIELD}: {name} has no weights as safetensors, and no other form is loaded: it could run code.",
        "Choose a student with *.safetensors, or convert its weights.",
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _readable(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
