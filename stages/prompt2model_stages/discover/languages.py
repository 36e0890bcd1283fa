"""In which language a text is, and whether that can be relied on without asking.

py3langid says how likely each language is, by n-grams of bytes (docs/decisions/0045). A prompt is in English far more
often than in any other language, so English weighs PRIOR times as much; the figures below were chosen with both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

ENGLISH = "en"

_NAMES = """
af Afrikaans, am Amharic, ar Arabic, as Assamese, az Azerbaijani, be Belarusian, bg Bulgarian, bn Bengali, br Breton, bs Bosnian,
ca Catalan, cs Czech, cy Welsh, da Danish, de German, el Greek, en English, eo Esperanto, es Spanish, et Estonian, eu Basque,
fa Persian, fi Finnish, fo Faroese, fr French, fy Frisian, ga Irish, gd Gaelic, gl Galician, gu Gujarati, ha Hausa, he Hebrew,
hi Hindi, hr Croatian, ht Haitian Creole, hu Hungarian, hy Armenian, id Indonesian, ig Igbo, is Icelandic, it Italian, ja Japanese,
jv Javanese, ka Georgian, kk Kazakh, km Khmer, kn Kannada, ko Korean, ku Kurdish, ky Kyrgyz, la Latin, lb Luxembourgish, lo Lao,
lt Lithuanian, lv Latvian, mg Malagasy, mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay, mt Maltese, my Burmese,
ne Nepali, nl Dutch, no Norwegian, om Oromo, or Odia, pa Punjabi, pl Polish, ps Pashto, pt Portuguese, qu Quechua, ro Romanian,
ru Russian, rw Kinyarwanda, sa Sanskrit, si Sinhala, sk Slovak, sl Slovenian, so Somali, sq Albanian, sr Serbian, sv Swedish,
sw Swahili, ta Tamil, te Telugu, tg Tajik, th Thai, tl Tagalog, tr Turkish, tt Tatar, ug Uyghur, uk Ukrainian, ur Urdu, uz Uzbek,
vi Vietnamese, xh Xhosa, yo Yoruba, zh Chinese, zu Zulu
"""
NAMES = dict(entry.strip().split(" ", 1) for entry in _NAMES.split(","))
"""ISO 639-1 code to English name."""

_PART_OF = {"wuu": "zh", "yue": "zh", "arz": "ar", "ary": "ar", "nn": "no", "pcm": "en"}
"""Languages that are told apart by the library and not here."""
_NO_LANGUAGE = "zxx"

PRIOR = 10.0
"""How many times as often a prompt is in English as in another language."""
SURE = 0.7
"""The least probability of a sure language. On 162 sentences in 54 languages none but one in Han characters was surely wrong."""
GUESS = 0.5
"""The least probability of a language other than English that is guessed for a text in Latin letters."""
STRANGE, STRANGER = 0.18, 5.0
"""The least probability of a language that a text is strange for, and how many times that of the known ones it is."""
SENTENCE_WORDS = 4
"""Shorter sentences do not make a text mixed."""
FEWEST_HAN = 6
"""Fewer Han characters without kana may be Chinese or Japanese."""

_QUOTED = re.compile(r"```.*?```|`[^`]*`|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|(?<!\w)'[^'\n]*'(?!\w)", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?。！？؟۔।])\s+|\n+")


@dataclass(frozen=True)
class Detected:
    """A language. sure: whether it can be relied on without asking."""

    code: str
    sure: bool


def detect(text: str) -> Detected:
    """The text's language; English, unsure, where nothing speaks for any.

    What stands in quotes or in code marks is an example and counts only where nothing else is there. A text with
    sentences in two languages is not sure.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    own = _QUOTED.sub(" ", text)
    if any(letter.isalpha() for letter in own):
        text = own
    if not any(letter.isalpha() for letter in text):
        return Detected(ENGLISH, False)
    code, probability = _likeliest(text)
    if code not in NAMES or (probability < GUESS and _is_latin(text)):
        return Detected(ENGLISH, False)
    return Detected(code, probability >= SURE and not _is_too_short(text, code) and not _is_mixed(text, code))


def stranger(text: str, known: Sequence[str]) -> str:
    """The language of a text that is likelier than any of the known ones by far, also of one or two words; empty: none."""
    shares = {label: float(share) for label, share in _identifier().rank(text)}
    best = max(shares, key=lambda label: shares[label])
    familiar = max((shares.get(code, 0.0) for code in known), default=0.0)
    is_strange = best in NAMES and best not in known and shares[best] >= max(STRANGE, STRANGER * familiar)
    return best if is_strange else ""


def _is_mixed(text: str, code: str) -> bool:
    sentences = [sentence for sentence in _SENTENCE.split(text) if len(sentence.split()) >= SENTENCE_WORDS]
    found = [_likeliest(sentence) for sentence in sentences]
    return any(other != code and probability >= SURE for other, probability in found)


def _likeliest(text: str) -> tuple[str, float]:
    """The likeliest language, which may be none of NAMES, and its probability."""
    shares: dict[str, float] = {}
    for label, share in _identifier().rank(text):
        code = _PART_OF.get(label, label)
        shares[code] = shares.get(code, 0.0) + float(share)
    shares[ENGLISH] *= PRIOR
    best = max(shares, key=lambda code: (shares[code], code == ENGLISH))
    return best, shares[best] / (sum(shares.values()) or 1.0)


@cache
def _identifier() -> Any:
    """The library's classifier, loaded when it is first asked for (0.6 s, 100 MB)."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([*NAMES, *_PART_OF, _NO_LANGUAGE])
    return identifier


def _is_too_short(text: str, code: str) -> bool:
    """One word in Latin letters, or so few Han characters that they may be Japanese as well as Chinese."""
    han = sum("一" <= letter <= "鿿" for letter in text)
    return (code == "zh" and han < FEWEST_HAN) or (_is_latin(text) and len(re.findall(r"[^\W\d_]+", text)) < 2)


def _is_latin(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters) * 2 > len(letters)
