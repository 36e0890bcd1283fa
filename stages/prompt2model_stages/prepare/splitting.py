"""From examples of all sources to splits without leaks.

Pure functions of their arguments: the order in which examples come in changes nothing, the seed alone decides.

A group (inputs that differ in case, punctuation or spaces alone) goes into one split whole, and so does a family: the groups
that ask the same or stand on a common text (see grouping). Within a group the most trusted source is kept alone, so that a
doubtful label never stands beside a trusted one for the same question.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prompt2model_stages.classes import are_labels
from prompt2model_stages.examples import SOURCES, Example, Pair, Source, group_of, same_text
from prompt2model_stages.prepare.grouping import Grouping, Groups
from prompt2model_stages.prepare.strata import rank, shares
from prompt2model_stages.splits import TRAIN, VALIDATION, test_split

OWN_TEST_MINIMUM = 50
"""The user's own data gives a test split from this many groups on; with fewer, all of it is trained on."""
OWN_LEFT_OUT = 0.01
"""The part of the user's own rows that may be left out, being empty or there before, without a note."""


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
    """Questions of the user's own test data, nearly in its words too, or of the same family as a more trusted source's test
    question; and rows of that test data that the teacher is shown with their answers."""


@dataclass
class Splits:
    """Examples by split, shuffled, and what was left out."""

    examples: dict[str, list[Example]]
    dropped: Dropped
    grouping: Grouping = field(default_factory=Grouping)
    joined: tuple[int, int] = (0, 0)
    """Inputs of own test data that have several outputs, each of them right, and the rows that gave them."""
    shown: int = 0
    """Rows of own test data that are demonstrations: left out, unless there are no others."""
    only_shown: bool = False
    """Whether there are no others."""


def split(
    examples: Iterable[Example],
    seed: int,
    own_test: Sequence[Example] | None = None,
    train_groups: frozenset[str] = frozenset(),
    demonstrations: Sequence[Pair] = (),
) -> Splits:
    """Deduplicates, splits 80/10/10 by family, class and source, and shuffles.

    Args:
        examples: of all sources, in any order.
        seed: decides which group goes where, and the order of rows.
        own_test: the user's test data: a split of its own, nothing of which stands in another.
        train_groups: groups that may be trained on but not tested.
        demonstrations: their groups, and what is nearly in their words, may not be tested either: the teacher is shown them
            when it is measured. Rows of own test data with their groups are left out, unless nothing would be left.
    """
    dropped = Dropped()
    filled = _filled(examples, dropped)
    filled_tests = _filled(own_test or [], dropped)
    unshown = _without_shown(filled_tests, demonstrations)
    shown = len(filled_tests) - len(unshown)
    if shown and unshown:
        dropped.leaks["own"] += shown
    asked, joined = _all_right(unshown or filled_tests, filled)
    tests = {} if own_test is None else {test_split("own"): _distinct(asked, dropped, seed)}
    groups = Groups(filled, [row for rows in tests.values() for row in rows], demonstrations)
    leaking, train_only = groups.leaking, groups.touching(train_groups)
    families: dict[str, list[Example]] = defaultdict(list)
    for group, rows in sorted(_grouped(filled).items()):
        if group in leaking:
            dropped.leaks.update(example.source for example in rows)
        else:
            families[groups.family[group]] += _believed(rows, dropped, seed)
    result: dict[str, list[Example]] = {TRAIN: [], VALIDATION: [], **tests}
    for source, names in _by_source(families).items():
        can_test = source != "own" or (own_test is None and len(names) >= OWN_TEST_MINIMUM)
        test = test_split(source) if can_test else None
        held_out = [test, VALIDATION] if test else [VALIDATION]
        found = shares({name: families[name] for name in names}, seed, held_out, train_only)
        taken = {family for share in found.values() for family in share}
        for name, share in {TRAIN: [name for name in names if name not in taken], **found}.items():
            rows = [example for family in share for example in families[family]]
            result.setdefault(name, []).extend(_of_source(source, rows, dropped) if name == test else rows)
    _lend_to_validation(result, seed, groups.family)
    order = {name: _shuffled(rows, f"{seed}:{name}") for name, rows in result.items()}
    kept = {name: rows for name, rows in order.items() if rows or name in (TRAIN, VALIDATION)}
    return Splits(kept, dropped, groups.grouping(kept), joined, shown, only_shown=shown > 0 and not unshown)


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


