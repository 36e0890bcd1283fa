"""Why a whole batch failed, in the endpoint's words, and what is made of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import openai

from prompt2model_api.texts import cut
from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.teacher import failures
from prompt2model_stages.teacher.batch_api import BatchState
from prompt2model_stages.teacher.batch_files import BatchLimits, answered
from prompt2model_stages.teacher.lanes import Unserved

logger = logging.getLogger(__name__)

FULL_IN_A_ROW = 30
"""Times that the account's queue may be full, one after the other."""
_FULL = re.compile(r"token_limit_exceeded|enqueued|too many (?:batches|in.progress)|queue (?:is )?full", re.IGNORECASE)


@dataclass(frozen=True)
class Faults:
    """What the endpoint found wrong.

    text: of all, at most 300 characters.
    code: the first one's.
    lines: of single lines, by their number from 1, as the error that a single request would have had.
    """

    text: str
    code: str
    lines: Mapping[int, Mapping[str, str]]

    @classmethod
    def of(cls, state: BatchState) -> Faults:
        """Those of a failed batch."""
        said = dict.fromkeys(": ".join(part for part in (code, text) if part) for _, code, text in state.faults)
        lines = {line: {"code": code, "message": text} for line, code, text in state.faults if line > 0}
        code = state.faults[0][1] if state.faults else ""
        return cls(cut("; ".join(said).rstrip(". ") or "no reason is given", 300), code, lines)


def is_full(text: str) -> bool:
    """Whether it is about what the account has in its queue, which passes."""
    return _FULL.search(text) is not None


def of_whole(endpoint: failures.Endpoint, said: str) -> StageError:
    """A batch that failed for a reason that is not known."""
    return blocked(
        "TeacherBatchFailed",
        f"{endpoint.base_url} failed a batch: {failures.redact(said, endpoint)}.",
        "See the batch at the provider; set teacher.batch to Never to send requests one by one. Everything paid for is kept.",
    )


class Taken:
    """What the endpoint takes, learnt from what it refused. Each method returns what a request becomes whose batch was refused.

    Args:
        endpoint: names what messages speak of.
        always: whether an endpoint without a batch API ends the stage.
        tell: told in a few words.
        limits: of one file, at first.
    """

    def __init__(
        self, endpoint: failures.Endpoint, always: bool, tell: Callable[[str], None], limits: BatchLimits
    ) -> None:
        self._endpoint, self._always, self._tell = endpoint, always, tell
        self.limits = limits
        self.available = True
        self.full_in_a_row = 0

    def without(self, said: str) -> Exception:
        """There is no batch API, or not for this model."""
        words = failures.redact(said, self._endpoint)
        told = f"{self._endpoint.base_url} has no batch API for this model: it answers {words}"
        if self._always:
            return blocked(
                "TeacherHasNoBatches",
                f"{told}.",
                "Set teacher.batch to Never, or to Auto, which then sends requests one by one.",
            )
        if self.available:
            logger.warning("%s: requests are sent one by one, at their full price", told)
            self._tell("the endpoint has no batch API: requests are sent one by one")
        self.available = False
        return Unserved(said)

    def smaller(self, lines: int, size: int, said: str) -> Exception:
        """A file was too large."""
        if lines == 1:
            return of_whole(self._endpoint, f"it takes no file of {size:,} bytes: {said}")
        self.limits = BatchLimits(self.limits.lines, max(1, size // 2))
        return Unserved(said)

    def full(self, lines: int, faults: Faults) -> None:
        """The account has too many tokens queued: less is sent at once from now on. Raises: StageError, where that lasts."""
        self.full_in_a_row += 1
        if self.full_in_a_row >= FULL_IN_A_ROW:
            raise blocked(
                "RateLimited",
                f"{self._endpoint.base_url} takes no batch of {lines:,} requests: {failures.redact(faults.text, self._endpoint)}.",
                "Wait until other batches of the account are through, or set teacher.batch to Never.",
            )
        self.limits = BatchLimits(max(1, min(self.limits.lines, (lines + 1) // 2)), self.limits.size)
        self._tell("the endpoint's queue for batches is full: waiting for room in it")

    def unfit(self, faults: Faults) -> Exception:
        """A batch failed as a whole: for the account, the key or the model; else batches are not for this."""
        response = answered(400, {"error": {"code": faults.code, "message": faults.text}}, self._endpoint.base_url)
        refused = openai.APIStatusError("a batch failed", response=response, body=None)
        trouble = failures.classify(refused, self._endpoint, 1)
        if not trouble.of_one and trouble.error.failure.reason != "PromptTooLong":
            return trouble.error
        if self._always:
            return of_whole(self._endpoint, faults.text)
        return self.without(faults.text)
