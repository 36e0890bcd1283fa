"""Which examples belong together, and what may not be trained on beside the user's test data.

Two kinds of families: of rows that ask the same question word by word, or were rewritten from one text (`asked`), and of these
joined by near-duplicates and common contexts (`family`). The latter go into one split whole. The former tell what is left out
where the user's own test data asks it: rows that merely stand on the same passage stay (docs/decisions/0094).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from prompt2model_stages.examples import Example, Pair, group_of
from prompt2model_stages.prepare.families import families_of, that_touch
from prompt2model_stages.prepare.fields import Field, Parts
from prompt2model_stages.prepare.near_duplicates import near_duplicates, near_tests
from prompt2model_stages.splits import test_split


@dataclass
class Grouping:
    """How the rows were grouped.

    families: how many there are, of how many groups; `largest` has so many groups.
    near: pairs of groups that were joined as near-duplicates.
    near_tests: groups that were left out since they ask what the user's own test data asks, in nearly its words.
    own_asked: rows that were left out since they ask what the user's own test data asks, in its words or others.
    own_context: rows to train on or validate with that stand on a context of the user's own test data.
    """

    groups: int = 0
    families: int = 0
    largest: int = 0
    near: int = 0
    near_tests: int = 0
    own_asked: int = 0
    own_context: int = 0
    fields: list[Field] = field(default_factory=list)


class Groups:
    """The families of examples.

    Args:
        examples: with input and output.
        tests: the user's own test rows.
        demonstrations: what the teacher is shown.
    """

    def __init__(
        self, examples: Sequence[Example], tests: Sequence[Example], demonstrations: Sequence[Pair] = ()
    ) -> None:
        self._examples, self._tests, self._demonstrations = examples, tests, demonstrations
        self._parts = Parts([*examples, *tests])
        self._pairs = _one_a_group(examples)
        every = sorted({example.group for example in examples})
        self._questions = {group: self._parts.values(group, "question") for group in every}
        self._contexts = {group: self._parts.values(group, "context") for group in every}
        self._asked = families_of(examples, self._questions)
        self._near = self._near_groups(self._pairs) + self._near_groups(self._parts.questions())
        near = [{one: [other]} for one, other in self._near]
        self.family = families_of(examples, self._questions, self._contexts, *near)

    @cached_property
    def leaking(self) -> frozenset[str]:
        """Groups that ask what the user's own test data asks, and those that belong with them word by word."""
        return self._of_asked(self._own_asked | self._near_own_tests) if self._tests else frozenset()

    @cached_property
    def _own_asked(self) -> set[str]:
        """Groups of the user's own test rows, and of the questions within them."""
        parts = (value for row in self._tests for value in self._parts.values(row.group, "question"))
        return {*(row.group for row in self._tests), *parts}

    def _of_asked(self, texts: Iterable[str]) -> frozenset[str]:
        """The groups of the families that ask one of these texts word by word."""
        touched = that_touch(texts, self._examples, self._asked, self._questions)
        return frozenset(group for group, family in self._asked.items() if family in touched)

    @cached_property
    def _near_own_tests(self) -> set[str]:
        """Groups of whole inputs, and of questions within them, that ask nearly what the user's own test rows ask."""
        questions = self._parts.questions()
        tested = [pair for pair in questions if group_of(pair.input) in self._own_asked]
        return _near_to(self._tests, self._pairs) | _near_to(tested, questions)

    def touching(self, train_groups: Iterable[str]) -> set[str]:
        """Families with one of these groups, or with what the demonstrations ask, nearly in their words too."""
        shown = {*train_groups, *(group_of(pair.input) for pair in self._demonstrations)}
        shown |= _near_to(self._demonstrations, self._pairs)
        return that_touch(shown, self._examples, self.family, self._questions)

    def grouping(self, splits: Mapping[str, Sequence[Example]]) -> Grouping:
        """What was grouped, for the record."""
        sizes = Counter(self.family.values())
        own = {value for row in self._tests for value in self._parts.values(row.group, "context")}
        rows = [row for name, found in splits.items() if name != test_split("own") for row in found]
        return Grouping(
            groups=len(self.family),
            families=len(sizes),
            largest=max(sizes.values(), default=0),
            near=len(self._near),
            near_tests=len(self.leaking - self._of_asked(self._own_asked)),
            own_asked=sum(row.group in self.leaking for row in self._examples),
            own_context=sum(not own.isdisjoint(self._contexts.get(row.group, ())) for row in rows) if own else 0,
            fields=self._parts.fields,
        )

    def _near_groups(self, pairs: Sequence[Pair]) -> list[tuple[str, str]]:
        groups = [group_of(pair.input) for pair in pairs]
        known = [self._asked.get(group, group) for group in groups]
        found = {(groups[twins.one], groups[twins.other]) for twins in near_duplicates(pairs, known)}
        return sorted((one, other) for one, other in found if one != other)


def _near_to(tests: Sequence[Pair], pairs: Sequence[Pair]) -> set[str]:
    return {group_of(pairs[twins.other].input) for twins in near_tests(tests, pairs)}


def _one_a_group(examples: Iterable[Example]) -> list[Pair]:
    """Each group once, with the input that is first in the alphabet and its most frequent output."""
    inputs: dict[str, str] = {}
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        inputs[example.group] = min(inputs.get(example.group, example.input), example.input)
        votes[example.group][example.output] += 1
    return [
        Pair(inputs[group], min(votes[group], key=lambda output: (-votes[group][output], len(output), output)))
        for group in sorted(inputs)
    ]
