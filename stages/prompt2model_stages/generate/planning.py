"""How hot, how much and how many at once: what the next request asks for, decided from what the last ones brought."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prompt2model_stages.generate.base import Order
from prompt2model_stages.generate.stopping import STALLED, Yield, is_stalled

FIRST_IN_FLIGHT = 50
"""Before the first example is there: a teacher that answers garbage should not be asked a thousand times for it."""
DISTRUST = 4
"""Requests for several examples, of the latest 8, that bring less than half: from then on one is asked for."""
OVERDUE = 2.5
"""Times the usual latency after which a request in flight is no longer counted on."""
REMEMBERED = 20
"""Journalled answers, the latest, that must all hold one example a completion for no more to be asked for."""
SMALLEST = 5
"""Times that a prompt is halved for a teacher that finds it too long; then nothing is shown but the task."""
MOST_IN_ONE = 64
"""Examples in a completion, where nothing is known of their length."""
MEMORY = 0.9
"""Weight of the past in running means."""


@dataclass(frozen=True)
class Plan:
    """What one request for new examples asks for.

    in_one: examples in a completion; completions: in the request.
    several: whether its form is that of several examples in a completion.
    temperature: of all its completions.
    halved: times that what its prompt shows is halved.
    since: when it was made, by the clock.
    """

    in_one: int
    completions: int
    several: bool
    temperature: float
    halved: int
    since: float

    @property
    def asked(self) -> int:
        """Examples asked for, in all completions."""
        return self.in_one * self.completions

    def shown(self, characters: int) -> int:
        """Characters of the examples that the prompt shows, of so many at first."""
        return _shown(characters, self.halved)


def temperature(order: Order, made: float, repeats: int) -> float:
    """Linear in the number of examples made, from the coolest to the hottest.

    Answers that only repeat push it on, as examples would: a cool teacher that has said all it knows would otherwise
    stay cool for ever.

    Args:
        order: bounds and target.
        made: examples there are, with those that are expected of the requests in flight.
        repeats: completions in a row that held nothing but repeats.
    """
    done = min(1.0, made / max(1, order.examples - 1))
    pushed = done + (1.0 - done) * min(1.0, 2.0 * repeats / STALLED)
    return round(order.coolest + (order.hottest - order.coolest) * pushed, 4)


class RequestPlanner:
    """What was learnt about the teacher: how many new examples it gives per one asked for, how fast, and in what form."""

    def __init__(
        self, order: Order, clock: Callable[[], float] = time.monotonic, most_in_one: int = MOST_IN_ONE
    ) -> None:
        self._order = order
        self._hottest = temperature(order, order.examples, 0)
        self._most_in_one = most_in_one
        self._clock = clock
        self._asked, self._new = 5.0, 4.0  # a first guess, soon outweighed
        self._latency_sum, self._latency_weight = 0.0, 0.0
        self._poor: list[bool] = []
        self.several = order.examples_per_answer > 1
        """Whether several examples are asked for in one completion."""
        self.halved = 0
        """Times that prompts and the number of examples in a completion were halved."""
        self.barren = 0
        """Completions in a row without a new example."""
        self.repeats = 0
        """Of these, the latest that were readable."""
        self.found = Yield(order.least_yield)
        self.patient = False
        """Whether requests go in batches: how long one takes then says nothing of the next."""

    @property
    def new_per_asked(self) -> float:
        """New examples for each one asked for, lately; never 0."""
        return max(0.05, self._new / self._asked)

    @property
    def batch(self) -> tuple[int, int]:
        """Examples in a completion, and completions in a request."""
        if self.several:
            return max(1, self._order.examples_per_answer >> self.halved), 1
        return 1, self._order.completions

    def shown(self, characters: int) -> int:
        """Characters of the examples that a prompt shows, of so many at first."""
        return _shown(characters, self.halved)

    def next(self, unique: int, in_flight: Iterable[Plan]) -> Plan | None:
        """What the next request asks for; None where those in flight should bring enough, or asking on is pointless.

        Args:
            unique: examples there are.
            in_flight: the plans of the requests that are not answered yet.
        """
        if self.ended(unique):
            return None
        rate = self.new_per_asked
        expected = rate * sum(plan.asked for plan in in_flight if not self.overdue(plan.since))
        # A standard deviation more than expected, so that the last few examples do not take rounds of their own.
        missing = self._order.examples + math.sqrt(expected * (1 - min(rate, 1.0))) - unique - expected
        if missing <= 0:
            return None
        useful = math.ceil(missing / rate)
        in_one, completions = self.batch
        return Plan(
            in_one=max(1, min(in_one, useful, self._most_in_one)),
            completions=max(1, min(completions, useful)),
            several=self.several,
            temperature=self._temperature(unique + expected),
            halved=self.halved,
            since=self._clock(),
        )

    def answered(self, plan: Plan, written: int, new: int, completions: int) -> None:
        """Notes what the answer to a planned request brought; see learn."""
        if not self.patient:
            self.latency(self._clock() - plan.since)
        if plan.several:
            self.judge_several(written, plan.asked)
        hottest = plan.temperature >= self._hottest
        outdated = (plan.several and not self.several) or (self.found.heated and not hottest)
        self.learn(plan.asked, written, new, completions, outdated)
        if not outdated:
            self._judge_yield(plan.asked, new, hottest)

    def too_long(self, halved: int) -> bool:
        """Notes that a prompt was too long for the teacher.

        Args:
            halved: as it was when the prompt was made: those in flight since then say nothing new.

        Returns: whether a shorter one is left.
        """
        if halved == self.halved < SMALLEST:
            self.halved += 1
        return halved < self.halved

    def learn(self, asked: int, written: int, new: int, completions: int, outdated: bool = False) -> None:
        """Notes what an answer brought.

        Args:
            asked: examples asked for.
            written: examples that could be read.
            new: those that were not there before.
            completions: texts in the answer.
            outdated: it was asked for in a form, or at a temperature, that is no longer used: that it brought nothing says nothing.
        """
        weight = MEMORY ** (asked / 10)
        self._asked = self._asked * weight + asked
        self._new = self._new * weight + new
        if new:
            self.barren = self.repeats = 0
        elif not outdated:
            self.barren += completions
            self.repeats += completions if written else 0

    def judge_several(self, written: int, asked: int) -> None:
        """Notes how many of the examples asked for in one completion could be read.

        Where too few were too often, one is asked for from then on, and what the teacher did before says nothing of it.
        """
        self._poor = [*self._poor[-7:], 2 * written < asked]
        if self.several and sum(self._poor) >= DISTRUST:
            self.several = False
            self.barren = self.repeats = 0
            self.found.forget()

    def _temperature(self, made: float) -> float:
        return self._hottest if self.found.heated else temperature(self._order, made, self.repeats)

    def _judge_yield(self, asked: int, new: int, hottest: bool) -> None:
        """Notes what an answer yielded; what the teacher repeated while it was cool is not held against it once it is hot."""
        cool = not self.found.heated
        self.found.note(asked, new, hottest)
        if cool and self.found.heated:
            self.barren = self.repeats = 0

    def remember(self, rich: Sequence[bool]) -> None:
        """Takes in what earlier attempts learnt: whether each of their last answers held several examples in a completion."""
        if len(rich) >= REMEMBERED and not any(list(rich)[-REMEMBERED:]):
            self.several = False

    def latency(self, seconds: float) -> None:
        """Notes how long an answer took."""
        self._latency_sum = self._latency_sum * MEMORY + seconds
        self._latency_weight = self._latency_weight * MEMORY + 1

    @property
    def usual_s(self) -> float | None:
        """How long an answer usually takes; unknown before the fifth."""
        return self._latency_sum / self._latency_weight if self._latency_weight > 4 * MEMORY else None

    def overdue(self, since: float) -> bool:
        """Whether a request sent at this time of the clock should have been answered long ago."""
        return not self.patient and self.usual_s is not None and self._clock() - since > OVERDUE * self.usual_s

    def stalled(self, unique: int) -> bool:
        """Whether asking on is pointless."""
        return is_stalled(self.barren, unique, self._order.examples)

    def ended(self, unique: int) -> bool:
        """Whether no more examples are asked for: there are enough, or asking on is pointless."""
        return unique >= self._order.examples or self.found.too_low or self.stalled(unique)

    def in_flight(self, allowed: int, unique: int) -> int:
        """How many requests may be in flight: few until the first examples are there."""
        return min(allowed, FIRST_IN_FLIGHT * (1 + unique))

    def in_round(self, allowed: int, unique: int, answered: int) -> int:
        """The same where requests go in batches: as many as were answered so far, so that a teacher which has no more to say
        was never asked for more than twice what it took to see that; at half the price, that is no more than one by one.

        Args:
            allowed: that the teacher takes.
            unique: examples there are.
            answered: requests for examples, those of earlier attempts included.
        """
        return min(self.in_flight(allowed, unique), max(FIRST_IN_FLIGHT, answered))


def _shown(characters: int, halved: int) -> int:
    return 0 if halved >= SMALLEST else characters >> halved
