"""Which metric the gate compares where the user names none: what the outputs are decides (docs/decisions/0032).

Exact Match says the truth where an answer is right or wrong: labels, dates, numbers, names. Of free text no two good answers
are alike, so that Exact Match is next to 0 for every system, and ChrF++ compares.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from prompt2model_api.base import Metric
from prompt2model_stages.evaluate.answers import cleaned

SHORT_WORDS = 3
SHORT_CHARACTERS = 40
SHORT_SHARE = 0.9
"""So many of the outputs must be short: a few long ones among labels or names are outliers."""
CLOSED_ROWS = 10
ROWS_A_VALUE = 5
"""A closed set has so many rows for each different output, on average."""
ENOUGH_TEST_ROWS = 10
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""Scripts without spaces between words, by the start of their characters' names; two characters count as a word."""


def choose_metric(test: Sequence[str], training: Sequence[str]) -> tuple[Metric, str]:
    """The metric, and why, in a sentence. The same outputs give the same answer, in whatever order they come.

    Args:
        test: outputs of the most telling test split.
        training: outputs of the training split, which tell a closed set apart, and all where there are few test rows.
    """
    wanted = [text for text in map(cleaned, test) if text]
    everything = wanted + [text for text in map(cleaned, training) if text]
    values = len(set(everything))
    if len(everything) >= CLOSED_ROWS and values * ROWS_A_VALUE <= len(everything):
        what = "value" if values == 1 else "values"
        return _chosen(Metric.EXACT_MATCH, f"the outputs are a closed set, {values} {what} in {len(everything)} rows")
    looked_at = wanted if len(wanted) >= ENOUGH_TEST_ROWS else everything
    short = sum(_words(text) <= SHORT_WORDS and len(text) <= SHORT_CHARACTERS for text in looked_at)
    share = f"{short} of {len(looked_at)} have at most {SHORT_WORDS} words"
    if looked_at and short >= SHORT_SHARE * len(looked_at):
        return _chosen(Metric.EXACT_MATCH, f"the outputs are short, {share}")
    return _chosen(Metric.CHRF, f"the outputs are free text, {share}")


def _chosen(metric: Metric, why: str) -> tuple[Metric, str]:
    return metric, f"The default metric is {metric}: {why}."


def _words(text: str) -> int:
    unspaced = sum(unicodedata.name(character, "").startswith(UNSPACED) for character in text)
    spaced = "".join(" " if unicodedata.name(c, "").startswith(UNSPACED) else c for c in text)
    return len(spaced.split()) + math.ceil(unspaced / 2)
