"""Nearness in meaning: vectors of the texts, memory-mapped, against the vector of the query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from prompt2model_stages.catalogs.search.encoders import SentenceEncoder, Vectors
from prompt2model_stages.catalogs.search.protocol import Hit, Scores, nearest

FILE = "vectors.npy"


class DenseIndex:
    """Vectors in 32 bits, a row a text: a memory map of them is multiplied where it is, without a copy.

    encode: gives a query's vector, [dimension]; the encoder behind it is loaded at the first query, or by load_encoder.
    """

    def __init__(self, vectors: Vectors, encode: Callable[[Sequence[str]], Vectors]) -> None:
        self.vectors = vectors
        self._encode = encode

    @classmethod
    def load(cls, folder: Path, encode: Callable[[Sequence[str]], Vectors]) -> DenseIndex:
        """The index in a folder, memory-mapped. Raises: OSError, ValueError where the file is not whole."""
        return cls(np.load(folder / FILE, mmap_mode="r"), encode)

    @classmethod
    def build(cls, texts: Sequence[str], encoder: SentenceEncoder) -> DenseIndex:
        """The index of these texts, in memory."""
        return cls(encoder.documents(texts)[0], encoder.queries)

    def load_encoder(self) -> None:
        """Loads it now, so that one that does not serve is told before the first query. Raises: EncoderUnusable."""
        self._encode(["a"])

    def scores(self, query: str) -> Scores:
        """See Index: the cosine."""
        return self.scores_of([query])

    def search(self, query: str, k: int) -> list[Hit]:
        """See Index."""
        return nearest(self.scores(query), k)

    def scores_of(self, queries: Sequence[str]) -> Scores:
        """How near each text is to the mean of the queries' vectors, [rows]."""
        return np.asarray(self.vectors @ self._encode(queries).mean(axis=0))
