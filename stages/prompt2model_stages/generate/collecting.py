"""From the teacher's answers, in the order of the journal, to unique examples.

A pure fold: the same answers in the same order give the same examples, whichever attempt asked for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prompt2model_stages.examples import Pair, normalised, same_text
from prompt2model_stages.generate.base import Counts, Task
from prompt2model_stages.generate.reading import read_examples
from prompt2model_stages.teacher import TeacherAnswer

LONGEST_TEXT = 8192
"""Characters of an input or an output; the same bound as for a demonstration."""
POINTS = 400
"""Most points kept of the curve of duplicates; past it every second one goes."""


@dataclass
class Candidate:
    """A unique input with all outputs that came with it, in the order in which they came."""

    input: str
    outputs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


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
    """The unique examples so far: at most `wanted`, in the order in which they came."""

    def __init__(self, task: Task, wanted: int) -> None:
        self._wanted = wanted
        self._demonstrations = {normalised(pair.input) for pair in task.demonstrations}
        self._by_text: dict[str, Candidate] = {}
        self._groups: set[str] = set()
        self._interval = 1
        self.candidates: list[Candidate] = []
        self.counts = Counts()
        self.curve: list[tuple[int, int]] = []
        """Unique examples and duplicates, after every so many answers."""

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def full(self) -> bool:
        """Whether there are as many as wanted."""
        return len(self) >= self._wanted

    def take(self, answer: TeacherAnswer) -> Taken:
        """Takes in all completions of one request."""
        self.counts.requests += 1
        self.counts.refused += answer.refused
        before, written = len(self), 0
        for text in answer.texts:
            self.counts.answers += 1
            pairs = read_examples(text)
            self.counts.malformed += not pairs and not answer.refused
            written += len(pairs)
            for pair in pairs:
                self._add(pair, answer.key)
        self._note()
        new = len(self) - before
        return Taken(new, repeated=written > 0 and new == 0, written=written)

    def pairs(self) -> Sequence[Pair]:
        """The examples so far, each with the output that leads."""
        return _Leading(self.candidates)

    def _add(self, pair: Pair, key: str) -> None:
        counts = self.counts
        counts.written += 1
        if not pair.input or not pair.output or max(len(pair.input), len(pair.output)) > LONGEST_TEXT:
            counts.empty += 1
            return
        text = same_text(pair.input)
        if (known := self._by_text.get(text)) is not None:
            counts.duplicates += 1
            vote(known, pair.output, key)
            return
        group = normalised(pair.input)
        if group in self._demonstrations:
            counts.demonstrations += 1
        elif group in self._groups:
            # Another spelling may want another output (a task about capitals, say): it is dropped and has no vote.
            counts.duplicates += 1
        elif self.full:
            counts.surplus += 1
        else:
            candidate = Candidate(pair.input)
            vote(candidate, pair.output, key)
            self._by_text[text] = candidate
            self._groups.add(group)
            self.candidates.append(candidate)

    def _note(self) -> None:
        if self.counts.requests % self._interval:
            return
        self.curve.append((len(self), self.counts.duplicates))
        if len(self.curve) > POINTS:
            self._interval *= 2
            self.curve = self.curve[1::2]


class _Leading(Sequence[Pair]):
    """The candidates as pairs, made when they are looked at: a prompt shows ten of perhaps a million."""

    def __init__(self, candidates: list[Candidate]) -> None:
        self._candidates = candidates

    def __len__(self) -> int:
        return len(self._candidates)

    def __getitem__(self, at: int) -> Pair:  # type: ignore[override]
        candidate = self._candidates[at]
        return Pair(candidate.input, winner(candidate.outputs)[0])


def vote(candidate: Candidate, output: str, key: str) -> None:
    """Notes an output of the candidate's input, and the request that gave it."""
    candidate.outputs.append(output)
    if key not in candidate.requests:
        candidate.requests.append(key)


def winner(outputs: Iterable[str]) -> tuple[str, int]:
    """The most frequent output and its votes; ties go to the shortest, then to the one that came first.

    Source: Viswanathan et al. 2023, section 3.3 (self-consistency).
    """
    votes = Counter(outputs)
    best = min(votes, key=lambda output: (-votes[output], len(output)))
    return best, votes[best]
