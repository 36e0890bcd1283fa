"""A FakeTeacher with a limit on requests, as the big providers have it: it counts arrivals and answers 429 above the limit.

Its headers say what is left, in the form of OpenAI's.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.fake_teacher import FakeTeacher


@dataclass
class LimitedTeacher(FakeTeacher):
    """An endpoint that refuses what goes beyond its limit.

    limit: requests in a period; 0: every request is served, and only counted.
    period_s: seconds of a period.
    kind: "bucket" is filled steadily, as OpenAI's; "window" is emptied at the end of each period, as Azure's.
    speaks: whether answers have headers that say what is left.
    """

    limit: int = 0
    period_s: float = 60.0
    kind: str = "bucket"
    speaks: bool = True
    arrivals: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    _used: float = 0.0
    _at: float = 0.0
    _of_thread: threading.local = field(default_factory=threading.local)

    def respond(self, body: dict[str, Any]) -> tuple[int, dict[str, Any] | str]:
        """429 above the limit."""
        with self.lock:
            now = time.monotonic()
            self.arrivals.append(now)
            allowed = self._take(now)
            self._of_thread.headers = self._headers(now, allowed)
            if not allowed:
                self.refused.append(now)
                return 429, {"error": {"message": "Rate limit reached for requests", "code": "rate_limit_exceeded"}}
        status, tree = super().respond(body)
        if isinstance(tree, dict) and "usage" in tree:
            said = sum(len(choice["message"]["content"]) for choice in tree["choices"])
            tree["usage"] = {
                "prompt_tokens": len(json.dumps(body["messages"])) // 4,
                "completion_tokens": max(1, said // 4),
            }
            with self.lock:
                self.prompt_tokens += tree["usage"]["prompt_tokens"]
                self.completion_tokens += tree["usage"]["completion_tokens"]
        return status, tree

    def headers(self, status: int) -> dict[str, str]:
        """See FakeTeacher."""
        return dict(self._of_thread.headers)

    def most_in(self, seconds: float = 60.0) -> int:
        """The most arrivals in any window of so many seconds."""
        times = sorted(self.arrivals)
        first = most = 0
        for last, at in enumerate(times):
            while at - times[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def _take(self, now: float) -> bool:
        if not self.limit:
            return True
        if self.kind == "bucket":
            self._used = max(0.0, self._used - (now - self._at) * self.limit / self.period_s)
            self._at = now
        elif now - self._at >= self.period_s:
            self._used, self._at = 0.0, now
        if self._used + 1 > self.limit:
            return False
        self._used += 1
        return True

    def _headers(self, now: float, allowed: bool) -> dict[str, str]:
        if not self.limit:
            return {}
        one = self.period_s / self.limit
        whole = self._used * one if self.kind == "bucket" else self._at + self.period_s - now
        next_one = (self._used + 1 - self.limit) * one if self.kind == "bucket" else whole
        wait = {} if allowed else {"retry-after": f"{max(0.01, next_one):.2f}"}
        if not self.speaks:
            return wait
        return wait | {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(int(self.limit - self._used)),
            "x-ratelimit-reset-requests": f"{whole:.3f}s",
        }
