"""What was sent to an endpoint in the last minute, and when the next request may go.

Two rules hold together. Requests are spaced evenly (the generic cell rate algorithm), so that a delay on the way moves one
request and never a burst of sixty. And what was sent in the last WINDOW_S is counted by the second, so that no minute holds
more than the limit. Both are kept a little below the limit: the endpoint counts arrivals by its own clock.

Source: ITU-T I.371, the generic cell rate algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

WINDOW_S = 64.0
"""A minute, and four seconds for requests that arrive closer together than they were sent."""
SPACING_S = 65.0
"""Over so many seconds the requests of a minute are spread; the second more is what counting by the second costs."""
TOLERANCE_S = 0.25
"""What was not sent in the time before may follow at once; of many requests a second each would lose what its sleep is late."""
REQUESTS, TOKENS = 0, 1


@dataclass(frozen=True)
class PerMinute:
    """What may be sent in any 60 seconds; None: no limit."""

    requests: int | None = None
    tokens: int | None = None

    def __bool__(self) -> bool:
        return self.requests is not None or self.tokens is not None


@dataclass
class RateRecord:
    """Requests and tokens of the last minute by the second of the clock, and the times from which the next may go.

    sent: requests and tokens of each second.
    free_at: when the next request may go, by the spacing of requests and by that of tokens.
    named: the least limit that anybody named lately, and when; 0 for none. Whoever shares the record keeps to it.
    """

    sent: dict[int, list[float]] = field(default_factory=dict)
    free_at: list[float] = field(default_factory=lambda: [0.0, 0.0])
    named: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0], [0.0, 0.0]])

    def wait(self, now: float, limits: PerMinute, tokens: float) -> float:
        """Seconds until a request with so many tokens may go; one that is over the limit goes alone."""
        amounts = [
            (kind, limit, amount)
            for kind, amount in ((REQUESTS, 1.0), (TOKENS, tokens))
            if (limit := self._limit(kind, limits, now))
        ]
        if (wait := max((self.free_at[kind] - now for kind, _, _ in amounts), default=0.0)) > 0:
            return wait
        for second in [second for second in self.sent if second + 1 + WINDOW_S <= now]:
            del self.sent[second]
        return max(
            (self._until_it_fits(kind, limit, min(amount, limit), now) for kind, limit, amount in amounts), default=0.0
        )

    def take(self, now: float, limits: PerMinute, tokens: float) -> float:
        """Notes a request; whether it may go is asked before, with `wait`. Returns: the tokens that it takes."""
        amounts = [1.0, tokens]
        for kind in (REQUESTS, TOKENS):
            if not (limit := self._limit(kind, limits, now)):
                continue
            amounts[kind] = min(amounts[kind], limit)
            self.free_at[kind] = max(self.free_at[kind], now - TOLERANCE_S) + amounts[kind] * SPACING_S / limit
            self.named[kind] = [limit, now] if self._own(kind, limits) == limit else self.named[kind]
        noted = self.sent.setdefault(int(now), [0.0, 0.0])
        noted[REQUESTS] += 1
        noted[TOKENS] += amounts[TOKENS]
        return amounts[TOKENS]

    def correct(self, second: int, difference: float, limits: PerMinute, now: float) -> None:
        """Adds a difference to the tokens of what was sent in that second."""
        if second in self.sent:
            self.sent[second][TOKENS] += difference
        if limit := self._limit(TOKENS, limits, now):
            self.free_at[TOKENS] += difference * SPACING_S / limit

    def remember(self, requests: Sequence[tuple[float, float]], limits: PerMinute) -> None:
        """Notes requests of an earlier process, each with its time and tokens. What the record has already counts once."""
        earlier = RateRecord()
        for at, tokens in sorted(requests):
            earlier.take(at, limits, tokens)
        for second, amounts in earlier.sent.items():
            found = self.sent.get(second, [0.0, 0.0])
            self.sent[second] = [max(found[kind], amounts[kind]) for kind in (REQUESTS, TOKENS)]
        self.free_at = [max(self.free_at[kind], earlier.free_at[kind]) for kind in (REQUESTS, TOKENS)]

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {"sent": [[second, *amounts] for second, amounts in self.sent.items()]} | {
            "free_at": self.free_at,
            "named": self.named,
        }

    @classmethod
    def of_json(cls, tree: Any, now: float) -> RateRecord:
        """What `as_json` gave; what cannot be, seen from now, is left out. Raises: ValueError, TypeError, KeyError."""
        sent = {int(second): [float(a), float(b)] for second, a, b in tree["sent"] if second <= now + 1}
        free_at = [float(at) if at <= now + 2 * WINDOW_S else now for at in tree["free_at"]]
        named = [[float(limit), float(at)] for limit, at in tree["named"]]
        if len(free_at) != 2 or len(named) != 2:
            raise ValueError("not a record of rates")
        return cls(sent, free_at, named)

    def _own(self, kind: int, limits: PerMinute) -> int:
        return (limits.requests if kind == REQUESTS else limits.tokens) or 0

    def _limit(self, kind: int, limits: PerMinute, now: float) -> float:
        """The least that was named in the last minute; 0: none was."""
        own, (named, at) = self._own(kind, limits), self.named[kind]
        others = named if 0 <= now - at <= WINDOW_S else 0.0
        return min(own, others) if own and others else own or others

    def _until_it_fits(self, kind: int, limit: float, amount: float, now: float) -> float:
        excess = sum(amounts[kind] for amounts in self.sent.values()) + amount - limit
        for second in sorted(self.sent):
            if excess <= 1e-9:
                break
            excess -= self.sent[second][kind]
            if excess <= 1e-9:
                return second + 1 + WINDOW_S - now
        return 0.0
