"""Which texts ask the same in other words: texts in, groups out.

Two texts ask the same where they differ

- in case, accents, punctuation and articles alone, whatever their outputs are;
- in more than that (a typo, the order of words, a word more or another one), but have the same numbers, most of their words
  and the same output but for case, accents, punctuation and articles. So an input whose number, date or name differs is
  another question where its output differs, and an input whose numbers differ always is.

The second kind is found by MinHash among the texts that share output and numbers, and each pair is then compared word by word.
Nothing here depends on the order of the texts (docs/decisions/0094).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prompt2model_stages.classes import FREQUENT, ROWS_A_VALUE, SHORT, are_labels
from prompt2model_stages.examples import Pair
from prompt2model_stages.prepare.folding import folded, numbers_of, without_articles, words_of
from prompt2model_stages.prepare.sketches import nearest_behind, pairs_among, signatures_of
from prompt2model_stages.prepare.typos import is_typo

LEAST = 0.6
"""Two short texts with the same output ask the same where so much of their words is the same, counted in characters."""
LEAST_LONG, SHORT_WORDS, LONG_WORDS = 0.8, 6, 30
"""What long texts must share, since unrelated ones share the frequent words; between the lengths it grows evenly."""
DOUBT = 0.15
"""How far the estimated similarity of triples may lie below what the words need: 2.5 standard errors."""
SMALLEST = 8
"""Characters of the shortest text that can have a near-duplicate; it has two words at least."""
FILLERS = 4
"""Where texts of one label have more words than this in one place, the place is a variable and no matter of wording. Of twenty
wordings of a question four have often another word in the same place, with its own."""
OFTEN = 3
"""Two words that so many texts have each are no typos of each other: `Juni` and `Juli`."""
MISSES = 64
"""Of a test row's neighbours, the nearest first, no more are compared after so many in a row that do not ask the same."""
MOST_TYPOS = 6
"""Texts with more words apart than this differ by more than typos."""


_Place = tuple[tuple[str, ...], int, int]
"""The words that two texts share, how many of them stand before the place, and which of its words it is."""


@dataclass(frozen=True)
class Twins:
    """Two texts that ask the same, by their places, and how much of their words they share: 0 to 1."""

    one: int
    other: int
    similarity: float


def near_duplicates(pairs: Sequence[Pair], known: Sequence[str] = ()) -> list[Twins]:
    """Texts that ask the same; those of one group are joined by a chain of pairs, not each with each.

    Args:
        pairs: inputs with their outputs.
        known: the family of each; two of one family are joined already and not compared.
    """
    texts = [folded(pair.input) for pair in pairs]
    order = sorted(range(len(pairs)), key=lambda place: (pairs[place].input, pairs[place].output))
    outputs = _Outputs(pairs)
    often = _frequent(texts)
    found = list(_worded_alike(order, texts))
    for places in _comparable(order, texts, pairs, outputs):
        some = [texts[place] for place in places]
        one, other = pairs_among(signatures_of(some), _least_signed(some))
        near = ((places[i], places[j]) for i, j in zip(one.tolist(), other.tolist(), strict=True))
        compared = _Comparison(texts, outputs.is_class(pairs[places[0]].output), often)
        for i, j in near:
            if not known or known[i] != known[j]:
                compared.add(i, j)
        found += compared.twins()
    return _each_once(found)


