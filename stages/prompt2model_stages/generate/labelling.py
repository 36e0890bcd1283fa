"""The output of each input: votes of all outputs that came with it, and of further ones where more are ordered.

Source: Viswanathan et al. 2023, section 3.3 (self-consistency).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prompt2model_stages.examples import VotedExample
from prompt2model_stages.generate.base import PURPOSE, Order, Task
from prompt2model_stages.generate.prompts import ask_output, output_tokens
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest

OUTPUT_TEMPERATURE = 0.7
"""Of the further outputs of an input: warm enough to differ where the teacher is unsure."""


@dataclass
class Candidate:
    """A unique input with all outputs that came with it, in the order in which they came."""

    input: str
    outputs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def vote(candidate: Candidate, output: str, key: str) -> None:
    """Notes an output of the candidate's input, and the request that gave it."""
    candidate.outputs.append(output)
    if key not in candidate.requests:
        candidate.requests.append(key)


def winner(outputs: Iterable[str]) -> tuple[str, int]:
    """The most frequent output and its votes; ties go to the shortest, then to the one that came first."""
    votes = Counter(outputs)
    best = min(votes, key=lambda output: (-votes[output], len(output)))
    return best, votes[best]


@dataclass(frozen=True)
class Label:
    """A further output that is asked for.

    text: the input.
    request: with the number of the output as its sample.
    """

    text: str
    request: TeacherRequest


class Labeller:
    """Which inputs want further outputs, and what came of those that were asked for.

    Args:
        task: what the outputs are of.
        order: how many outputs an input should have.
    """

    def __init__(self, task: Task, order: Order) -> None:
        self._task, self._wanted = task, order.outputs_per_input
        self._tokens = output_tokens(task)
        self._candidates: Sequence[Candidate] = ()
        self._next = 0
        self._asked: dict[str, int] = {}
        self._outputs: dict[str, dict[int, tuple[str, str]]] = {}
        self.in_flight = 0

    def begin(self, candidates: Sequence[Candidate]) -> None:
        """Goes through these candidates, which may still grow, from the first on."""
        self._candidates, self._next = candidates, 0

    @property
    def done(self) -> bool:
        """Whether no candidate is left, and nothing is in flight."""
        return not self.in_flight and self._next >= len(self._candidates)

    @property
    def missing(self) -> int:
        """Outputs that the candidates still want, those in flight included."""
        left = (self._candidates[at] for at in range(self._next, len(self._candidates)))
        return sum(max(0, self._further(one) - self._asked.get(one.input, 0)) for one in left) + self.in_flight

    def next(self) -> Label | None:
        """The next output to ask for, which counts as in flight; None where every candidate has enough for now."""
        while self._next < len(self._candidates):
            candidate = self._candidates[self._next]
            asked = self._asked.get(candidate.input, 0)
            if asked < self._further(candidate):
                self._asked[candidate.input] = asked + 1
                self.in_flight += 1
                return self._label(candidate.input, asked + 1)
            self._next += 1
        return None

    def take(self, label: Label, answer: TeacherAnswer) -> None:
        """Takes in the answer."""
        if text := answer.texts[0].strip():
            self._outputs.setdefault(label.text, {})[label.request.sample] = (text, answer.key)

    def example(self, candidate: Candidate) -> VotedExample:
        """The candidate with the output that has most votes."""
        outputs, requests = list(candidate.outputs), list(candidate.requests)
        further = self._outputs.get(candidate.input, {})
        # Only as many as the journal's order calls for, so that the same journal gives the same votes.
        for sample in sorted(further)[: self._further(candidate)]:
            outputs.append(further[sample][0])
            requests.append(further[sample][1])
        output, votes = winner(outputs)
        return VotedExample(candidate.input, output, tuple(requests), votes, len(outputs))

    def _further(self, candidate: Candidate) -> int:
        """Outputs to ask for, beside those that came with the examples."""
        return max(0, self._wanted - len(candidate.outputs))

    def _label(self, text: str, sample: int) -> Label:
        request = TeacherRequest(
            purpose=PURPOSE,
            messages=ask_output(self._task, text),
            temperature=OUTPUT_TEMPERATURE,
            max_tokens=self._tokens,
            sample=sample,
        )
        return Label(text, request)
