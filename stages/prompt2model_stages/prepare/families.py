"""Which groups of examples go into one split: those that ask the same, or stand on a common text.

Rows of one passage become different questions, a row may also be in the user's own data, and a reversed dataset has the
question in its output: so what was rewritten belongs to what it was rewritten from. Inputs with a labelled question belong to
all that ask it, and near-duplicates to each other. What they were joined by is a text's group, whole input or part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from prompt2model_stages.examples import Example

Ties = Mapping[str, Sequence[str]]
"""By group: groups of other texts that it belongs with."""


def families_of(examples: Sequence[Example], *ties: Ties) -> dict[str, str]:
    """The family of each group, called after the smallest of its groups.

    What a row answered may be a label that thousands of rows share, so it joins them only to an example that asks it.

    Args:
        examples: with what they were rewritten from.
        ties: what else joins groups.
    """
    asked = {example.group for example in examples}.union(*(example.made_from for example in examples))
    joined = _Joined()
    for example in examples:
        joined.join(example.group, *example.made_from, *({example.answered} & asked))
    for group, others in chain.from_iterable(tie.items() for tie in ties):
        joined.join(group, *others)
    names: dict[str, str] = {}
    for group in sorted({example.group for example in examples}):
        names.setdefault(joined.root(group), group)
    return {example.group: names[joined.root(example.group)] for example in examples}


def that_touch(
    texts: Iterable[str], examples: Iterable[Example], families: Mapping[str, str], ties: Ties | None = None
) -> set[str]:
    """The families with an example that asks, was rewritten from, or in its row answered one of these texts.

    Args:
        texts: their groups.
        examples: of the families.
        families: by group.
        ties: what else of an example may be one of the texts: its parts.
    """
    touched, parts = frozenset(texts), ties or {}
    return {
        families[example.group]
        for example in examples
        if not touched.isdisjoint((example.group, example.answered, *example.made_from, *parts.get(example.group, ())))
    }


class _Joined:
    """Sets of texts that are joined one by one (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, text: str) -> str:
        """The text that stands for all that are joined with this one."""
        while (parent := self._parent.setdefault(text, text)) != text:
            self._parent[text] = self._parent[parent]  # the way is half as long next time
            text = parent
        return text

    def join(self, text: str, *others: str) -> None:
        for other in others:
            self._parent[self.root(other)] = self.root(text)
