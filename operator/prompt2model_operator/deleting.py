"""After a deletion. Owner references do the work; this only makes it quicker, and does what they cannot.

Nothing waits for it and no finalizer is ours: with the operator down, the garbage collector ends all workloads all the same.
What has to be removed beyond that stands in notes (retaining.py), so it is done once somebody is there to do it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.clients.kubernetes_api import KubernetesApi, NotFoundError
from prompt2model_operator.clients.mlflow_api import MlflowApi
from prompt2model_operator.kinds import JOB, PROMPT2MODEL, RAYJOB, ROLE
from prompt2model_operator.refusals import CannotStartError
from prompt2model_operator.retaining import Retainer
from prompt2model_operator.store import Key, Store

Body = dict[str, Any]
logger = logging.getLogger(__name__)


class Deleter:
    """Tidies up after resources that are gone."""

    def __init__(self, api: KubernetesApi, store: Store, retainer: Retainer, mlflow: MlflowApi | None) -> None:
        self._api = api
        self._store = store
        self._retainer = retainer
        self._mlflow = mlflow
        self._gone: dict[Key, Body] = {}

    def remember(self, key: Key, body: Body) -> None:
        """Keeps the last that was seen of a deleted resource, for its next look."""
        self._gone[key] = body

    async def note(self, resource: Prompt2Model) -> None:
        """Writes down what is to be removed after the deletion. Raises: ApiError, CannotStartError."""
        await self._retainer.note(resource)

    async def settle(self, key: Key) -> bool:
        """Ends what still runs for a resource that is gone, and removes what it asked for; whether all of it is done.

        Raises: ApiError; what is not done yet is done in the next look.
        """
        try:
            found = await self._api.get(PROMPT2MODEL, *key)
        except NotFoundError:
            found = None
        if found is not None and not found["metadata"].get("deletionTimestamp"):
            return True
        await self._end_workloads(key)
        if found is not None:
            return True  # it is going, not gone: its end wakes this again
        try:
            await self._take_last_word(key)
        except CannotStartError as error:
            logger.warning("what is to be removed after the deletion cannot be noted: %s", error)
            return False
        return await self._retainer.settle(key)

    async def _end_workloads(self, key: Key) -> None:
        for kind in (RAYJOB, JOB):
            for body in self._store.owned(kind, key):
                meta = body["metadata"]
                if meta["labels"].get(ROLE) != "cleanup" and not meta.get("deletionTimestamp"):
                    await self._api.delete(kind, *(meta["namespace"], meta["name"]))

    async def _take_last_word(self, key: Key) -> None:
        """An edit right before the deletion counts, where it was seen. The runs in MLflow are closed, if MLflow is there."""
        last = self._gone.get(key)
        if last is None:
            return
        with suppress(ValidationError):  # such a spec was never followed
            await self._retainer.note(Prompt2Model.model_validate({**last, "status": None}))
        if self._mlflow is not None:
            await self._mlflow.tidy(*key, unregister=False)
        self._gone.pop(key)
