"""The generated examples with what a person decided of each: a fold over the journal, which is written before it counts.

Texts are held once; decisions take memory for the rows that a person touched alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from prompt2model_api.results import ReviewedCounts
from prompt2model_stages.examples import Pair, VotedExample, group_of
from prompt2model_stages.reviewed import ReviewedExample, unchanged
from prompt2model_stages.reviewing.journal import Change, Do, Edit, Journal


class Verdict(StrEnum):
    """What became of a row."""

    UNREVIEWED = "not reviewed"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    REMOVED = "removed"


@dataclass(frozen=True)
class State:
    """A row as it is now. edit: number of the edit that made it so, 0: none; by: who made that."""

    input: str
    output: str
    removed: bool = False
    looked_at: bool = False
    edit: int = 0
    by: str = ""


class Rows:
    """All rows, in the order in which they were generated.

    Args:
        generated: as generate wrote them; inputs differ from each other.
        journal: its edits of these rows are applied; those of other rows are kept in it.
    """

    def __init__(self, generated: Sequence[VotedExample], journal: Journal) -> None:
        self.generated, self.journal = generated, journal
        self._place = {key_of(row): place for place, row in enumerate(generated)}
        self._states: dict[int, list[State]] = {}
        self._done: list[tuple[int, tuple[int, ...]]] = []
        self._by_question: dict[str, set[int]] | None = None
        self._counts = dict.fromkeys(Verdict, 0) | {Verdict.UNREVIEWED: len(generated)}
        self.changes = 0
        """Grows with each edit: what was worked out of the rows before may be old."""
        for edit in journal.edits:
            self._apply(edit)

    def __len__(self) -> int:
        return len(self.generated)

    def state(self, place: int) -> State:
        """A row as it is now."""
        if stack := self._states.get(place):
            return stack[-1]
        row = self.generated[place]
        return State(row.input, row.output)

    def text(self, place: int, field: Literal["input", "output"]) -> str:
        """One of a row's texts as it is now: quicker than its state."""
        held: Pair | State = self._states[place][-1] if place in self._states else self.generated[place]
        return held.input if field == "input" else held.output

    def verdict(self, place: int) -> Verdict:
        """What became of a row."""
        if place not in self._states:
            return Verdict.UNREVIEWED
        state, row = self.state(place), self.generated[place]
        if state.removed:
            return Verdict.REMOVED
        if (state.input, state.output) != (row.input, row.output):
            return Verdict.CORRECTED
        return Verdict.ACCEPTED if state.looked_at else Verdict.UNREVIEWED

    def counts(self) -> ReviewedCounts:
        """How many rows there are of each verdict."""
        return ReviewedCounts(
            corrected=self._counts[Verdict.CORRECTED],
            removed=self._counts[Verdict.REMOVED],
            accepted=self._counts[Verdict.ACCEPTED],
            unreviewed=self._counts[Verdict.UNREVIEWED],
        )

    def accept(self, places: Iterable[int]) -> Edit | None:
        """Notes that rows are right as they are; None where nobody had to be told."""
        new = [place for place in places if self.verdict(place) is Verdict.UNREVIEWED]
        return self._add(Do.ACCEPT, [Change(row=self._key(place)) for place in new]) if new else None

    def remove(self, place: int) -> Edit:
        """Takes a row out; it stays to be seen."""
        return self._add(Do.REMOVE, [Change(row=self._key(place))])

    def restore(self, place: int) -> Edit:
        """Takes a removed row in again."""
        return self._add(Do.RESTORE, [Change(row=self._key(place))])

    def correct(self, texts: Mapping[int, Pair], note: str = "") -> Edit:
        """Gives rows other texts: all of them in one edit, which is undone as one."""
        return self._add(Do.EDIT, [self._change(place, pair) for place, pair in texts.items()], note)

    def undo(self) -> Sequence[int] | None:
        """Takes the last edit of these rows back, whoever made it. Returns: its rows; None where there is nothing to undo."""
        if not self._done:
            return None
        number, places = self._done[-1]
        self._apply(self.journal.add(Do.UNDO, of=number))
        return places

    def asks_the_same(self, text: str, place: int) -> int | None:
        """Another row, not removed, whose input asks the same as this text; None where there is none."""
        if self._by_question is None:
            self._by_question = {}
            for one in range(len(self)):
                self._by_question.setdefault(group_of(self.state(one).input), set()).add(one)
        others = self._by_question.get(group_of(text), set()) - {place}
        return min((one for one in others if not self.state(one).removed), default=None)

    def kept(self) -> list[ReviewedExample]:
        """What is trained on: all rows that are not removed, those that nobody looked at too."""
        found = []
        for place, row in enumerate(self.generated):
            state = self.state(place)
            if not state.removed:
                corrected = (state.input, state.output) != (row.input, row.output)
                found.append(
                    replace(unchanged(row), input=state.input, output=state.output, corrected=corrected)
                    if corrected
                    else unchanged(row)
                )
        return found

    def _key(self, place: int) -> str:
        return key_of(self.generated[place])

    def _change(self, place: int, pair: Pair) -> Change:
        before = self.state(place)
        return Change(
            row=self._key(place),
            input=(before.input, pair.input) if before.input != pair.input else None,
            output=(before.output, pair.output) if before.output != pair.output else None,
        )

    def _add(self, do: Do, changes: Sequence[Change], note: str = "") -> Edit:
        edit = self.journal.add(do, changes, note=note)
        self._apply(edit)
        return edit

    def _apply(self, edit: Edit) -> None:
        if edit.do is Do.UNDO:
            self._take_back(edit.of)
            return
        make = _AFTER[edit.do]
        touched = [(self._place[change.row], change) for change in edit.rows if change.row in self._place]
        for place, change in touched:
            state = replace(make(self.state(place), change), edit=edit.n, by=edit.by)
            self._set(place, [*self._states.get(place, ()), state])
        if touched:
            self._done.append((edit.n, tuple(place for place, _ in touched)))

    def _take_back(self, number: int | None) -> None:
        """Of an edit that is the last one of these rows; one of other rows alone is none of theirs."""
        if not self._done or self._done[-1][0] != number:
            return
        for place in self._done.pop()[1]:
            self._set(place, self._states[place][:-1])

    def _set(self, place: int, stack: list[State]) -> None:
        before, verdict = self.state(place).input, self.verdict(place)
        if stack:
            self._states[place] = stack
        else:
            self._states.pop(place, None)
        self._counts[verdict] -= 1
        self._counts[self.verdict(place)] += 1
        self.changes += 1
        if self._by_question is not None and before != (after := self.state(place).input):
            self._by_question.get(group_of(before), set()).discard(place)
            self._by_question.setdefault(group_of(after), set()).add(place)


def key_of(row: Pair) -> str:
    """What a row is known by in the journal: 16 hexadecimal digits of its texts as they were generated."""
    content = json.dumps([row.input, row.output], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()[:16]


def _edited(state: State, change: Change) -> State:
    return replace(
        state,
        input=change.input[1] if change.input is not None else state.input,
        output=change.output[1] if change.output is not None else state.output,
        removed=False,
        looked_at=True,
    )


_AFTER: Mapping[Do, Callable[[State, Change], State]] = {
    Do.EDIT: _edited,
    Do.ACCEPT: lambda state, _: replace(state, looked_at=True),
    Do.REMOVE: lambda state, _: replace(state, removed=True),
    Do.RESTORE: lambda state, _: replace(state, removed=False),
}
