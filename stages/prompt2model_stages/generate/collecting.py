"""From the teacher's answers, in the order of the journal, to unique examples.

A pure fold: the same answers in the same order give the same examples, whichever attempt asked for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.texts import cut
from prompt2model_stages.examples import Pair, normalised
from prompt2model_stages.generate.base import Counts, Task
from prompt2model_stages.generate.candidates import Candidates, Leading, hash_of
from prompt2model_stages.generate.filtering import Written, is_invalid, is_malformed, is_refused, kept_back_by
from prompt2model_stages.generate.nearness import Looked, Nearness
from prompt2model_stages.generate.reading import read_examples
from prompt2model_stages.generate.validating import Validator, fault_of
from prompt2model_stages.generate.votes import first_leading, winner
from prompt2model_stages.teacher import TeacherAnswer

POINTS = 400
"""Most points kept of the curve of duplicates; past it every second one goes."""
SHOWN = 400
"""Characters of each text of an example that is shown of what was left out."""


@dataclass(frozen=True)
class Taken:
    """What one answer brought.

    new: examples that were not there before.
    repeated: whether it held readable examples and none was new.
    written: examples that could be read.
    """

    new: int
    repeated: bool
    written: int


class Collection:
    """The unique examples so far: at most `wanted`, in the order in which they came.

    Args:
        task: what the examples are of.
        wanted: examples.
        drop_near_duplicates: whether near-duplicates are left out.
        first_of_ties: whether, of outputs with as many votes, the one that came first leads, and not the shortest.
        validators: say what is no example of the task.
    """

    def __init__(
        self,
        task: Task,
        wanted: int,
        drop_near_duplicates: bool = False,
        first_of_ties: bool = False,
        validators: Sequence[Validator] = (),
    ) -> None:
        self._wanted = wanted
        self._lead = first_leading if first_of_ties else winner
        self._validators = validators
        self._demonstrations = {hash_of(normalised(pair.input)) for pair in task.demonstrations}
        self._interval = 1
        self.candidates = Candidates()
        self._nearness = Nearness(self.candidates.first) if drop_near_duplicates else None
        self._looked: Looked | None = None
        self.counts = Counts()
        self.curve: list[tuple[int, int]] = []
        """Unique examples and duplicates, after every so many answers."""

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def full(self) -> bool:
        """Whether there are as many as wanted."""
        return len(self) >= self._wanted

    def is_invalid(self, written: Written) -> bool:
        """See filtering.Known."""
        return fault_of(written.pair, self._validators) is not None

    def has_text(self, written: Written) -> bool:
        """See filtering.Known."""
        at = self.candidates.find(written.question)
        return at is not None and self.candidates.text(at) == written.text

    def has_question(self, written: Written) -> bool:
        """See filtering.Known."""
        return self.candidates.find(written.question) is not None

    def is_near(self, written: Written) -> bool:
        """See filtering.Known."""
        looked = self._look(written)
        return looked is not None and looked.near is not None

    def is_demonstration(self, written: Written) -> bool:
        """See filtering.Known."""
        return written.question in self._demonstrations

    def take(self, answer: TeacherAnswer) -> Taken:
        """Takes in all completions of one request."""
        self.counts.requests += 1
        self.counts.refused += is_refused(answer)
        before, written = len(self), 0
        for text in answer.texts:
            self.counts.answers += 1
            pairs = read_examples(text)
            self.counts.malformed += is_malformed(pairs, answer)
            written += len(pairs)
            for pair in pairs:
                self._add(Written(pair), answer.key)
        self._note()
        new = len(self) - before
        return Taken(new, repeated=written > 0 and new == 0, written=written)

    def pairs(self) -> Sequence[Pair]:
        """The examples so far, each with the output that leads."""
        return Leading(self.candidates, self._lead)

    def _add(self, written: Written, key: str) -> None:
        self.counts.written += 1
        keeps_back = kept_back_by(written, self)
        if keeps_back is None:
            self._keep(written, key)
            return
        if keeps_back.keeps_back is is_invalid:
            self._note_invalid(written.pair)
            return
        setattr(self.counts, keeps_back.count, getattr(self.counts, keeps_back.count) + 1)
        if keeps_back.votes and (at := self._asked_by(written)) is not None:
            self.candidates.vote(at, written.pair.output, key)

    def _keep(self, written: Written, key: str) -> None:
        looked = self._look(written)
        if looked is not None and self._nearness is not None:
            self._nearness.add(looked, len(self))
        self.candidates.add(written.pair, written.text, written.question, key)

    def _asked_by(self, written: Written) -> int | None:
        """The place of the example that asks the same whatever the output: where both had to agree, a vote would say nothing."""
        if (at := self.candidates.find(written.question)) is not None:
            return at
        looked = self._look(written)
        return looked.near.place if looked and looked.near and looked.near.whatever else None

    def _look(self, written: Written) -> Looked | None:
        """What is near to an example; it is looked up once. None where near-duplicates are kept."""
        if self._nearness is None:
            return None
        if self._looked is None or self._looked.pair is not written.pair:
            self._looked = self._nearness.look(written.pair)
        return self._looked

    def _note_invalid(self, pair: Pair) -> None:
        reason = str(fault_of(pair, self._validators))
        self.counts.invalid[reason] = self.counts.invalid.get(reason, 0) + 1
        self.counts.invalid_examples.setdefault(reason, Pair(cut(pair.input, SHOWN), cut(pair.output, SHOWN)))

    def _note(self) -> None:
        if self.counts.requests % self._interval:
            return
        self.curve.append((len(self), self.counts.duplicates))
        if len(self.curve) > POINTS:
            self._interval *= 2
            self.curve = self.curve[1::2]
