"""Which families go into which split: a tenth of the rows for each held-out split, of each class.

Ranked by a hash of the seed, so that more data moves few families between splits, and the order of the data moves none.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from prompt2model_stages.classes import FREQUENT, ROWS_A_VALUE, SHORT, are_labels
from prompt2model_stages.examples import Example

LEAST_FAMILIES = 3
"""With fewer, nothing is held out: one is needed for each split."""
SLACK = 1.25
"""A held-out split may be so many times as large as its tenth, where the last family is."""

Families = Mapping[str, Sequence[Example]]


def shares(families: Families, seed: int, held_out: Sequence[str], train_only: set[str]) -> dict[str, list[str]]:
    """The families of each held-out split; all others are trained on.

    Each class with LEAST_FAMILIES or more has one in each held-out split, if so many of them may be held out. A family that
    would be a large part of a split, one question asked in hundreds of ways, is trained on.

    Args:
        families: of one source, with their rows.
        seed: decides.
        held_out: names of the splits.
        train_only: families that may not be held out.
    """
    found: dict[str, list[str]] = {split: [] for split in held_out}
    for ranked in _strata(families, seed):
        if len(ranked) < LEAST_FAMILIES:
            continue
        sizes = {family: len(families[family]) for family in ranked}
        target = max(1, round(sum(sizes.values()) / 10))
        free = [family for family in ranked if family not in train_only]
        most = max(1, (len(ranked) - 1) // 2)
        for split in held_out:
            taken = _tenth(free, sizes, target, most)
            found[split] += taken
            free = [family for family in free if family not in taken]
    return found


def rank(text: str, seed: int) -> str:
    """A hash: by which families are ranked."""
    return hashlib.sha256(f"{seed}:{text}".encode()).hexdigest()


def _tenth(free: Sequence[str], sizes: Mapping[str, int], target: int, most: int) -> dict[str, int]:
    """The first families that together have the wanted rows; where all are too large for it, the smallest one; with their rows."""
    largest = max(target / 4, 2 * median(sizes.values()))
    taken: dict[str, int] = {}
    rows = 0
    for family in free:
        if rows >= target or len(taken) == most:
            break
        if sizes[family] <= largest and (not taken or rows + sizes[family] <= SLACK * target):
            taken[family] = sizes[family]
            rows += sizes[family]
    return taken or {family: sizes[family] for family in sorted(free, key=sizes.__getitem__)[:1]}


def _strata(families: Families, seed: int) -> Iterable[list[str]]:
    """Families of one class each, ranked; those of outputs that are no class are one stratum."""
    outputs = {family: {example.output for example in rows} for family, rows in families.items()}
    counts = Counter(output for found in outputs.values() for output in found)
    labels = are_labels(example.output for rows in families.values() for example in rows)
    least = {output: _least_families(output, labels) for output in counts}
    strata: dict[str | None, list[str]] = defaultdict(list)
    for family in sorted(families, key=lambda family: rank(family, seed)):
        classes = [output for output in outputs[family] if counts[output] >= least[output]]
        strata[min(classes, key=lambda output: (counts[output], output)) if classes else None].append(family)
    large = [found for name, found in strata.items() if name is not None and len(found) >= LEAST_FAMILIES]
    held = {family for found in large for family in found}
    if labels and 2 * len(held) >= len(families):  # what is left are labels that are too rare to be held out
        return large
    return [*large, sorted(families.keys() - held, key=lambda family: rank(family, seed))]


def _least_families(output: str, labels: bool) -> int:
    """So many families with an output make it a class."""
    if labels:
        return LEAST_FAMILIES
    return ROWS_A_VALUE if len(output.split()) <= SHORT else FREQUENT