def near_tests(tests: Sequence[Pair], pairs: Sequence[Pair]) -> list[Twins]:
    """The pairs that ask what a test row asks, each with each test row. `one` is the test row's place.

    Of each test row the neighbours are compared from the nearest on, as long as there are some that ask the same among MISSES, so
    that rows of one template take time and memory that grow with the rows.
    """
    both = [*tests, *pairs]
    texts = [folded(pair.input) for pair in both]
    outputs = _Outputs(both)
    often = _frequent(texts)
    asked: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place in range(len(tests)):
        if texts[place]:  # of punctuation alone nothing is left
            asked[without_articles(texts[place].split())].append(place)
    words = (without_articles(text.split()) for text in texts[len(tests) :])
    found = [Twins(test, place, 1.0) for place, text in enumerate(words) for test in asked.get(text, ())]
    order = sorted(range(len(both)), key=lambda place: (place >= len(tests), both[place].input, both[place].output))
    for places in _comparable(order, texts, both, outputs):
        split = sum(place < len(tests) for place in places)
        if not 0 < split < len(places):
            continue
        some = [texts[place] for place in places]
        compared = _Comparison(texts, outputs.is_class(both[places[0]].output), often)
        for test, near in enumerate(nearest_behind(signatures_of(some), split, _least_signed(some))):
            _compare_nearest(compared, places[test], (places[other] for other in near.tolist()))
        found += [Twins(twins.one, twins.other - len(tests), twins.similarity) for twins in compared.twins()]
    return _each_once(found)


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """How much of their words two texts share, 0 to 1, counted in characters; the order is no matter, a typo is none."""
    return apart(one, other).share


def _each_once(found: Iterable[Twins]) -> list[Twins]:
    return list({(twins.one, twins.other): twins for twins in found}.values())


def wording(text: str) -> tuple[str, ...]:
    """A text's words without articles: texts that share them ask, or say, the same."""
    return without_articles(words_of(text))


def _worded_alike(order: Sequence[int], texts: Sequence[str]) -> Iterator[Twins]:
    first: dict[tuple[str, ...], int] = {}
    for place in filter(texts.__getitem__, order):
        if (before := first.setdefault(without_articles(texts[place].split()), place)) != place:
            yield Twins(before, place, 1.0)


class _Outputs:
    """The outputs of all pairs: which are the same, and which so many texts have that they are a class."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._closed = are_labels(pair.output for pair in pairs)
        self._counts = Counter(self.key(pair.output) for pair in pairs)

    def key(self, output: str) -> tuple[str, ...]:
        """Outputs with one key say the same."""
        return (output,) if self._closed else wording(output) or (output,)

    def is_class(self, output: str) -> bool:
        """Whether the same output says little about whether two inputs are the same."""
        short = len(output.split()) <= SHORT
        return (self._closed and short) or self._counts[self.key(output)] >= (ROWS_A_VALUE if short else FREQUENT)


def _frequent(texts: Iterable[str]) -> frozenset[str]:
    """Words that many texts have."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({*text.split()})
    return frozenset(word for word, rows in counts.items() if rows >= OFTEN)


def _comparable(
    order: Iterable[int], texts: Sequence[str], pairs: Sequence[Pair], outputs: _Outputs
) -> Iterator[list[int]]:
    """Places of texts with the same numbers and output: none of another one can ask the same."""
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place in order:
        words = texts[place].split()
        if not is_long_enough(words):
            continue
        alike[(*numbers_of(words), "->", *outputs.key(pairs[place].output))].append(place)
    yield from (places for _, places in sorted(alike.items()) if len(places) > 1)


class _Comparison:
    """Pairs of texts with the same numbers and output, compared word by word.

    Args:
        is_class: the output says little, so that a place that many words fill is a variable.
        often: words that are no typos of each other.
    """

    def __init__(self, texts: Sequence[str], is_class: bool, often: frozenset[str]) -> None:
        self._texts, self._is_class, self._often = texts, is_class, often
        self._found: list[tuple[Twins, tuple[_Place, ...]]] = []
        self._fillers: dict[_Place, set[str]] = defaultdict(set)

    def add(self, one: int, other: int) -> bool:
        """Compares two texts. Returns: whether they ask the same, as far as is known."""
        words = self._texts[one].split(), self._texts[other].split()
        found = apart(*words, self._often)
        if found.share < least_share(min(map(len, words))):
            return False
        places = self._places(*words, found) if self._is_class and found.left and found.right else ()
        if any(len(self._fillers[place]) > FILLERS for place in places):
            return False
        self._found.append((Twins(one, other, found.share), places))
        return True

    def twins(self) -> list[Twins]:
        """Those that ask the same."""
        return [
            twins for twins, places in self._found if not any(len(self._fillers[place]) > FILLERS for place in places)
        ]

    def _places(self, one: Sequence[str], other: Sequence[str], found: Apart) -> tuple[_Place, ...]:
        """Where the texts have different words, among those that they share; what fills each place is kept."""
        slot = common(one, other)
        places = []
        for place, *words in _replaced(_runs(one, found.left), _runs(other, found.right)):
            fillers = self._fillers[slot, *place]
            if len(fillers) <= FILLERS:
                fillers.update(words)
            places.append((slot, *place))
        return tuple(places)


