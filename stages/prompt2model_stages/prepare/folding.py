"""Texts as they are compared: words without case, accents, punctuation and the width of characters, in any language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from prompt2model_stages.raised import marked

ARTICLES = frozenset(
    {
        *(
            "a",
            "an",
            "the",
            "der",
            "die",
            "das",
            "den",
            "dem",
            "des",
            "ein",
            "eine",
            "einen",
            "einem",
            "einer",
            "eines",
        ),
        *("le", "la", "les", "un", "une", "el", "los", "las", "una", "unos", "unas", "il", "lo", "gli", "uno"),
        *("um", "uma", "het", "een", "det", "ett"),
    }
)
"""Words of European languages that change no question; no single letters but one, since `type O` is a name."""
_DIGIT = re.compile(r"\d")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
"""Runs of scripts without spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, kana and Han."""


class _Letters(dict[int, str]):
    """What becomes of each character: symbols are words of their own, punctuation and control characters are spaces."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        category = unicodedata.category(letter)
        kept = f" {letter} " if category[0] == "S" else letter
        if category[0] in "PZC" or category == "Sk":
            kept = " "
        self[code] = kept
        return kept


_LETTERS = _Letters()


def words_of(text: str) -> list[str]:
    """The text's words in their order, folded. A run of a script without spaces gives its pairs of characters.

    >>> words_of("Où est le café, M. Ōno?")
    ['ou', 'est', 'le', 'cafe', 'm', 'ono']
    >>> words_of("3月の東京")
    ['3', '月の', 'の東', '東京']
    """
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", marked(text))
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))
    folded = text.casefold().translate(_LETTERS)
    return (folded if folded.isascii() else _UNSPACED.sub(_pairs, folded)).split()


def _pairs(run: re.Match[str]) -> str:
    text = run.group()
    return f" {' '.join(text[i : i + 2] for i in range(max(1, len(text) - 1)))} "


def folded(text: str) -> str:
    """The words of a text, a space apart: the form in which many texts are kept."""
    return " ".join(words_of(text))


def is_number(word: str) -> bool:
    """Whether there is a digit in it: an amount, a date, a version, an identifier."""
    return _DIGIT.search(word) is not None


def numbers_of(words: Iterable[str]) -> list[str]:
    """The words with a digit, in alphabetical order."""
    return sorted(filter(_DIGIT.search, words))


def without_articles(words: Iterable[str]) -> tuple[str, ...]:
    """The words in their order without articles; all of them where nothing else is left."""
    words = tuple(words)
    return tuple(word for word in words if word not in ARTICLES) or words
