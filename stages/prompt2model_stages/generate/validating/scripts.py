"""Scripts: an input or an output in another one than all demonstrations'.

Latin letters are at home in many texts, and a task may be about any language. So an input is strange only where it has no letter of
the demonstrations' script, an output where next to nothing of it is; and where demonstrations are in Latin letters, only where the
instruction speaks of no language and no translation. Strings in code and what is taken from the input do not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.validating.base import Reason, Validator, outputs_of

LEAST = 3
"""Demonstrations that say which script it is."""
LETTERS, OF_EACH = 30, 2
"""Letters of that script in all demonstrations together, and in each."""
SOME, NEARLY_ALL = 0.1, 0.8
"""Share of it in each: texts about code hold many Latin letters."""
STRANGE = 0.1
"""Share of it, below which an output is strange where nearly all letters are of it; else where none is."""
FEWEST, FEWEST_AMONG_SOME = 6, 12
"""Letters that must be there for a text to be called strange."""

_LATIN, _EAST_ASIAN = "LATIN", "CJK"
_ONE_SCRIPT = {"HIRAGANA": _EAST_ASIAN, "KATAKANA": _EAST_ASIAN, "FULLWIDTH": _LATIN, "HALFWIDTH": _EAST_ASIAN}
_KANA = re.compile(r"[\u3041-\u309f\u30a1-\u30fa]")
_CHINESE = re.compile(r"[这们你吗说为时还给让从请问谁样认应该过进开关门东车书话见]")
"""Characters that no Japanese text has: simplified ones, and the word for you."""
_HAN = re.compile(r"[\u4e00-\u9fff]")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^'\n]*'|`[^`]*`|「[^」]*」|“[^”]*”|«[^»]*»|#[^\n]*")
_LANGUAGES = re.compile(
    r"translat|(?<!natural )(?<!programming )languages?\b|lingual|script|alphabet|übersetz|sprach|tradu|langue|idioma|lingu|"
    r"翻訳|言語|翻译|语言|перев|язык|ترجم|لغة",
    re.IGNORECASE,
)


def output_script(task: Task) -> Validator | None:
    """An output in another script than all demonstrations', or Chinese where all are Japanese."""
    outputs = [_QUOTED.sub(" ", output) for output in outputs_of(task)]
    pure = common_script(outputs, NEARLY_ALL)
    script = pure or common_script(outputs, SOME)
    if script is None or (script == _LATIN and (pure is None or _LANGUAGES.search(task.wording))):
        return None
    fewest, least = (FEWEST, STRANGE) if pure else (FEWEST_AMONG_SOME, 0.0)
    japanese = all(map(_KANA.search, outputs))

    def finds(pair: Pair) -> bool:
        if pair.output.strip().casefold() in pair.input.casefold():
            return False
        if japanese and is_chinese(pair.output):
            return True
        letters = letters_of(_QUOTED.sub(" ", pair.output))
        return letters.total() >= fewest and (not letters[script] or letters[script] < least * letters.total())

    return Validator(Reason.OUTPUT_SCRIPT, finds)


def input_script(task: Task) -> Validator | None:
    """An input without a letter of the script that all demonstrations have, or Chinese where all are Japanese."""
    inputs = [pair.input for pair in task.demonstrations]
    script = common_script(inputs, SOME)
    if script is None or (script == _LATIN and _LANGUAGES.search(task.wording)):
        return None
    japanese = all(map(_KANA.search, inputs))

    def finds(pair: Pair) -> bool:
        if japanese and is_chinese(pair.input):
            return True
        letters = letters_of(pair.input)
        return letters.total() >= FEWEST_AMONG_SOME and not letters[script]

    return Validator(Reason.INPUT_SCRIPT, finds)


def common_script(texts: Sequence[str], share: float) -> str | None:
    """The script of which each text has so large a share, or None. Latin comes last: it is in all kinds of texts."""
    if len(texts) < LEAST:
        return None
    counts = [letters_of(text) for text in texts]
    together = sum(counts, Counter[str]())
    for script, letters in sorted(together.items(), key=lambda item: (item[0] == _LATIN, -item[1])):
        if letters >= LETTERS and all(one[script] >= max(OF_EACH, share * one.total()) for one in counts):
            return script
    return None


def is_chinese(text: str) -> bool:
    """Whether Han characters stand without kana, with one among them that Japanese does not use."""
    return len(_HAN.findall(text)) >= 4 and not _KANA.search(text) and bool(_CHINESE.search(text))


def letters_of(text: str) -> Counter[str]:
    """How many letters of each script a text has. Kana, Han and Bopomofo count as one."""
    return Counter(filter(None, map(_script_of, text)))


@cache
def _script_of(letter: str) -> str:
    if not letter.isalpha():
        return ""
    word = unicodedata.name(letter, "").partition(" ")[0].partition("-")[0]
    return _ONE_SCRIPT.get(word, word)
