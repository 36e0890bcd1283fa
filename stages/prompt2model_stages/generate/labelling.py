"""The output of each input: votes of all outputs that came with it, and of further ones where more are ordered.

Source: Viswanathan et al. 2023, section 3.3 (self-consistency).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from prompt2model_stages.examples import Pair, VotedExample
from prompt2model_stages.generate.base import PURPOSE, Order, Task
from prompt2model_stages.generate.candidates import Candidate, Candidates
from prompt2model_stages.generate.disputes import Disputes
from prompt2model_stages.generate.further import FurtherOutputs
from prompt2model_stages.generate.prompts import ask_output, output_tokens
from prompt2model_stages.generate.validating import Validator, fault_of
from prompt2model_stages.generate.votes import Form, agree, as_text, form_of, leading, winner
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest

OUTPUT_TEMPERATURE = 0.7
"""Of the further outputs of an input: warm enough to differ where the teacher is unsure."""


@dataclass(frozen=True)
class Label:
    """A further output that is asked for.

    text: the input; at: its place.
    request: with the number of the output as its sample.
    """

    text: str
    at: int
    request: TeacherRequest


class Labeller:
    """Which inputs want further outputs, and what came of those that were asked for.

    Where they are ordered on disagreement alone, each input gets a second output while examples come in. `settle` then says once
    how outputs are compared, and asks on, one by one, where those of an input do not agree.

    Args:
        task: what the outputs are of.
        order: how many outputs an input should have.
        validators: say what is no output of the task: it is no vote.
    """

    def __init__(self, task: Task, order: Order, validators: Sequence[Validator] = ()) -> None:
        self._task, self._wanted = task, order.outputs_per_input
        self._on_disagreement = order.on_disagreement
        self._at_first = min(2, self._wanted) if self._on_disagreement else self._wanted
        self._tokens = output_tokens(task)
        self._candidates = Candidates()
        self._next = 0
        self._counts = array("I")
        self._missing = 0  # of the candidates in _counts
        self._further = FurtherOutputs(self._wanted)
        self._form: Form = as_text
        self._disputes: Disputes | None = None
        self._validators = validators
        self.in_flight = 0
        self.invalid = 0
        """Answers that were no output of the task."""

    def begin(self, candidates: Candidates) -> None:
        """Goes through these candidates, which may still grow, from the first on."""
        self._candidates, self._next = candidates, 0
        self._counts = array("I")
        self._missing = 0
        self._disputes = None
        candidates.on_vote = self._voted

    async def settle(self) -> None:
        """Looks where the outputs of the candidates, which are all there, disagree, if that decides what is asked for."""
        if not self._on_disagreement:
            return
        self._form = form_of(self._candidates.are_labels, self._task.demonstrations)
        self._disputes = Disputes(self._left)
        await self._disputes.look_through(len(self._candidates))

    @property
    def done(self) -> bool:
        """Whether no candidate is left, and nothing is in flight."""
        if self._disputes is not None:
            return not self.in_flight and not self._disputes
        return not self.in_flight and self._next >= len(self._candidates)

    @property
    def missing(self) -> int:
        """Outputs that the candidates may still want, those in flight included. A candidate is looked at once, when it is new."""
        if self._disputes is not None:
            return self._disputes.missing
        self._look_at(len(self._candidates))
        later = (self._wanted - self._at_first) * len(self._candidates)
        return self._missing + self.in_flight + later

    def next(self) -> Label | None:
        """The next output to ask for, which counts as in flight; None where every candidate has enough for now."""
        if self._disputes is not None:
            at = self._disputes.next()
            return None if at is None else self._label(self._candidates[at].input, at)
        while self._next < len(self._candidates):
            wants = self._wants(self._next)
            if wants and self._asked(self._next) < wants:
                self._counts[self._next] += 1
                self._missing -= 1
                return self._label(self._candidates[self._next].input, self._next)
            self._next += 1
        return None

    def take(self, label: Label, answer: TeacherAnswer) -> None:
        """Takes in the answer."""
        if text := answer.texts[0].strip():
            self._keep(label, text, answer.key)
        if self._disputes is not None:
            self._disputes.look_at(label.at)

    def _keep(self, label: Label, text: str, key: str) -> None:
        """Keeps an output that came, unless it is none of the task: it then counts as one that did not come."""
        if fault_of(Pair(label.text, text), self._validators) is not None:
            self.invalid += 1
        else:
            self._further.put(label.text, label.request.sample, text, key)

    def give_up(self, label: Label) -> None:
        """The teacher cannot be asked for this output: the input has a vote less."""
        if self._disputes is not None:
            self._disputes.close(label.at)

    def example(self, candidate: Candidate) -> VotedExample:
        """The candidate with the output that has most votes."""
        outputs, requests = self._outputs(candidate)
        output, votes = leading(outputs, self._form) if self._on_disagreement else winner(outputs)
        return VotedExample(candidate.input, output, tuple(requests), votes, len(outputs))

    def _outputs(self, candidate: Candidate) -> tuple[Sequence[str], Sequence[str]]:
        """The outputs that count, and the keys of their requests."""
        outputs, requests = list(candidate.outputs), list(candidate.requests)
        for output, key in self._called_for(candidate):
            if self._on_disagreement and agree(outputs, self._form):
                break
            outputs.append(output)
            requests.append(key)
        return outputs, requests

    def _called_for(self, candidate: Candidate) -> Iterator[tuple[str, str]]:
        """Further outputs: only as many as the journal's order calls for, so that the same journal gives the same votes."""
        further, room = self._further.of(candidate.input), max(0, self._wanted - len(candidate.outputs))
        if self._on_disagreement:  # what did not come counts: another attempt would not ask for one in its place
            return (one for one in islice(further, room) if one is not None)
        return islice((one for one in further if one is not None), room)

    def _left(self, at: int) -> int:
        """Further outputs that may still be asked for, where those that came do not agree."""
        candidate = self._candidates[at]
        if agree(self._outputs(candidate)[0], self._form):
            return 0
        return max(0, self._wanted - len(candidate.outputs) - self._further.asked(candidate.input))

    def _wants(self, at: int) -> int:
        """Outputs to ask for at first, beside those that came with the examples."""
        return max(0, self._at_first - self._candidates.votes(at))

    def _asked(self, at: int) -> int:
        """Outputs that were asked for."""
        self._look_at(at + 1)
        return self._counts[at]

    def _look_at(self, end: int) -> None:
        """Counts what the candidates before `end` miss. An input is read from the disk once, to see whether it had some before."""
        for at in range(len(self._counts), end):
            self._counts.append(self._further.asked(self._candidates[at].input) if self._further else 0)
            self._missing += max(0, self._wants(at) - self._counts[at])

    def _voted(self, at: int) -> None:
        """Notes that a candidate got an output without being asked for it: it misses one less, where it missed any."""
        if at < len(self._counts) and self._at_first - self._candidates.votes(at) >= self._counts[at]:
            self._missing -= 1

    def _label(self, text: str, at: int) -> Label:
        """Asks for one more output of an input, which is in flight from now on."""
        self.in_flight += 1
        request = TeacherRequest(
            purpose=PURPOSE,
            messages=ask_output(self._task, text),
            temperature=OUTPUT_TEMPERATURE,
            max_tokens=self._tokens,
            sample=self._further.ask(text),
        )
        return Label(text, at, request)
