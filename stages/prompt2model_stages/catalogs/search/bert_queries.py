"""Encodes queries with a small BERT in numpy: importing PyTorch takes seconds, a query of twenty words a few milliseconds.

For `minilm` alone, whose architecture is known. Many texts are encoded with PyTorch (encoders.py), which gives the same vectors;
tests/integration/test_sentence_vectors.py holds the two together.

Source: Devlin et al., BERT (2019); Reimers and Gurevych, Sentence-BERT (2019).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from prompt2model_stages.catalogs.search.encoders import EncoderFiles, EncoderUnusable, Vectors

Floats = npt.NDArray[np.float32]

_WORDS = "embeddings.word_embeddings"
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


class BertQueries:
    """A loaded encoder of queries. Raises: EncoderUnusable where its files cannot be read."""

    def __init__(self, files: EncoderFiles) -> None:
        try:
            from safetensors import SafetensorError, safe_open
            from tokenizers import Tokenizer
        except ImportError as error:
            raise EncoderUnusable(
                f"The sentence encoder {files.name} cannot be loaded: {error}; install what is missing."
            ) from error

        opened: Any = safe_open  # the library has no types
        try:
            config = json.loads((files.folder / "config.json").read_text("utf-8"))
            self._heads, self._layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
            self._epsilon = float(config["layer_norm_eps"])
            self._tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
            self._stored = opened(str(files.folder / "model.safetensors"), "np")
            names = [name for name in self._stored.keys() if not name.startswith(_WORDS)]  # noqa: SIM118 - it is no dict
            self._weights: dict[str, Floats] = {name: self._stored.get_tensor(name) for name in names}
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise EncoderUnusable(
                f"The sentence encoder {files.name} cannot be loaded: {error}; install it again."
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(files.tokens)
        self.dimension = int(config["hidden_size"])

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The vectors of queries, of length 1, [n, dimension]."""
        return np.stack([self._encoded(self._tokenizer.encode(text).ids) for text in texts])

    def _encoded(self, ids: Sequence[int]) -> Floats:
        """The mean of the tokens' vectors, [dimension]."""
        stored: Any = self._stored.get_slice(f"{_WORDS}.weight")
        words = np.concatenate([stored[number : number + 1] for number in ids])
        weights = self._weights
        places = weights["embeddings.position_embeddings.weight"][: len(ids)]
        hidden = self._normed(words + places + weights["embeddings.token_type_embeddings.weight"][0], "embeddings")
        for layer in range(self._layers):
            hidden = self._layer(hidden, f"encoder.layer.{layer}")
        mean: Floats = hidden.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _layer(self, hidden: Floats, name: str) -> Floats:
        """One layer, [tokens, dimension] to the same."""
        query, key, value = (
            self._split(self._linear(hidden, f"{name}.attention.self.{part}")) for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
        raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
        seen = (raised / raised.sum(axis=-1, keepdims=True) @ value).swapaxes(0, 1).reshape(hidden.shape)
        hidden = self._normed(hidden + self._linear(seen, f"{name}.attention.output.dense"), f"{name}.attention.output")
        wide = self._linear(hidden, f"{name}.intermediate.dense")
        raised_wide = wide * 0.5 * (1 + _erf(wide / math.sqrt(2)))  # GELU
        return self._normed(hidden + self._linear(raised_wide, f"{name}.output.dense"), f"{name}.output")

    def _split(self, hidden: Floats) -> Floats:
        """[tokens, dimension] to [heads, tokens, dimension of a head]."""
        return hidden.reshape(len(hidden), self._heads, -1).swapaxes(0, 1)

    def _linear(self, hidden: Floats, name: str) -> Floats:
        return np.asarray(hidden @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _normed(self, hidden: Floats, name: str) -> Floats:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        scaled = centred / spread * self._weights[f"{name}.LayerNorm.weight"] + self._weights[f"{name}.LayerNorm.bias"]
        return np.asarray(scaled)


def _erf(values: Floats) -> Floats:
    """The error function, within 1.5e-7, which numpy does not have.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 7.1.26.
    """
    size = np.abs(values)
    near = 1 / (1 + 0.3275911 * size)
    tail = np.zeros_like(near)
    for factor in reversed(_ERF):
        tail = (tail + factor) * near
    return np.asarray(np.sign(values) * (1 - tail * np.exp(-size * size)), dtype=np.float32)
