"""In which language a text is: by its script, and for the Latin script by its commonest words.

Small on purpose: it knows the languages in which prompts are usual, and says when it is not sure.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

ENGLISH = "en"

NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "pl": "Polish", "sv": "Swedish", "tr": "Turkish", "cs": "Czech", "ru": "Russian", "uk": "Ukrainian", "ar": "Arabic",
    "hi": "Hindi", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "el": "Greek", "he": "Hebrew", "th": "Thai",
}  # fmt: skip
"""ISO 639-1 code to English name."""

_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "CYRILLIC": "ru", "ARABIC": "ar", "DEVANAGARI": "hi",
    "GREEK": "el", "HEBREW": "he", "THAI": "th",
}  # fmt: skip

_WORDS = {
    "en": "the of and to a in is that for it as with be by this are or from at an which not was you your if whether each "
    "write given convert answer into sentence text question should translate date give find classify",
    "de": "der die das und in den von zu mit ist im für auf ein eine einen des dem nicht als auch es an werden aus er hat "
    "dass oder wird bei ob wie gib schreibe satz frage wenn aus dem einer sind übersetze datum den",
    "fr": "le la les de des et en un une du dans est que pour qui par sur au pas plus ce avec sont ou si cette aux il elle "
    "à l d donne écris phrase question texte traduis la",
    "es": "el la los las de y en un una que del por con para es se al lo como más o su si son está esta este no sin "
    "escribe oración pregunta texto frase dada traduce fecha",
    "it": "il lo la i gli le di e in un una che del della per con è sono non si da al dei nel alla come o se questo questa "
    "più anche scrivi frase domanda testo data traduci",
    "pt": "o a os as de e em um uma que do da para com não é por no na se dos das ao mais como ou são seu sua este esta "
    "escreva frase pergunta texto dada traduza",
    "nl": "de het een van en in is dat op te met voor zijn niet aan er om ook als bij of deze dit naar uit worden wordt "
    "schrijf zin vraag tekst geef vertaal datum",
    "pl": "i w na z do nie się jest że o to dla od po czy jak lub oraz przez za ten ta zdanie pytanie tekst podaj napisz "
    "jego są który która przetłumacz datę",
    "sv": "och i att det som en på är av för med till den ett inte om har de från eller vid skriv mening fråga text ge "
    "kan ska denna detta översätt datum",
    "tr": "ve bir bu için ile de da mi ne olarak olan veya gibi cümle soru metin yaz verilen göre en daha değil her çevir "
    "cümleyi metni tarihi",
    "cs": "a v na je se že s z do o pro jako to nebo by byl jsou které který věta otázka text napiš podle ze od při přelož "
    "větu datum",
}
_PROFILES = {code: frozenset(words.split()) for code, words in _WORDS.items()}
_UKRAINIAN = frozenset("іїєґІЇЄҐ")

SURE_SHARE = 0.12
SURE_LEAD = 1.3


@dataclass(frozen=True)
class Detected:
    """A language. sure: whether it can be relied on without asking."""

    code: str
    sure: bool


def detect(text: str) -> Detected:
    """The text's language; English, unsure, where nothing speaks for any.

    A language is sure where its script is no other's, or where at least SURE_SHARE of the words are among its commonest
    and SURE_LEAD times as many as of the next language.
    """
    scripts = Counter(_script(letter) for letter in text if letter.isalpha())
    letters = scripts.total()
    foreign = {name: number for name, number in scripts.items() if name in _SCRIPTS}
    if letters and sum(foreign.values()) * 3 >= letters:
        return _by_script(text, scripts)
    return _by_words(text)


def _by_script(text: str, scripts: Counter[str]) -> Detected:
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.1 * scripts["CJK"] and scripts["HIRAGANA"] + scripts["KATAKANA"]:
        return Detected("ja", True)
    script = max((s for s in scripts if s in _SCRIPTS), key=lambda s: scripts[s])
    if script == "CYRILLIC":
        return Detected("uk" if _UKRAINIAN & set(text) else "ru", True)
    return Detected(_SCRIPTS[script], True)


def _by_words(text: str) -> Detected:
    words = re.findall(r"[^\W\d_]+", text.lower())
    shares = {code: sum(word in profile for word in words) / max(1, len(words)) for code, profile in _PROFILES.items()}
    ordered = sorted(shares, key=lambda code: (-shares[code], code != ENGLISH))
    best, second = ordered[0], ordered[1]
    if shares[best] == 0:
        return Detected(ENGLISH, False)
    return Detected(best, shares[best] >= SURE_SHARE and shares[best] >= SURE_LEAD * shares[second])


def _script(letter: str) -> str:
    return unicodedata.name(letter, "LATIN").split(" ", 1)[0].split("-", 1)[0]
