"""After a deletion. Owner references do the work; this only makes it quicker, and does what they cannot.

Nothing waits for it and no finalizer is ours: with the operator down, the garbage collector ends all workloads all the same.
"""

from __future__ import annotations

import logging
from typing import Any

from pydantic import ValidationError

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.clients.kubernetes_api import ConflictError, KubernetesApi, NotFoundError
from prompt2model_operator.clients.mlflow_api import MlflowApi
from prompt2model_operator.kinds import JOB, PROMPT2MODEL, RAYJOB, ROLE
from prompt2model_operator.manifests.common import storage_uri
from prompt2model_operator.manifests.record_jobs import storage_removal_job
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Key, Store

Body = dict[str, Any]
logger = logging.getLogger(__name__)


class Deleter:
    """Tidies up after resources that are gone."""

    def __init__(self, api: KubernetesApi, store: Store, settings: Settings, mlflow: MlflowApi | None) -> None:
        self._api = api
        self._store = store
        self._settings = settings
        self._mlflow = mlflow
        self._gone: dict[Key, Body] = {}

    def remember(self, key: Key, body: Body) -> None:
        """Keeps the last that was seen of a deleted resource, for its next look."""
        self._gone[key] = body

    async def end_workloads(self, key: Key) -> None:
        """Ends what still runs for a resource that is gone. Raises: ApiError."""
        if not await self._is_gone(key):
            return
        for kind in (RAYJOB, JOB):
            for body in self._store.owned(kind, key):
                meta = body["metadata"]
                if meta["labels"].get(ROLE) != "cleanup" and not meta.get("deletionTimestamp"):
                    await self._api.delete(kind, *(meta["namespace"], meta["name"]))
        if (last := self._gone.pop(key, None)) is not None:
            await self._retain(key, last)

    async def _is_gone(self, key: Key) -> bool:
        try:
            found = await self._api.get(PROMPT2MODEL, *key)
        except NotFoundError:
            return True
        return bool(found["metadata"].get("deletionTimestamp"))

    async def _retain(self, key: Key, body: Body) -> None:
        """What `retention` says of storage and registry."""
        try:
            resource = Prompt2Model.model_validate({**body, "status": None})
        except ValidationError:
            return
        retention = resource.spec.retention
        if self._mlflow is not None:
            await self._mlflow.tidy(*key, unregister=retention.registry == "Delete")
        on_own_claim = storage_uri(resource, self._settings) is None and resource.spec.storage.claim is None
        if retention.storage == "Delete" and not on_own_claim:  # our claim goes with its owner
            try:
                await self._api.create(storage_removal_job(resource, self._settings))
            except ConflictError:
                return
