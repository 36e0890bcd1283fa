"""Which groups of examples go into one split: those with a common text, before or after the teacher rewrote it.

Rows of one passage become different questions, a row may also be in the user's own data, and a reversed dataset has the
question in its output. Only rewritten examples join groups: without them each group is a family of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prompt2model_stages.examples import Example


def families_of(examples: Sequence[Example]) -> dict[str, str]:
    """The family of each group, called after the smallest of its groups.

    What a row answered may be a label that thousands of rows share, so it joins them only to an example that asks it.
    """
    asked = {example.group for example in examples}.union(*(example.made_from for example in examples))
    joined = _Joined()
    for example in examples:
        joined.join(example.group, *example.made_from, *({example.answered} & asked))
    names: dict[str, str] = {}
    for group in sorted({example.group for example in examples}):
        names.setdefault(joined.root(group), group)
    return {example.group: names[joined.root(example.group)] for example in examples}


def that_touch(texts: frozenset[str], examples: Iterable[Example], families: dict[str, str]) -> set[str]:
    """The families with an example that asks, was rewritten from, or in its row answered one of these texts."""
    return {
        families[example.group] for example in examples if texts & {example.group, *example.made_from, example.answered}
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
