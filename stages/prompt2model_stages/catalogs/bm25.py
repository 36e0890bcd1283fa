"""BM25 in memory: rank-bm25 over stemmed words, without stop words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

_STOP_WORDS = """
a about after all also an and any are as at be because been before being between both but by can could did do does
doing each either etc else every few for from further had has have having he her here him his how i if in into is it
its just like may me might more most must my no nor not now of off on one only or other our out over own same shall
she should so some such than that the their them then there these they this those through to too under until up upon
us very was we were what when where whether which while who whom whose why will with within would you your answer
answers ask asked correct example examples expected find following follows form format generate generated get give
given gives indicate input inputs instruction instructions job make model need needs output outputs please present
presented produce provide provided read result return returns show shown take task tasks tell text use used user using
want way work write written
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""English function words, and the words that any description of a task uses."""

_WORD = re.compile(r"[^\W_]+")


def tokens(text: str) -> list[str]:
    """The words that count: lower case, without stop words, each cut to a stem."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in STOP_WORDS]


class Index:
    """Texts that can be searched.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework (2009); rank-bm25's BM25Okapi.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from rank_bm25 import BM25Okapi

        self._documents = [tokens(text) for text in texts]
        self._bm25 = BM25Okapi(self._documents)

    def scores(self, query: str) -> list[float]:
        """BM25 of each text against the query, in the texts' order; a word that the query repeats counts once."""
        words = list(dict.fromkeys(tokens(query)))
        if not words:
            return [0.0] * len(self._documents)
        return [max(0.0, float(score)) for score in self._bm25.get_scores(words)]

    def coverage(self, query: str, number: int) -> float:
        """The share of the query's weight that one text answers; a word that no text has weighs as much as the rarest."""
        rarest = max(self._bm25.idf.values(), default=0.0)
        weights = {word: max(0.0, self._bm25.idf.get(word, rarest)) for word in tokens(query)}
        found = sum(weights[word] for word in self.shared(query, number))
        return found / whole if (whole := sum(weights.values())) else 0.0

    def shared(self, query: str, number: int) -> list[str]:
        """The words that the query shares with one text, rarest first."""
        words = set(tokens(query)) & set(self._documents[number])
        return sorted(words, key=lambda word: (-self._bm25.idf.get(word, 0.0), word))

    def shown(self, query: str, number: int, most: int = 4) -> str:
        """The rarest words that the query shares with one text, as the query writes them."""
        written = {_stem(word.lower()): word for word in reversed(_WORD.findall(query))}
        return ", ".join(written[stem] for stem in self.shared(query, number)[:most])


@cache
def _stem(word: str) -> str:
    """The word's stem, so that `translation` meets `translate`; the catalogs and the instruction are in English.

    Source: Porter, Snowball: a language for stemming algorithms (2001); its stemmer for English. A word with letters beyond
    ASCII is of another language and stays as it is.
    """
    return str(_stemmer().stemWord(word)) if word.isascii() else word


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")
