"""Words and meaning together: a weighted sum of z-scores, which needs no scale that both have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prompt2model_stages.catalogs.search.dense import DenseIndex
from prompt2model_stages.catalogs.search.lexical import LexicalIndex
from prompt2model_stages.catalogs.search.protocol import Hit, Scores, nearest


@dataclass(frozen=True)
class Weights:
    """How much each part counts.

    The values were chosen on the development half of DataFinder's queries (203) alone; see docs/decisions/0082.

    dense: the cosine with the mean of the query's and the keyphrases' vectors.
    keyphrases: BM25 of the keyphrases; of the query, where there are none.
    query: BM25 of the query.
    """

    dense: float = 1.0
    keyphrases: float = 0.2
    query: float = 0.1


class FusedIndex:
    """A lexical and a dense index of the same texts; without the dense one, words alone."""

    def __init__(self, lexical: LexicalIndex, dense: DenseIndex | None, weights: Weights | None = None) -> None:
        self._lexical = lexical
        self._dense = dense
        self._weights = weights or Weights()

    def scores(self, query: str, keyphrases: str = "") -> Scores:
        """See Index: a weighted sum of z-scores.

        Args:
            query: a sentence or more.
            keyphrases: the same in a few words, without those that say nothing about the data; empty where nobody knows them.
        """
        weights, by_query = self._weights, _standardized(self._lexical.scores(query))
        by_keyphrases = _standardized(self._lexical.scores(keyphrases)) if keyphrases else by_query
        by_words = weights.keyphrases * by_keyphrases + weights.query * by_query
        if self._dense is None:
            return np.asarray(by_words)
        asked = [query, keyphrases] if keyphrases else [query]
        return np.asarray(weights.dense * _standardized(self._dense.scores_of(asked)) + by_words)

    def search(self, query: str, k: int, keyphrases: str = "") -> list[Hit]:
        """See Index."""
        return nearest(self.scores(query, keyphrases), k)


def _standardized(scores: Scores) -> Scores:
    """z-scores: the mean becomes 0 and the standard deviation 1; zeros, where all are equal."""
    spread = float(scores.std()) if len(scores) else 0.0
    return np.asarray((scores - scores.mean()) / spread) if spread else np.zeros_like(scores)
