"""Kinds of others that are installed while stage runs wait for them: these are tried again at once, not after their back-off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from prompt2model_api.stage_run import StageRunPhase
from prompt2model_operator.clients.kubernetes_api import ApiError, KubernetesApi, NotFoundError
from prompt2model_operator.kinds import RAYJOB, SELECTOR, STAGERUN
from prompt2model_operator.store import Key, Store, owner_of
from prompt2model_operator.waking import Waker

logger = logging.getLogger(__name__)

EVERY_S = 3.0
WAITED_FOR = {"KubeRayMissing": RAYJOB}
"""Reasons of Blocked stage runs, and the kind whose arrival fixes it."""


class Arrivals:
    """Since when the kinds that stage runs waited for are there.

    came_at: by the reason that holds no more; a stage run that was started before is tried again at its next look.
    """

    def __init__(self, api: KubernetesApi, store: Store, waker: Waker) -> None:
        self._api, self._store, self._waker = api, store, waker
        self.came_at: dict[str, datetime] = {}

    async def watch(self, namespaces: Sequence[str | None]) -> None:
        """For ever. The API server is asked only while a stage run waits for a kind."""
        while True:
            try:
                await self.look(namespaces)
            except ApiError as error:
                logger.info("the API server could not be asked for a missing kind, tried again: %s", error)
            await asyncio.sleep(EVERY_S)

    async def look(self, namespaces: Sequence[str | None]) -> None:
        """Wakes the resources whose stage runs wait for a kind that is there now and was not before."""
        for reason, kind in WAITED_FOR.items():
            waiting = self._waiting(reason)
            if not waiting:
                continue
            try:
                await self._api.list(kind, namespaces[0], SELECTOR)
            except NotFoundError:
                self.came_at.pop(reason, None)
                continue
            if reason in self.came_at:
                continue  # they were woken when it came, and are blocked again: that is for the back-off
            self.came_at[reason] = datetime.now(UTC)
            for key in waiting:
                self._waker.wake(key)

    def _waiting(self, reason: str) -> set[Key]:
        found = set()
        for body in self._store.all(STAGERUN):
            status, owner = body.get("status") or {}, owner_of(body)
            blocked = status.get("phase") == StageRunPhase.BLOCKED and status.get("retryAt")
            if owner is not None and blocked and (status.get("failure") or {}).get("reason") == reason:
                found.add(owner)
        return found
