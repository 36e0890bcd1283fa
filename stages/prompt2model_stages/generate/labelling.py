"""The output of each input: votes of all outputs that came with it, and of further ones where more are ordered.

Source: Viswanathan et al. 2023, section 3.3 (self-consistency).
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_stages.examples import Pair, VotedExample
from prompt2model_stages.generate.base import PURPOSE, Order, Task
from prompt2model_stages.generate.candidates import Candidate, Candidates, hash_of
from prompt2model_stages.generate.prompts import ask_output, output_tokens
from prompt2model_stages.generate.validating import Validator, fault_of
from prompt2model_stages.generate.votes import winner
from prompt2model_stages.spool import Spool
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest

OUTPUT_TEMPERATURE = 0.7
"""Of the further outputs of an input: warm enough to differ where the teacher is unsure."""


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

    For each such input a row of numbers is held, by the hash of the input: how many outputs were asked for, and where each lies.

    Args:
        task: what the outputs are of.
        order: how many outputs an input should have.
        validators: say what is no output of the task: it is no vote.
    """

    def __init__(self, task: Task, order: Order, validators: Sequence[Validator] = ()) -> None:
        self._task, self._wanted = task, order.outputs_per_input
        self._tokens = output_tokens(task)
        self._candidates = Candidates()
        self._next = 0
        self._counts = array("I")
        self._missing = 0  # of the candidates in _counts
        self._further: dict[bytes, array[int]] = {}
        self._spool = Spool()
        self._validators = validators
        self.in_flight = 0
        self.invalid = 0
        """Answers that were no output of the task."""

    def begin(self, candidates: Candidates) -> None:
        """Goes through these candidates, which may still grow, from the first on."""
        self._candidates, self._next = candidates, 0
        self._counts = array("I")
        self._missing = 0
        candidates.on_vote = self._voted

    @property
    def done(self) -> bool:
        """Whether no candidate is left, and nothing is in flight."""
        return not self.in_flight and self._next >= len(self._candidates)

    @property
    def missing(self) -> int:
        """Outputs that the candidates still want, those in flight included. A candidate is looked at once, when it is new."""
        self._look_at(len(self._candidates))
        return self._missing + self.in_flight

    def next(self) -> Label | None:
        """The next output to ask for, which counts as in flight; None where every candidate has enough for now."""
        while self._next < len(self._candidates):
            wants = self._wants(self._next)
            if wants and (asked := self._asked(self._next)) < wants:
                text = self._candidates[self._next].input
                further = self._further.setdefault(hash_of(text), array("Q", bytes(8 * self._wanted)))
                further[0] = self._counts[self._next] = asked + 1
                self.in_flight += 1
                self._missing -= 1
                return self._label(text, asked + 1)
            self._next += 1
        return None

    def take(self, label: Label, answer: TeacherAnswer) -> None:
        """Takes in the answer."""
        if not (text := answer.texts[0].strip()):
            return
        if fault_of(Pair(label.text, text), self._validators) is not None:
            self.invalid += 1
        else:
            place = self._spool.add(marshal.dumps((text, answer.key)))
            self._further[hash_of(label.text)][label.request.sample] = place

    def example(self, candidate: Candidate) -> VotedExample:
        """The candidate with the output that has most votes."""
        outputs, requests = list(candidate.outputs), list(candidate.requests)
        further = self._further.get(hash_of(candidate.input), ())
        # Only as many as the journal's order calls for, so that the same journal gives the same votes.
        for place in [place for place in further[1:] if place][: max(0, self._wanted - len(outputs))]:
            output, key = marshal.loads(self._spool.read(place))
            outputs.append(output)
            requests.append(key)
        output, votes = winner(outputs)
        return VotedExample(candidate.input, output, tuple(requests), votes, len(outputs))

    def _wants(self, at: int) -> int:
        """Outputs to ask for, beside those that came with the examples."""
        return max(0, self._wanted - self._candidates.votes(at))

    def _asked(self, at: int) -> int:
        """Outputs that were asked for."""
        self._look_at(at + 1)
        return self._counts[at]

    def _look_at(self, end: int) -> None:
        """Counts what the candidates before `end` miss. An input is read from the disk once, to see whether it had some before."""
        for at in range(len(self._counts), end):
            further = self._further.get(hash_of(self._candidates[at].input)) if self._further else None
            self._counts.append(further[0] if further is not None else 0)
            self._missing += max(0, self._wants(at) - self._counts[at])

    def _voted(self, at: int) -> None:
        """Notes that a candidate got an output without being asked for it: it misses one less, where it missed any."""
        if at < len(self._counts) and self._wanted - self._candidates.votes(at) >= self._counts[at]:
            self._missing -= 1

    def _label(self, text: str, sample: int) -> Label:
        request = TeacherRequest(
            purpose=PURPOSE,
            messages=ask_output(self._task, text),
            temperature=OUTPUT_TEMPERATURE,
            max_tokens=self._tokens,
            sample=sample,
        )
        return Label(text, request)
