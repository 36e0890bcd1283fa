"""Who may write the journal, where a store has no locks: an object that its holder renews.

Whoever wants it writes an object of his own and looks who else did. Seeing nobody alive, he has it; seeing somebody, he
takes his own back and tries again. Two that come at once see each other, and both step back for a random while. An object
that is not renewed for LEASE_S counts as dead: the store's own times are compared, so that no two clocks have to agree. A
holder that could not renew it in time no longer writes: what is not in the journal is not sent.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
import uuid
from datetime import datetime, timedelta

from prompt2model_stages.errors import StageError, retrying
from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

PREFIX = "lease-"
LEASE_S = 30.0
"""How long a holder that says nothing may be alive."""
RENEW_S = 7.0
SURE_S = 20.0
"""So long after a renewal began the holder knows that nobody else has it; the rest of LEASE_S is for slow requests."""
WAIT_S = 2 * LEASE_S
"""Time for one dead holder, and some."""
LEFT_S = 600.0
"""Objects of the dead this old are removed."""


class Lease:
    """The right to write in a folder, from `open` to `close`."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._renewed = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_closed, name="lease", daemon=True)

    @classmethod
    async def open(cls, folder: Folder, wait_s: float = WAIT_S) -> Lease:
        """Waits for it. Raises: StageError, Retrying, TeacherJournalInUse; and what the store raises."""
        lease = cls(folder, f"{PREFIX}{uuid.uuid4().hex[:12]}.json")
        deadline = time.monotonic() + wait_s
        while not await asyncio.to_thread(lease._taken):
            if time.monotonic() > deadline:
                raise _in_use(folder)
            await asyncio.sleep(random.uniform(0.5, 2.0))
        lease._thread.start()
        return lease

    def check(self) -> None:
        """Raises: StageError, Retrying, where somebody else may have it by now."""
        if time.monotonic() - self._renewed > SURE_S:
            raise retrying(
                "TeacherJournalLost",
                f"The storage did not take a sign of life for {SURE_S:.0f} s, so another process may ask the teacher now.",
                "Nothing: the next attempt goes on with every answer so far.",
            )

    async def close(self) -> None:
        """Gives it back."""
        self._closing.set()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._folder.remove, self._name)

    def _taken(self) -> bool:
        """One try: whether nobody else is there."""
        self._renew()
        others = [name for name in self._folder.names() if name.startswith(PREFIX) and name != self._name]
        now = self._written_at(self._name)
        if now is not None and not any(self._is_alive(name, now) for name in others):
            return True
        self._folder.remove(self._name)
        return False

    def _is_alive(self, name: str, now: datetime) -> bool:
        """Whether somebody renews that object; long dead ones are removed."""
        written = self._written_at(name)
        if written is None:
            return False
        age = now - written
        if age > timedelta(seconds=LEFT_S):
            self._folder.remove(name)
        return age <= timedelta(seconds=LEASE_S)

    def _written_at(self, name: str) -> datetime | None:
        try:
            written: datetime = self._folder.filesystem.modified(self._folder.path(name))
            return written
        except FileNotFoundError:
            return None

    def _renew(self) -> None:
        began = time.monotonic()
        self._folder.write_json(self._name, {"renewed": round(time.time(), 3)})
        self._renewed = began

    def _renew_until_closed(self) -> None:
        while not self._closing.wait(RENEW_S):
            try:
                self._renew()
            except (
                Exception
            ) as error:  # each storage's library has errors of its own; `check` tells when it is too late
                logger.warning("the journal's lease could not be renewed: %s", error)


def _in_use(folder: Folder) -> StageError:
    return retrying(
        "TeacherJournalInUse",
        f"Another process of this resource is asking the teacher: {folder.uri} has a live lease.",
        "Wait for it, or end it; two at once could spend more than the budget.",
    )
