"""What the endpoint's own headers say is left of its limits, and how fast it is used up.

Every client of an endpoint sees the same remainder, wherever it runs. Each sends no faster than the remainder divided by the
time until it is whole again: several clients then slow each other down before the endpoint refuses any of them, and one alone
uses all that there is. This holds for limits that are refilled steadily (OpenAI) and for those of fixed windows. For how
long a limit is, a minute or a second (Together), is derived from the resets.

Sources: https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers,
https://docs.anthropic.com/en/api/rate-limits#response-headers, https://docs.together.ai/docs/rate-limits,
draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

PERIOD_S = 60.0
"""The longest time over which a remainder is spread: limits of a day are no matter of pacing."""
SHORT_S = 2.0
"""A limit with a longer reset is taken for one of a minute."""
FASTEST = 2.0
"""Times the limit's own rate that are sent at most, since others may begin to send, too."""
MARGIN = 0.02
"""The share of a limit that is left to requests of others that are on their way."""
REQUESTS, TOKENS = 0, 1
_HEADERS = (
    (
        *("x-ratelimit-{}-requests", "x-ratelimit-{}-requests-minute", "x-ratelimit-{}-req-minute"),
        *("anthropic-ratelimit-requests-{}", "x-ratelimit-{}", "ratelimit-{}"),
    ),
    ("x-ratelimit-{}-tokens", "x-ratelimit-{}-tokens-minute", "anthropic-ratelimit-tokens-{}"),
)
"""Of requests and of tokens, with limit, remaining or reset. Together's x-tokenlimit-* is not among them: it is of a second, in
which a request's tokens, counted with all that it may write, would have to find room."""
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass
class _Quota:
    """What one limit allows.

    limit: as it was told, or the most that was left so far.
    left: of it, when `sent` was sent in all.
    window_s: seconds for which the limit is, at most.
    """

    limit: float
    left: float
    reset_at: float
    sent: float
    window_s: float

    def wait(self, now: float, amount: float, sent: float, last_at: float) -> float:
        if now >= self.reset_at:
            self.left, self.sent, self.reset_at = self.limit, sent, now + self.window_s
        amount = min(amount, self.limit)
        free = self.left - (sent - self.sent) - min(MARGIN * self.limit, self.limit - amount)
        if free < amount:
            return self.reset_at - now
        spacing = max((self.reset_at - now) / free, self.window_s / FASTEST / self.limit)
        return last_at + amount * spacing - now


class _Window:
    """For how long a limit is: no header says it.

    A part of a limit that is refilled steadily is whole again after that part of its window, and one of a fixed window
    no later. So the window is at most reset * limit / used, and the least of what the answers tell counts. Near the end of a
    fixed window that is too little; a reset that is longer than SHORT_S thus tells a limit of a minute.
    """

    def __init__(self) -> None:
        self._longest = 0.0
        self._least = PERIOD_S

    def hear(self, limit: float | None, left: float, reset_s: float | None) -> None:
        if reset_s is None:
            return
        used = 1.0 if limit is None else (limit - left) / limit
        self._longest = max(self._longest, reset_s)
        if used > 0:
            self._least = min(self._least, reset_s / used)

    @property
    def seconds(self) -> float:
        return PERIOD_S if self._longest > SHORT_S else self._least


class Remaining:
    """What is left of the requests and tokens of one endpoint; nothing is known before the first answer."""

    def __init__(self) -> None:
        self._quotas: list[_Quota | None] = [None, None]
        self._windows = [_Window(), _Window()]
        self._sent = [0.0, 0.0]
        self._last_at = float("-inf")

    def take(self, now: float, tokens: float) -> tuple[float, float]:
        """Notes a request that goes now. Returns: requests and tokens sent so far, for `hear`."""
        self._sent[REQUESTS] += 1
        self._sent[TOKENS] += tokens
        self._last_at = now
        return self._sent[REQUESTS], self._sent[TOKENS]

    def wait(self, now: float, tokens: float) -> float:
        """Seconds until a request with so many tokens may go."""
        waits = [
            quota.wait(now, amount, sent, self._last_at)
            for quota, amount, sent in zip(self._quotas, (1.0, tokens), self._sent, strict=True)
            if quota is not None
        ]
        return max(0.0, *waits) if waits else 0.0

    def hear(
        self, headers: Mapping[str, str], sent: tuple[float, float], now: float, refused_for_s: float | None = None
    ) -> None:
        """Takes in what an answer's headers say.

        Args:
            headers: with names in lower case, or of a mapping that does not mind.
            sent: what `take` returned for the request.
            now: when the answer came.
            refused_for_s: of a 429: seconds that it asks to wait, 0 where it does not say.
        """
        for kind in (REQUESTS, TOKENS):
            told = _told(headers, kind)
            if told is None:
                continue
            limit, left, reset_s = told
            window = self._windows[kind]
            window.hear(limit, left, reset_s)
            old = self._quotas[kind]
            if old is not None and sent[kind] < old.sent:
                continue  # it was asked before what is known already
            limit = limit or max(left, old.limit if old else 0.0)
            if refused_for_s and left <= max(1.0, MARGIN * limit):
                left, reset_s = 0.0, refused_for_s
            reset_s = PERIOD_S if reset_s is None else min(reset_s, PERIOD_S)
            self._quotas[kind] = _Quota(max(1.0, limit), left, now + reset_s, sent[kind], window.seconds)


def _told(headers: Mapping[str, str], kind: int) -> tuple[float | None, float, float | None] | None:
    """Limit, remainder and seconds until it is whole again, as far as they are told; None without a remainder.

    A limit of 0 is none: who may send nothing is not answered.
    """
    for name in _HEADERS[kind]:
        left, limit = (_number(headers.get(name.format(part))) for part in ("remaining", "limit"))
        if left is not None and limit != 0:
            reset = headers.get(name.format("reset"))
            return limit, left, None if reset is None else seconds_until(reset)
    return None


def _number(value: str | None) -> float | None:
    found = re.match(r"\s*(\d+(?:\.\d+)?)", value or "")
    return float(found[1]) if found else None


def seconds_until(value: str, now: datetime | None = None) -> float | None:
    """Seconds until a reset, in any of the usual forms: 1m30.5s, 250ms, 12, a Unix time in s or ms, an ISO date."""
    value = value.strip()
    now = now or datetime.now(UTC)
    parts = _PART.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        number = float(value)
        if number > 1e11:
            number /= 1000
        return max(0.0, number - now.timestamp() if number > 1e9 else number)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
