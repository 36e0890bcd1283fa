"""Which example, of those that are kept, a new one asks once more: prepare's rule for near-duplicates, one example at a time.

prepare groups all rows at once; here each is compared with a few of those before it, which buckets of MinHash values find. What
prepare counts over all rows (frequent words, outputs that are classes, places that many words fill) is counted over the rows so
far. Of the same examples in the same order the same are kept.

Where outputs are labels, what is near depends on the inputs alone: the same words, in any order and with typos. If the same label
were asked for, as in prepare, a question in many wordings would stay once with each label that the teacher ever gave it by
mistake (docs/decisions/0105).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from prompt2model_stages.classes import ROWS_A_VALUE, ClosedSet
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.buckets import Buckets, Keys
from prompt2model_stages.generate.tallies import Tally
from prompt2model_stages.prepare.folding import is_number, numbers_of, without_articles, words_of
from prompt2model_stages.prepare.near_duplicates import (
    FILLERS,
    OFTEN,
    apart,
    common,
    is_long_enough,
    least_share,
    wording,
)
from prompt2model_stages.prepare.sketches import signature_of

BANDS = 12
"""Pairs of MinHash values that are looked up. Two texts with 60 % of their triples in common have 36 % of them in common."""
SHARED, SHARED_WORDS = 2, 3
"""So many pairs have what is compared in common (96 % of the texts above, 68 % of those with 43 %); and where all words count."""
UNKNOWN = 50
"""Outputs after which it is known whether they are labels; before, only what is the same whatever its output is left out."""
COMPARED = 16
"""Most examples that a new one is compared with word by word."""


@dataclass(frozen=True)
class Near:
    """The example that a new one asks once more.

    place: its place.
    whatever: they are the same whatever their outputs are; else because the outputs are the same, too.
    """

    place: int
    whatever: bool


@dataclass(frozen=True)
class Looked:
    """A new example as it was looked up.

    words: of its input, folded.
    keys: by which others find it, once it is kept; none where it can have no near-duplicate.
    near: what was found.
    """

    pair: Pair
    words: tuple[str, ...]
    keys: Keys | None
    near: Near | None


class Nearness:
    """The kept examples as far as near-duplicates go: per example about 200 bytes, whatever its length, beside 2 MB.

    Args:
        read: the kept example at a place, with the output that came with it.
    """

    def __init__(self, read: Callable[[int], Pair]) -> None:
        self._read = read
        self._buckets = Buckets()
        self._often = Tally(OFTEN)
        self._outputs = _Outputs()
        self._variables = _Variables()

    def look(self, pair: Pair) -> Looked:
        """Looks an example up. Its output counts, and its words as fillers of the places where they stand, kept or not."""
        words = tuple(words_of(pair.input))
        if not words:  # of punctuation alone nothing is left
            return Looked(pair, words, None, None)
        keys = _keys(words)
        for place in self._buckets.find(keys[:1], COMPARED):
            if without_articles(words) == wording(self._read(place).input):
                return Looked(pair, words, keys, Near(place, whatever=True))
        self._outputs.add(pair.output)
        near = self._alike(pair, words, keys[1:]) if len(keys) > 1 and self._outputs.rows > UNKNOWN else None
        return Looked(pair, words, keys, near)

    def add(self, looked: Looked, place: int) -> None:
        """Keeps an example that was looked up."""
        for word in {*looked.words}:
            self._often.add(word)
        if looked.keys is not None:
            self._buckets.add(looked.keys, place)

    def _alike(self, pair: Pair, words: Sequence[str], keys: Keys) -> Near | None:
        numbers = numbers_of(words)
        shared = SHARED_WORDS if self._outputs.are_labels else SHARED
        for place in self._buckets.find(keys, COMPARED, shared):
            other = self._read(place)
            others = words_of(other.input)
            if numbers_of(others) != numbers:
                continue
            if self._outputs.are_labels:
                if self._have_the_same_words(words, others):
                    return Near(place, whatever=True)
            elif _said(pair.output) == _said(other.output) and self._ask_the_same(words, others, pair.output):
                return Near(place, whatever=False)
        return None

    def _have_the_same_words(self, words: Sequence[str], others: Sequence[str]) -> bool:
        """Whether two texts differ in articles, typos and the order of words that are no numbers."""
        if [word for word in words if is_number(word)] != [word for word in others if is_number(word)]:
            return False
        found = apart(without_articles(words), without_articles(others), self._often)
        return not found.left and not found.right

    def _ask_the_same(self, words: Sequence[str], others: Sequence[str], output: str) -> bool:
        """Whether two texts with the same numbers and the same output ask the same; see near_duplicates."""
        found = apart(words, others, self._often)
        if found.share < least_share(min(len(words), len(others))):
            return False
        if not (found.left and found.right and self._outputs.is_class(output)):
            return True
        return not self._variables.is_one(common(words, others), (found.left, found.right))


class _Outputs:
    """Outputs so far: whether they are labels, and which are classes (see near_duplicates)."""

    def __init__(self) -> None:
        self._closed = ClosedSet()
        self._classes = Tally(ROWS_A_VALUE)

    @property
    def rows(self) -> int:
        """How many there were."""
        return self._closed.rows

    def add(self, output: str) -> None:
        """Counts an output."""
        self._closed.add(output)
        self._classes.add(_said(output))

    @property
    def are_labels(self) -> bool:
        """Whether they are a closed set; see classes.are_labels."""
        return self._closed.are_labels

    def is_class(self, output: str) -> bool:
        """Whether so many examples have this output that it says little about what they ask."""
        return _said(output) in self._classes


class _Variables:
    """Places that more than FILLERS different words fill, in texts of one class: variables, no matter of wording."""

    def __init__(self) -> None:
        self._seen, self._filled = Tally(1), Tally(FILLERS + 1)

    def is_one(self, frame: Sequence[str], fillers: Sequence[Sequence[str]]) -> bool:
        """Notes what fills the place in a frame of words. Returns: whether it is a variable."""
        name = " ".join(frame)
        for filler in fillers:
            if self._seen.add(f"{name}\n{' '.join(filler)}"):
                self._filled.add(name)
        return name in self._filled


def _said(output: str) -> str:
    return " ".join(wording(output)) or output


def _keys(words: Sequence[str]) -> Keys:
    """The key of the wording, then, where the text is long enough, those of BANDS pairs of MinHash values.

    Texts with other numbers have other keys.
    """
    worded = np.array([_hash(" ".join(without_articles(words)))], np.uint32)
    if not is_long_enough(words):
        return worded
    numbers = np.uint32(_hash(" ".join(numbers_of(words))))
    values = signature_of(" ".join(words), 2 * BANDS)
    mixed = (values[:BANDS] ^ np.arange(BANDS, dtype=np.uint32) * np.uint32(0x9E3779B1)) * np.uint32(0x85EBCA77)
    mixed = ((mixed ^ (mixed >> np.uint32(15))) + (values[BANDS:] ^ numbers)) * np.uint32(0xC2B2AE3D)
    return np.concatenate((worded, mixed ^ (mixed >> np.uint32(16))))


def _hash(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))