def _without_shown(tests: list[Example], shown: Sequence[Pair]) -> list[Example]:
    """The own test rows that no demonstration asks."""
    groups = {group_of(pair.input) for pair in shown}
    return [row for row in tests if row.group not in groups]


def _all_right(tests: Sequence[Example], others: Sequence[Example]) -> tuple[list[Example], tuple[int, int]]:
    """Own test rows of one wording with all of its outputs as references, where outputs are no labels; and how many they are.

    Several people's answers stand in rows of their own in many files. Of several labels at most one is right.
    """
    outputs = [row.output for row in tests]
    if are_labels(outputs) or are_labels([*outputs, *(row.output for row in others)]):
        return list(tests), (0, 0)
    right: dict[str, Counter[str]] = defaultdict(Counter)
    for row in tests:
        right[same_text(row.input)][row.output] += 1
    several = {
        text: tuple(sorted(votes, key=lambda one: (-votes[one], one)))
        for text, votes in right.items()
        if len(votes) > 1
    }
    found = [
        _with_references(row, [row, replace(row, references=several[text])])
        if (text := same_text(row.input)) in several
        else row
        for row in tests
    ]
    return found, (len(several), sum(right[text].total() for text in several))


def _believed(rows: list[Example], dropped: Dropped, seed: int) -> list[Example]:
    """Of one group: the most trusted source's examples, each answer to each wording once."""
    best = min((example.source for example in rows), key=SOURCES.index)
    others = [example for example in rows if example.source != best]
    kept = _distinct([example for example in rows if example.source == best], dropped, seed)
    outputs = {example.output for example in kept}
    for example in others:
        (dropped.duplicates if example.output in outputs else dropped.conflicts)[example.source] += 1
    return kept


def _distinct(rows: Iterable[Example], dropped: Dropped, seed: int) -> list[Example]:
    """Each wording once, with its most frequent output, and each answer once in a group.

    Of equally frequent outputs the seed draws one: by length, all texts that two people label differently had one label.

    The references of rows that have the same answer, or one that is right by these, are kept together.
    """
    wordings: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(rows, key=_order):
        wordings[same_text(example.input)].append(example)
    kept: dict[tuple[str, str], Example] = {}
    for wording, same in wordings.items():
        votes = Counter(example.output for example in same)
        output = _winner(votes, wording, seed)
        chosen = next(example for example in same if example.output == output)
        chosen = _with_references(chosen, [example for example in same if example.output == output])
        alike = [example for example in same if example.output == output or example.output in chosen.references]
        dropped.duplicates[chosen.source] += len(alike) - 1
        dropped.conflicts[chosen.source] += len(same) - len(alike)
        if (first := kept.get((chosen.group, output))) is not None:
            dropped.duplicates[chosen.source] += 1
            chosen = _with_references(first, [first, chosen])
        kept[chosen.group, output] = _with_references(chosen, [chosen, *alike])
    return list(kept.values())


def _winner(votes: Mapping[str, int], wording: str, seed: int) -> str:
    most = max(votes.values())
    return min(
        (text for text in votes if votes[text] == most), key=lambda text: (rank(f"{wording}\n{text}", seed), text)
    )


def _with_references(example: Example, others: Iterable[Example]) -> Example:
    """The example with all references of the others, which have the same question, each once."""
    right = tuple(dict.fromkeys(text for other in others for text in other.references))
    return example if right == example.references else replace(example, references=right)


def _lend_to_validation(splits: dict[str, list[Example]], seed: int, family_of: Mapping[str, str]) -> None:
    """Where no source is large enough for a validation split, one family of the training split serves as one."""
    families = {family_of[example.group] for example in splits[TRAIN]}
    if splits[VALIDATION] or len(families) < 2:
        return
    lent = min(families, key=lambda family: rank(family, seed))
    splits[VALIDATION] = [example for example in splits[TRAIN] if family_of[example.group] == lent]
    splits[TRAIN] = [example for example in splits[TRAIN] if family_of[example.group] != lent]


def _shuffled(rows: list[Example], seed: str) -> list[Example]:
    ordered = sorted(rows, key=_order)
    random.Random(seed).shuffle(ordered)
    return ordered


def _order(example: Example) -> tuple[str, str, int, str]:
    return example.input, example.output, SOURCES.index(example.source), example.origin
