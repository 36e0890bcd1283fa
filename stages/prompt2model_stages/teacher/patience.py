"""How long a teacher that is away, busy or out of its mind is waited for."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from prompt2model_api.environment_names import P2M_TEACHER_TIMEOUT_SECONDS, P2M_TEACHER_TRIES


@dataclass(frozen=True)
class Patience:
    """Bounds of waiting. Read from the environment once, in `from_environment`."""

    tries: int = 10
    """Times in a row that the endpoint may say "too many requests" before the stage stops."""
    timeout_s: float = 180.0
    """Longest that one request may take."""
    connect_s: float = 10.0
    """Longest that a connection may take."""
    first_s: float = 0.5
    """The first wait; each is double the one before."""
    longest_s: float = 30.0
    """The longest wait that we choose ourselves."""
    longest_asked_s: float = 300.0
    """The longest wait that an endpoint may ask for; beyond it the stage stops and says so."""
    drain_s: float = 5.0
    """How long an interrupted stage waits for answers that are already paid for."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Patience:
        """P2M_TEACHER_TRIES and P2M_TEACHER_TIMEOUT_SECONDS, defaults elsewhere. Raises: ValueError."""
        patience = cls()
        if tries := environment.get(P2M_TEACHER_TRIES):
            patience = replace(patience, tries=max(1, int(tries)))
        if timeout := environment.get(P2M_TEACHER_TIMEOUT_SECONDS):
            patience = replace(patience, timeout_s=max(0.1, float(timeout)))
        return patience

    def wait(self, failures: int, asked_s: float | None, jitter: random.Random) -> float:
        """Seconds to wait after so many failures in a row, at least what the endpoint asked for, with jitter."""
        own = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 16)) * jitter.uniform(0.5, 1.0)
        return max(own, (asked_s or 0.0) * jitter.uniform(1.0, 1.1))


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the endpoint asks to wait, in any of the usual forms; None where it says nothing.

    Source: RFC 9110, section 10.2.3; retry-after-ms is OpenAI's.
    """
    if (milliseconds := headers.get("retry-after-ms")) is not None:
        try:
            return max(0.0, float(milliseconds) / 1000)
        except ValueError:
            pass
    if (value := headers.get("retry-after")) is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the second for a year of many digits
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
