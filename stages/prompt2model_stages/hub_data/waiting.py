"""The waits of the hub's libraries while rows are read: bounded, and told where a person looks.

`datasets` tries 20 times and waits a minute each time that the hub says 429, and `huggingface_hub` waits as long as the hub says
before each of five tries: half an hour or more, without a word but in the log. Here the waits of one reading are MOST_S together;
then the stage is Blocked with the cause, and is tried again later as any blocked stage.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prompt2model_stages.errors import blocked
from prompt2model_stages.student.hub import TOKEN

TRIES = 3
RATE_LIMIT_S = 30
"""Seconds between two tries of `datasets` where the hub says 429; `huggingface_hub` itself tries for some 23 s before each."""
MOST_S = 300.0
"""The waits for one dataset, together, in seconds: the hub counts requests in windows of five minutes."""
OFTEN = f"Nothing: it is tried again later. To be answered more often, {TOKEN}."
_LOGGERS = ("datasets.utils.file_utils", "huggingface_hub.utils._http")
_STATUS = re.compile(r"HTTP Error (?P<status>\d{3})|(?P<limit>429) Too Many Requests")
_WAIT = re.compile(r"(?:Retrying in|Waiting) (?P<seconds>[\d.]+) ?s")

Say = Callable[[str], None]


def bound_waits() -> None:
    """Sets how often and how long `datasets` tries, for this process."""
    from datasets import config

    config.STREAMING_READ_MAX_RETRIES = TRIES
    config.STREAMING_OPEN_MAX_RETRIES = TRIES
    config.STREAMING_READ_RATE_LIMIT_RETRY_INTERVAL = RATE_LIMIT_S


@contextmanager
def told_waits(dataset: str, field: str, say: Say) -> Iterator[None]:
    """Says each wait of the libraries in one sentence, with the hub's answer that it is for.

    Args:
        dataset: its name.
        field: of the spec that names it.
        say: hears the sentences.

    Raises: StageError HubUnreachable, Blocked, instead of a wait that would be one too many.
    """
    teller = _Teller(f"{field}: for the dataset {dataset}, ", say)
    loggers = [(logger, logger.level) for logger in map(logging.getLogger, _LOGGERS)]
    for logger, _ in loggers:
        logger.addHandler(teller)
        # A level of its own: another thread may keep its parent quiet, and a wait that is not heard has no bound.
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in loggers:
            logger.removeHandler(teller)
            logger.setLevel(level)


class _Teller(logging.Handler):
    """Hears the libraries' warnings, which are all that tells of a wait: first the hub's answer, then how long.

    An error that is raised here ends the reading, since the library does not catch it.
    """

    def __init__(self, where: str, say: Say) -> None:
        super().__init__(logging.WARNING)
        self._where, self._say, self._status, self._waited = where, say, "", 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        text = record.getMessage()
        if answered := _STATUS.search(text):
            self._status = answered["status"] or answered["limit"]
        if not (waits := _WAIT.search(text)):
            return
        seconds = float(waits["seconds"])
        if self._waited + seconds > MOST_S:
            asked = f"{self._where}{self._cause()} and asks for {seconds:g} s, after {self._waited:g} s of waiting."
            raise blocked("HubUnreachable", asked, OFTEN)
        self._waited += seconds
        self._say(f"{self._cause()}, the next try is in {seconds:g} s")

    def _cause(self) -> str:
        if self._status == "429":
            return "the hub says that it was asked too often (429)"
        return f"the hub answers with an error ({self._status})" if self._status else "the hub does not send the rows"
