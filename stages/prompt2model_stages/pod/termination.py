"""The end of a stage that is told to end: quick, with an exit status of its own, and never in the middle of a file.

Everything that matters lies in storage already, so an end from outside only unwinds what is open (the teacher's answers
in flight are journalled), for a few seconds at most.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger(__name__)

EXIT_UNWANTED = 4
"""The exit status where the StageRun is gone, or names another attempt."""
EXIT_TERMINATED = 128 + signal.SIGTERM
GRACE_S = 8.0


class Termination:
    """Ends this process on SIGTERM, or where another thread says so, by SystemExit in the main thread.

    Args:
        before_exit: what must be done where the main thread does not come to its end in time; quick. It is given
            whether storage may still be written.
        grace_s: how long it may take.
    """

    def __init__(self, before_exit: Callable[[bool], None], grace_s: float = GRACE_S) -> None:
        self._before_exit = before_exit
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._status: int | None = None
        self._raised = False

    def install(self) -> None:
        """Takes the signal; in the main thread. As a container's first process this one would never feel it otherwise."""
        signal.signal(signal.SIGTERM, self._told)

    def unwanted(self, gone: bool) -> None:
        """Ends the attempt: at once where its StageRun is gone, since its folder may be removed this moment."""
        if gone:
            self._before_exit(False)
            os._exit(EXIT_UNWANTED)
        self._begin(EXIT_UNWANTED)
        os.kill(os.getpid(), signal.SIGTERM)

    def _told(self, number: int, frame: FrameType | None) -> None:
        status = self._begin(EXIT_TERMINATED)
        if not self._raised:  # a second signal must not end what the first one unwinds
            self._raised = True
            raise SystemExit(status)

    def _begin(self, status: int) -> int:
        with self._lock:
            if self._status is None:
                self._status = status
                timer = threading.Timer(self._grace_s, self._exit)
                timer.daemon = True
                timer.start()
            return self._status

    def _exit(self) -> None:
        logger.warning("the stage did not end within %.0f s of being told to", self._grace_s)
        self._before_exit(True)
        os._exit(self._status or EXIT_TERMINATED)
