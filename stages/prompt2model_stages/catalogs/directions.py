"""From which language into which a model translates, as its name says it.

opus-mt-en-de and en-to-ro say it, and so do two languages side by side in the name of a translator. The pair in a dataset's
configuration does not: wmt16's de-en serves both directions.
"""

from __future__ import annotations

import re

from prompt2model_stages.catalogs.language_names import code_of, is_language

_SIDE = r"([a-z]{2}(?:_[a-z]{2})+|[a-z]{2,3}|ROMANCE)"
_OPUS = re.compile(rf"opus-mt-(?:tc-)?(?:big-|base-|tiny-)?(?:synthetic-)?{_SIDE}-{_SIDE}(?![a-z])")
_TO = re.compile(r"(?:^|[^a-z])([a-z]{2,12})[-_ ]?(?:[-_ ]to[-_ ]|2)([a-z]{2,12})(?![a-z])")
_JOINED = re.compile(r"(?:^|[^a-z])([a-z]{4,12}?)to([a-z]{4,12}?)(?:v?\d|[^a-z]|$)")
_PAIR = re.compile(r"(?<![a-z0-9])(?=([a-z]{2,3})[-_]([a-z]{2,3})(?![a-z0-9]))")
_SCRIPT = re.compile(r"_(latn|cyrl|arab|deva|hans|hant)")
_OF_TRANSLATORS = re.compile(
    r"(?<![a-z])(n?mt|\w*translat\w*|wmt\d*|kde4|opus\w*|fugumt|m2m\d*|nllb|iwslt\d*|tatoeba|ccmatrix)(?![a-z0-9])"
)
_NOT_BESIDE = frozenset({"mt", "to", "art", "mul", "sal"})
"""Codes that mean something else between two others: machine translation, English into German, many into English."""


def direction(name: str, translator: bool) -> tuple[list[str], list[str]]:
    """Codes of what a model reads and of what it writes; empty where its name does not say it.

    Args:
        name: such as Helsinki-NLP/opus-mt-en-de.
        translator: whether its tags say that it translates.
    """
    own = name.rpartition("/")[2]
    if found := _OPUS.search(own):
        return _codes(found[1]), _codes(found[2])
    low = _SCRIPT.sub("", own.lower())
    for pattern in (_TO, _JOINED):
        for found in pattern.finditer(low):
            if _are_two(found[1], found[2]):
                return _codes(found[1]), _codes(found[2])
    if translator or _OF_TRANSLATORS.search(low):
        for found in _PAIR.finditer(low):
            if _are_two(found[1], found[2]) and not {found[1], found[2]} & _NOT_BESIDE:
                return _codes(found[1]), _codes(found[2])
    return [], []


def _are_two(one: str, other: str) -> bool:
    return is_language(one) and is_language(other) and code_of(one) != code_of(other)


def _codes(written: str) -> list[str]:
    if written == "ROMANCE":
        return ["roa"]
    found = [code_of(part) for part in written.split("_")]
    return [code for code in found if code is not None]
