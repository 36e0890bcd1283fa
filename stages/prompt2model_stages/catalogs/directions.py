"""From which language into which a model translates, as its name says it.

opus-mt-en-de and en-to-ro say it, and so do two languages side by side in the name of a translator. The pair in a dataset's
configuration does not: wmt16's de-en serves both directions. A fine-tuned model keeps the name of the model that it was made of,
so what follows `finetuned` counts first. A wrong direction is worse than none: both sides are known, or neither is said.
"""

from __future__ import annotations

import re

from prompt2model_stages.catalogs.language_names import NAMES, code_of, is_language

Direction = tuple[list[str], list[str]]

_SIDE = r"([a-z]{2,3}(?:_[a-z]{2,3})*|romance)"
_OPUS = re.compile(
    rf"opus-(?:mt|tatoeba)-(?:tc-)?(?:bible-)?(?:big-|base-|tiny-)?(?:synthetic-)?{_SIDE}-{_SIDE}(?![a-z])"
)
_TO = re.compile(r"(?:^|[^a-z])([a-z]{2,12})[-_ ]?(?:[-_ ]to[-_ ]|2)([a-z]{2,12})(?![a-z])")
_JOINED = re.compile(r"(?:^|[^a-z])([a-z]{4,12}?)to([a-z]{4,12}?)(?:v?\d|[^a-z]|$)")
_SHORT_PARTS = re.compile(r"(?<![a-z0-9])[a-z]{2,3}(?:[-_][a-z]{2,3})+(?![a-z0-9])")
_SCRIPT = re.compile(r"_(latn|cyrl|arab|deva|hans|hant|lat(?=-))")
_FINETUNED = re.compile(r"fine[-_ ]?tun(?:ed|e|ing)")
_OF_TRANSLATORS = re.compile(
    r"(?<![a-z])(n?mt|\w*translat\w*|wmt\d*|kde4|opus\w*|fugumt|m2m\d*|nllb|iwslt\d*|tatoeba|ccmatrix)(?![a-z0-9])"
)
_NOT_BESIDE = frozenset({"mt", "to", "art", "mul", "sal"})
"""Codes that mean something else between two others: machine translation, English into German, many into English."""
_KNOWN_LOCALES = "pt-br pt-pt zh-tw zh-cn zh-hk en-us en-gb en-au en-in fr-ca fr-ch es-mx de-at de-ch nl-be ar-sa sv-se"
_LOCALES = "|".join(_KNOWN_LOCALES.split())
_LOCALE = re.compile(rf"(?<![a-z])(?=(?:{_LOCALES})(?![a-z]))([a-z]{{2}})-[a-z]{{2}}")
"""pt-br is Portuguese of Brazil, not Portuguese into Breton, except in the opus-mt-x-y form."""
_LOCALE_WITH_UNDERSCORE = re.compile(
    rf"(?<![A-Za-z])(?!to_)(?=(?:[a-z]{{2}}_[A-Z]{{2}}|{_LOCALES.replace('-', '_')})(?![A-Za-z]))([a-z]{{2}})_[A-Za-z]{{2}}"
)
"""pt_BR and pt_br, in any form: no name writes a pair so."""
_ENGLISH = "am an and any as at be big by do for go he hi if in is it me my new no of on one or so the to two up us we"
_WORDS = frozenset(_ENGLISH.split())
"""English words. Two of them side by side are a phrase (as-is), and one that is no language's code is none (for)."""


def direction(name: str, translator: bool) -> Direction:
    """Codes of what a model reads and of what it writes; both empty where its name does not say it.

    Args:
        name: such as Helsinki-NLP/opus-mt-en-de.
        translator: whether its tags say that it translates.
    """
    own = _LOCALE_WITH_UNDERSCORE.sub(r"\1", name.rpartition("/")[2]).lower()
    translator = translator or _OF_TRANSLATORS.search(own) is not None
    for part in reversed(_FINETUNED.split(own)):
        if (said := _said(part, translator)) is not None:
            return said
    return [], []


def _said(part: str, translator: bool) -> Direction | None:
    """The direction in a part of a name; None where it says nothing, so that another part may."""
    if found := _OPUS.search(part):
        from_, into = _codes(found[1]), _codes(found[2])
        if from_ and into:
            return from_, into
    part = _LOCALE.sub(r"\1", _SCRIPT.sub("", part))
    named = [sides for sides in _TO.findall(part) if any(map(is_language, sides))]
    if named:  # of eng-to-para, the direction of the model before it is not the answer either
        return _pair(*named[-1])
    pairs = [sides for sides in _JOINED.findall(part) if all(map(is_language, sides))]
    if not pairs and translator:
        pairs = _side_by_side(part)
    return _pair(*pairs[-1]) if pairs else None


def _side_by_side(part: str) -> list[tuple[str, str]]:
    """Each two languages in a row that are not part of a longer row: of zh-ja-en nobody knows which is which."""
    rows: list[list[str]] = []
    for found in _SHORT_PARTS.finditer(part):
        rows.append([])
        for word in re.split("[-_]", found[0]):
            if is_language(word) and word not in _NOT_BESIDE:
                rows[-1].append(word)
            elif rows[-1]:
                rows.append([])
    return [(row[0], row[1]) for row in rows if len(row) == 2 and _pair(*row)[0]]


def _pair(one: str, other: str) -> Direction:
    """Both codes; empty unless they are two languages and no phrase in English."""
    known = is_language(one) and is_language(other) and not {one, other} <= _WORDS
    from_, into = code_of(one), code_of(other)
    return ([from_], [into]) if known and from_ and into and from_ != into else ([], [])


def _codes(written: str) -> list[str]:
    """The codes of one side of an opus-mt name; empty unless all are known."""
    if written == "romance":
        return ["roa"]
    parts = written.split("_")
    codes = [code_of(part) for part in parts if part in NAMES or part not in _WORDS]
    known = [code for code in codes if code is not None]
    return known if len(known) == len(parts) else []