def _runs(words: Sequence[str], alone: Sequence[str]) -> dict[int, list[str]]:
    """The words that a text has alone, by how many of the others stand before them."""
    left, before = Counter(alone), 0
    runs: dict[int, list[str]] = defaultdict(list)
    for word in words:
        if left[word]:
            left[word] -= 1
            runs[before].append(word)
        else:
            before += 1
    return runs


def _replaced(
    ones: Mapping[int, Sequence[str]], others: Mapping[int, Sequence[str]]
) -> Iterator[tuple[tuple[int, int], str, str]]:
    """The places where one text has another word than the other one; a word more, here or there, is no such place."""
    for place in sorted(ones.keys() & others.keys()):
        if len(ones[place]) == len(others[place]):
            yield from (((place, at), *words) for at, words in enumerate(zip(ones[place], others[place], strict=True)))
        else:
            yield (place, -1), " ".join(ones[place]), " ".join(others[place])


def _compare_nearest(compared: _Comparison, test: int, near: Iterable[int]) -> None:
    misses = 0
    for other in near:
        misses = 0 if compared.add(test, other) else misses + 1
        if misses == MISSES:
            return


def is_long_enough(words: Sequence[str]) -> bool:
    """Whether a text of these words can have near-duplicates in more than punctuation and articles."""
    return len(words) >= 2 and sum(map(len, words)) >= SMALLEST


def least_share(words: int) -> float:
    """How much of their words two texts must share, 0 to 1, of which the shorter has so many."""
    part = min(1.0, max(0, words - SHORT_WORDS) / (LONG_WORDS - SHORT_WORDS))
    return LEAST + part * (LEAST_LONG - LEAST)


@dataclass(frozen=True)
class Apart:
    """What two texts share, 0 to 1, and the words that each has alone, in alphabetical order."""

    share: float
    left: tuple[str, ...]
    right: tuple[str, ...]


def _least_signed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """The estimated similarity of triples that each text needs to be compared: what shares w of the words has w / (2 - w)."""
    needed = np.array([least_share(text.count(" ") + 1) for text in texts], np.float32)
    least: npt.NDArray[np.float32] = needed / (2 - needed) - np.float32(DOUBT)
    return least


def common(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """The words that both texts have, in alphabetical order."""
    return tuple(sorted((Counter(one) & Counter(other)).elements()))


def apart(one: Sequence[str], other: Sequence[str], often: Container[str] = frozenset()) -> Apart:
    """Compares two texts word by word; words that stand in `often` are no typos of each other."""
    ones, others = Counter(one), Counter(other)
    left, right = (sorted(counts.elements()) for counts in (ones - others, others - ones))
    if 0 < len(left) <= MOST_TYPOS and 0 < len(right) <= MOST_TYPOS:
        for word in tuple(left):
            known = word in often
            meant = next((c for c in right if not (known and c in often) and is_typo(word, c)), None)
            if meant is not None:
                left.remove(word)
                right.remove(meant)
    total = sum(map(len, one)) + sum(map(len, other))
    alone = sum(map(len, left)) + sum(map(len, right))
    return Apart(1 - alone / total if total else 1.0, tuple(left), tuple(right))
