"""BM25 over stems: rank-bm25 in memory for small catalogs, bm25s on memory-mapped files for built ones.

Both are Okapi's: k1 = 1.5, b = 0.75, a word's part tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length)), and the weight
idf = ln((N - df + 0.5) / (df + 0.5)). A word that more than half of the texts have, whose idf is below 0, weighs a quarter of
the mean idf. A word that the query repeats counts once. bm25s keeps 32-bit scores: the order is the same up to their rounding.

Source: Robertson and Zaragoza, The Probabilistic Relevance Framework (2009); rank-bm25's BM25Okapi with its own epsilon; bm25s's
tf part `atire`, its idf replaced.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from prompt2model_stages.catalogs.search.protocol import Hit, Scores, nearest
from prompt2model_stages.catalogs.search.words import ENGLISH, stems, tokens, words

K1 = 1.5
B = 0.75
EPSILON = 0.25


class LexicalIndex(ABC):
    """Texts that can be searched by their words. language: of the queries, ISO 639-1."""

    language: str = ENGLISH

    def scores(self, query: str) -> Scores:
        """See Index: BM25, 0 for a text that shares no word with the query."""
        wanted = list(dict.fromkeys(tokens(query, self.language)))
        return self._scores([word for word in wanted if self._weight(word) is not None])

    def search(self, query: str, k: int) -> list[Hit]:
        """See Index; what shares no word with the query is left out."""
        return [hit for hit in nearest(self.scores(query), k) if hit.score > 0]

    def coverage(self, query: str, row: int) -> float:
        """The share of the query's weight that one text answers; a word that no text has weighs as much as the rarest."""
        weights = {word: self._weight(word) for word in tokens(query, self.language)}
        known = {word: self._rarest if weight is None else weight for word, weight in weights.items()}
        found = sum(known[word] for word in self.shared(query, row))
        return found / whole if (whole := sum(known.values())) else 0.0

    def shared(self, query: str, row: int) -> list[str]:
        """The stems that the query shares with one text, rarest first."""
        found = {word for word in tokens(query, self.language) if self._has(row, word)}
        return sorted(found, key=lambda word: (-(self._weight(word) or 0.0), word))

    def shown(self, query: str, row: int, most: int = 4) -> str:
        """The rarest words that the query shares with one text, as the query writes them."""
        written: dict[str, str] = {}
        for word in words(query, lower=False):
            for stem in stems(word.lower(), self.language):
                written.setdefault(stem, word)
        return ", ".join(dict.fromkeys(written[stem] for stem in self.shared(query, row)[:most]))

    @property
    @abstractmethod
    def _rarest(self) -> float:
        """The weight of a word that one text has."""

    @abstractmethod
    def _weight(self, word: str) -> float | None:
        """A stem's idf; None where no text has it."""

    @abstractmethod
    def _has(self, row: int, word: str) -> bool:
        """Whether a text has the stem."""

    @abstractmethod
    def _scores(self, wanted: list[str]) -> Scores:
        """The scores for stems that are there."""


class MemoryIndex(LexicalIndex):
    """rank-bm25: the reference, made anew from the texts; 113 ms a query at 13,000 texts, so for small catalogs alone."""

    def __init__(self, texts: Sequence[str], language: str = ENGLISH) -> None:
        from rank_bm25 import BM25Okapi

        documents = [tokens(text, language) for text in texts]
        self._texts = [frozenset(document) for document in documents]
        self._bm25 = BM25Okapi(documents, k1=K1, b=B, epsilon=EPSILON) if any(documents) else None
        self._idf: dict[str, float] = {} if self._bm25 is None else self._bm25.idf

    @property
    def _rarest(self) -> float:
        return max(self._idf.values(), default=0.0)

    def _weight(self, word: str) -> float | None:
        return self._idf.get(word)

    def _has(self, row: int, word: str) -> bool:
        return word in self._texts[row]

    def _scores(self, wanted: list[str]) -> Scores:
        if self._bm25 is None:
            return np.zeros(len(self._texts))
        return np.asarray(self._bm25.get_scores(wanted), dtype=np.float64)


class BuiltIndex(LexicalIndex):
    """bm25s: each score computed once, when the index is built; a query adds up those of its words."""

    def __init__(self, bm25: Any) -> None:
        self._bm25 = bm25
        self._starts = np.asarray(bm25.scores["indptr"])
        self.rows = int(bm25.scores["num_docs"])
        self._idf = okapi_idf(np.diff(self._starts), self.rows)

    @classmethod
    def build(cls, texts: Sequence[str], language: str = ENGLISH) -> BuiltIndex:
        """The index of these texts, at least one, in memory."""
        vocabulary: dict[str, int] = {}
        numbered = [[vocabulary.setdefault(word, len(vocabulary)) for word in tokens(text, language)] for text in texts]
        if not vocabulary:  # bm25s cannot be made of no words at all
            vocabulary, numbered[0] = {"": 0}, [0]
        bm25 = _bm25s().BM25(k1=K1, b=B, method="atire", idf_method="lucene", csc_backend="numpy")
        bm25.index((numbered, vocabulary), show_progress=False)
        scores, having = bm25.scores, np.diff(bm25.scores["indptr"])
        lucene = np.log1p((len(numbered) - having + 0.5) / (having + 0.5))  # above 0, so that it can be divided by
        scores["data"] *= np.repeat(okapi_idf(having, len(numbered)) / lucene, having).astype(np.float32)
        return cls(bm25)

    @classmethod
    def load(cls, folder: Path) -> BuiltIndex:
        """The index in a folder, memory-mapped. Raises: OSError, ValueError, KeyError where its files are not whole."""
        return cls(_bm25s().BM25.load(folder, mmap=True, show_progress=False))

    def save(self, folder: Path) -> None:
        """Writes the index's files into a folder."""
        self._bm25.save(folder, show_progress=False)

    @property
    def _rarest(self) -> float:
        return float(self._idf.max(initial=0.0))

    def _weight(self, word: str) -> float | None:
        number = self._number(word)
        return None if number is None else float(self._idf[number])

    def _has(self, row: int, word: str) -> bool:
        rows = self._having(word)  # ascending
        at = int(np.searchsorted(rows, row))
        return at < len(rows) and int(rows[at]) == row

    def _scores(self, wanted: list[str]) -> Scores:
        whole = np.zeros(self.rows, dtype=np.float32)
        if wanted:
            whole = np.asarray(self._bm25.get_scores(wanted), dtype=np.float32)
        return whole

    def _having(self, word: str) -> Any:
        number = self._number(word)
        if number is None:
            return ()
        return self._bm25.scores["indices"][self._starts[number] : self._starts[number + 1]]

    def _number(self, word: str) -> int | None:
        """A stem's column; None where no text has it."""
        number = self._bm25.vocab_dict.get(word)
        return None if number is None or number >= len(self._idf) else int(number)


def okapi_idf(having: npt.NDArray[np.integer], of: int) -> npt.NDArray[np.float64]:
    """The weights of words, [words].

    Args:
        having: how many texts have each word, at least one, [words].
        of: all texts.
    """
    idf = np.log(of - having + 0.5) - np.log(having + 0.5)
    return np.asarray(np.where(idf < 0, EPSILON * idf.mean(), idf)) if len(idf) else idf


def _bm25s() -> Any:
    """The library, without the debug messages that it switches on for itself."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s
