"""From examples of all sources to splits without leaks.

Pure functions of their arguments: the order in which examples come in changes nothing, the seed alone decides.

A group (inputs that differ in case, punctuation or spaces alone) goes into one split whole, and so does a family: the groups
that were rewritten from a common text. Within a group the most trusted source is kept alone, so that a doubtful label never
stands beside a trusted one for the same question.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prompt2model_stages.examples import SOURCES, Example, Source, same_text
from prompt2model_stages.prepare.families import families_of, that_touch
from prompt2model_stages.splits import TRAIN, VALIDATION, test_split

OWN_TEST_MINIMUM = 50
"""The user's own data gives a test split from this many groups on; with fewer, all of it is trained on."""


@dataclass
class Dropped:
    """What was left out, counted by source."""

    empty: Counter[str] = field(default_factory=Counter)
    """Without an input or an output."""
    duplicates: Counter[str] = field(default_factory=Counter)
    """Same question, same answer."""
    conflicts: Counter[str] = field(default_factory=Counter)
    """Same question, another answer than the one that was kept."""
    leaks: Counter[str] = field(default_factory=Counter)
    """Questions of the user's own test data, or of the same family as a more trusted source's test question."""


@dataclass
class Splits:
    """Examples by split, shuffled, and what was left out."""

    examples: dict[str, list[Example]]
    dropped: Dropped


def split(
    examples: Iterable[Example],
    seed: int,
    own_test: Sequence[Example] | None = None,
    train_groups: frozenset[str] = frozenset(),
) -> Splits:
    """Deduplicates, splits 80/10/10 by family and source, and shuffles.

    Args:
        examples: of all sources, in any order.
        seed: decides which group goes where, and the order of rows.
        own_test: the user's test data: a split of its own, nothing of which stands in another.
        train_groups: groups that may be trained on but not tested, such as those of the demonstrations, which the
            teacher is shown when it is measured.
    """
    dropped = Dropped()
    tests = {} if own_test is None else {test_split("own"): _distinct(_filled(own_test, dropped), dropped)}
    taken = frozenset(example.group for rows in tests.values() for example in rows)
    filled = _filled(examples, dropped)
    family_of = families_of(filled)
    leaking, shown = that_touch(taken, filled, family_of), that_touch(train_groups, filled, family_of)
    families: dict[str, list[Example]] = defaultdict(list)
    for group, rows in sorted(_grouped(filled).items()):
        if family_of[group] in leaking:
            dropped.leaks.update(example.source for example in rows)
        else:
            families[family_of[group]] += _believed(rows, dropped)
    result: dict[str, list[Example]] = {TRAIN: [], VALIDATION: [], **tests}
    for source, names in _by_source(families).items():
        can_test = source != "own" or (own_test is None and len(names) >= OWN_TEST_MINIMUM)
        test = test_split(source) if can_test else None
        for name, share in _shares(names, seed, test, shown).items():
            rows = [example for family in share for example in families[family]]
            result.setdefault(name, []).extend(_of_source(source, rows, dropped) if name == test else rows)
    _lend_to_validation(result, seed, family_of)
    order = {name: _shuffled(rows, f"{seed}:{name}") for name, rows in result.items()}
    return Splits({name: rows for name, rows in order.items() if rows or name in (TRAIN, VALIDATION)}, dropped)


def _by_source(families: Mapping[str, Sequence[Example]]) -> dict[Source, list[str]]:
    """The families of each source; one with several is its most trusted one's."""
    found: dict[Source, list[str]] = {source: [] for source in SOURCES}
    for family, rows in families.items():
        found[min((example.source for example in rows), key=SOURCES.index)].append(family)
    return found


def _of_source(source: Source, rows: Sequence[Example], dropped: Dropped) -> list[Example]:
    """The rows of a source's test split: others of their families can be neither there nor where is trained."""
    dropped.leaks.update(example.source for example in rows if example.source != source)
    return [example for example in rows if example.source == source]


def _filled(examples: Iterable[Example], dropped: Dropped) -> list[Example]:
    filled = []
    for example in examples:
        if example.input.strip() and example.output.strip():
            filled.append(example)
        else:
            dropped.empty[example.source] += 1
    return filled


def _grouped(examples: Iterable[Example]) -> dict[str, list[Example]]:
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.group].append(example)
    return groups


def _believed(rows: list[Example], dropped: Dropped) -> list[Example]:
    """Of one group: the most trusted source's examples, each answer to each wording once."""
    best = min((example.source for example in rows), key=SOURCES.index)
    others = [example for example in rows if example.source != best]
    kept = _distinct([example for example in rows if example.source == best], dropped)
    outputs = {example.output for example in kept}
    for example in others:
        (dropped.duplicates if example.output in outputs else dropped.conflicts)[example.source] += 1
    return kept


def _distinct(rows: Iterable[Example], dropped: Dropped) -> list[Example]:
    """Each wording once, with its most frequent output (ties: the shortest), and each answer once in a group."""
    wordings: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(rows, key=_order):
        wordings[same_text(example.input)].append(example)
    kept: dict[tuple[str, str], Example] = {}
    for same in wordings.values():
        votes = Counter(example.output for example in same)
        output = min(votes, key=lambda text: (-votes[text], len(text), text))
        chosen = next(example for example in same if example.output == output)
        dropped.duplicates[chosen.source] += votes[output] - 1
        dropped.conflicts[chosen.source] += len(same) - votes[output]
        if (chosen.group, output) in kept:
            dropped.duplicates[chosen.source] += 1
        kept.setdefault((chosen.group, output), chosen)
    return list(kept.values())


def _shares(families: Iterable[str], seed: int, test: str | None, shown: set[str]) -> dict[str, list[str]]:
    """Which families of one source go where. Ranked by a hash, so that more data moves few between splits.

    shown: families that are trained on alone.
    """
    ranked = sorted(families, key=lambda family: _hash(f"{seed}:{family}"))
    tenth = max(1, round(len(ranked) / 10)) if len(ranked) >= 3 else 0
    free = [family for family in ranked if family not in shown]
    tested = free[:tenth] if test else []
    validated = free[len(tested) : len(tested) + tenth]
    held_out = {*tested, *validated}
    shares = {TRAIN: [family for family in ranked if family not in held_out], VALIDATION: validated}
    return {**shares, test: tested} if test else shares


def _lend_to_validation(splits: dict[str, list[Example]], seed: int, family_of: Mapping[str, str]) -> None:
    """Where no source is large enough for a validation split, one family of the training split serves as one."""
    families = {family_of[example.group] for example in splits[TRAIN]}
    if splits[VALIDATION] or len(families) < 2:
        return
    lent = min(families, key=lambda family: _hash(f"{seed}:{family}"))
    splits[VALIDATION] = [example for example in splits[TRAIN] if family_of[example.group] == lent]
    splits[TRAIN] = [example for example in splits[TRAIN] if family_of[example.group] != lent]


def _shuffled(rows: list[Example], seed: str) -> list[Example]:
    ordered = sorted(rows, key=_order)
    random.Random(seed).shuffle(ordered)
    return ordered


def _order(example: Example) -> tuple[str, str, int, str]:
    return example.input, example.output, SOURCES.index(example.source), example.origin


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
