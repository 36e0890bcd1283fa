"""Raised, lowered and circled signs keep what they mean where Unicode's compatibility forms make plain ones of them.

NFKC makes 23 of 2³, and 28 of 2⁸. A mark before such a sign keeps them apart.
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = {"<super>": "\u2191", "<circle>": "\u25cb"}
"""Symbols, which are neither punctuation nor letters, so that they stay."""
_LOWERED = "[\u2080-\u209c\u1d62-\u1d6a\u2c7c]"
_BESIDE_DIGITS = re.compile(rf"(?<=\d)(?={_LOWERED})|(?<={_LOWERED})(?=\d)")


class _Marked(dict[int, str]):
    """For str.translate: each raised or circled sign with its mark before it, all others as they are."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        form, *signs = unicodedata.decomposition(letter).split() or [""]
        # Trade marks (two letters) and ordinals (1º, 1ª) are written without being raised, too.
        kept = form in _MARKS and len(signs) == 1 and letter not in "ªº"
        self[code] = f"{_MARKS[form]}{letter}" if kept else letter
        return self[code]


_TABLE = _Marked()


def marked(text: str) -> str:
    """The text with a mark before each raised or circled sign, and between a lowered one and a digit: H₂O is H2O.

    >>> marked("2³, H₂O, log₂8")
    '2↑³, H₂O, log₂↓8'
    """
    return text if text.isascii() else _BESIDE_DIGITS.sub("\u2193", text.translate(_TABLE))
