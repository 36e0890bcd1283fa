"""MinHash: a short signature of each text, from which the share of character triples that two texts have in common is estimated.

numpy works on all texts of a batch at once, which takes 0.8 CPU seconds for 100,000 questions; rensa took 2.2 and datasketch 31
(docs/decisions/0094).

Source: Broder 1997, On the resemblance and containment of documents; the search is that of LSH Forest (Bawa et al. 2005).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

VALUES = 64
"""Of a signature. The estimate of a similarity s has the standard error sqrt(s (1 - s) / VALUES), 0.06 at most."""
TREES, DEPTH, SHARED = 32, 4, 2
"""Sorted lists of signatures, by how many of their values each, and how many of these two neighbours must share."""
NEIGHBOURS = 6
"""So many of the texts behind it in each list are looked at: the work grows with the number of texts, whatever they are."""
BRUTE = 512
"""Up to so many texts are compared each with each."""
_BATCH = 256
_SPACE = 32

Signatures = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]
Similarities = npt.NDArray[np.float32]

_CHANCE = np.random.default_rng(20_261_127)
_FACTORS = _CHANCE.integers(0, 2**32, VALUES, dtype=np.uint32) | np.uint32(1)
_SUMMANDS = _CHANCE.integers(0, 2**32, VALUES, dtype=np.uint32)
_TREES = [_CHANCE.permutation(VALUES)[:DEPTH] for _ in range(TREES)]


def signatures_of(texts: Iterable[str]) -> Signatures:
    """One signature a text, uint32 [n, VALUES], of the triples of characters within its words, their edges included.

    Args:
        texts: folded, words a space apart; they are taken a batch at a time.
    """
    stream = iter(texts)
    parts = []
    while batch := list(islice(stream, _BATCH)):
        parts.append(_batch(batch))
    return np.concatenate(parts) if parts else np.empty((0, VALUES), np.uint32)


def signature_of(text: str, values: int = VALUES) -> npt.NDArray[np.uint32]:
    """The first values of one text's signature, uint32 [values]: faster than signatures_of where texts come one by one."""
    letters = np.frombuffer(f" {text or '-'} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    hashes = _hashes(letters)[letters[1:-1] != _SPACE]
    found: npt.NDArray[np.uint32] = (hashes[:, None] * _FACTORS[:values] + _SUMMANDS[:values]).min(axis=0)
    return found


def _batch(texts: Sequence[str]) -> Signatures:
    spaced = [f" {text or '-'} " for text in texts]
    lengths = np.array([len(text) for text in spaced])
    letters = np.frombuffer("".join(spaced).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    inside = letters[1:-1] != _SPACE  # a triple whose middle is a space belongs to no word
    hashes = _hashes(letters)[inside]
    owners = np.repeat(np.arange(len(spaced)), lengths)[1:-1][inside]
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    found = np.empty((len(spaced), VALUES), np.uint32)
    for value in range(VALUES):
        found[:, value] = np.minimum.reduceat(hashes * _FACTORS[value] + _SUMMANDS[value], starts)
    return found


def _hashes(letters: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """A hash of each triple of characters that follow each other (the mixing of xxHash32)."""
    mixed = letters[:-2] * np.uint32(0x9E3779B1)
    mixed = ((mixed ^ (mixed >> np.uint32(15))) + letters[1:-1]) * np.uint32(0x85EBCA77)
    mixed = ((mixed ^ (mixed >> np.uint32(13))) + letters[2:]) * np.uint32(0xC2B2AE3D)
    mixed = (mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x27D4EB2F)
    return mixed ^ (mixed >> np.uint32(15))


def estimates(signatures: Signatures, one: Places, other: Places) -> Similarities:
    """The estimated similarity, 0 to 1, of each pair: float32 [pairs]."""
    found = np.empty(len(one), np.float32)
    for start in range(0, len(one), 1 << 16):
        part = slice(start, start + (1 << 16))
        found[part] = (signatures[one[part]] == signatures[other[part]]).mean(axis=1, dtype=np.float32)
    return found


def pairs_among(signatures: Signatures, least: Similarities) -> tuple[Places, Places]:
    """Pairs of texts, the lower place first, whose estimated similarity is what one of them needs; each once, in order.

    Args:
        signatures: of n texts.
        least: float32 [n], what each text needs.

    With more than BRUTE texts a pair is found with a chance that grows with its similarity.
    """
    count = len(signatures)
    found = np.unique(np.concatenate([one * count + other for one, other in _near(signatures, least)] or [_NONE]))
    return found // max(1, count), found % max(1, count)


_NONE: Places = np.empty(0, np.int64)


def _near(signatures: Signatures, least: Similarities) -> Iterator[tuple[Places, Places]]:
    neighbours = _each_with_each(len(signatures)) if len(signatures) <= BRUTE else forest(signatures)
    for one, other in neighbours:
        near = estimates(signatures, one, other) >= np.minimum(least[one], least[other])
        yield np.minimum(one, other)[near], np.maximum(one, other)[near]


def _each_with_each(count: int) -> Iterator[tuple[Places, Places]]:
    one, other = np.triu_indices(count, 1)
    yield one.astype(np.int64), other.astype(np.int64)


def forest(signatures: Signatures) -> Iterator[tuple[Places, Places]]:
    """Neighbours in each sorted list: what shares most of the list's values stands next to each other."""
    for tree in _TREES:
        keys = signatures[:, tree].astype(np.uint64)
        first, second = (keys[:, i] << np.uint64(32) | keys[:, i + 1] for i in (0, SHARED))
        order = np.lexsort((second, first)).astype(np.int64)
        first = first[order]
        for distance in range(1, NEIGHBOURS + 1):
            shared = np.flatnonzero(first[:-distance] == first[distance:])
            yield order[shared], order[shared + distance]


def nearest_behind(signatures: Signatures, split: int, least: Similarities) -> Iterator[Places]:
    """For each text before the place `split` those behind it that pairs_among would pair it with, the most similar first.

    Each is compared with each, one text at a time. Equally similar texts are in the order of their places.
    """
    for one in range(split):
        similar = (signatures[split:] == signatures[one]).mean(axis=1, dtype=np.float32)
        near = np.flatnonzero(similar >= np.minimum(least[split:], least[one]))
        yield near[np.argsort(-similar[near], kind="stable")] + split
