"""The words that count in a text: without stop words, each cut to the stem that its language gives it."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

VERSION = 3
"""Changes with what `tokens` returns and with how words weigh: an index of another version is built again."""

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

ENGLISH = "en"
_STEMMERS = dict(
    pair.split()
    for pair in """
ar arabic, ca catalan, cs czech, da danish, de german, el greek, en english, eo esperanto, es spanish, et estonian, eu basque,
fa persian, fi finnish, fr french, ga irish, hi hindi, hu hungarian, hy armenian, id indonesian, it italian, lt lithuanian,
ne nepali, nl dutch, no norwegian, pl polish, pt portuguese, ro romanian, ru russian, sr serbian, sv swedish, ta tamil,
tr turkish, yi yiddish
""".replace("\n", " ").split(",")
)
"""ISO 639-1 code to the name of Snowball's stemmer."""
_SCRIPTS = (
    ("\u0370", "\u03ff", ("el",)),
    ("\u0400", "\u04ff", ("ru", "sr")),
    ("\u0530", "\u058f", ("hy",)),
    ("\u0590", "\u05ff", ("yi",)),
    ("\u0600", "\u06ff", ("ar", "fa")),
    ("\u0900", "\u097f", ("hi", "ne")),
    ("\u0b80", "\u0bff", ("ta",)),
)
"""First and last letter of a script, and the languages with a stemmer for it."""

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Scripts that put no space between words: Thai, Lao, Burmese, Khmer, kana, Han."""
_RUN = re.compile(f"(?P<unspaced>[{_UNSPACED}]+)|[^{_UNSPACED}]+")


def tokens(text: str, language: str = ENGLISH) -> list[str]:
    """The stems of a text's words, lower case, without stop words.

    Args:
        text: of any length.
        language: ISO 639-1, of the text; a language without a stemmer keeps its words whole.
    """
    return [part for word in words(text) if word not in STOP_WORDS for part in stems(word, language)]


def words(text: str, lower: bool = True) -> list[str]:
    """The words of a text, in lower case or as they are."""
    return _WORD.findall(text.lower() if lower else text)


def stems(word: str, language: str = ENGLISH) -> list[str]:
    """What a word is found by: its stem, and each pair of neighbouring letters where its script puts no spaces.

    Source: the pairs are what Lucene's CJKAnalyzer does.
    """
    found: list[str] = []
    for run in _RUN.finditer(word):
        part = run[0]
        if run["unspaced"]:
            found += [part[at : at + 2] for at in range(max(1, len(part) - 1))]
        else:
            found.append(_stem(part, language))
    return found


@lru_cache(maxsize=200_000)
def _stem(word: str, language: str) -> str:
    """The stem by the text's language, so that `translation` meets `translate`; of a foreign script by a language of that script.

    Source: Porter, Snowball: a language for stemming algorithms (2001).
    """
    of_script = next((codes for first, last, codes in _SCRIPTS if first <= word[0] <= last), ())
    if of_script and language not in of_script:
        language = of_script[0]
    elif not word.isascii() and language == ENGLISH:
        return word  # of another language in Latin letters: English endings are none of its own
    stemmer = _stemmer(language)
    return word if stemmer is None else str(stemmer.stemWord(word))


@cache
def _stemmer(language: str) -> Any:
    import snowballstemmer

    name = _STEMMERS.get(language)
    return None if name is None else snowballstemmer.stemmer(name)
