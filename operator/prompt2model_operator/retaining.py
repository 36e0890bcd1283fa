"""What a resource asks to be removed after its deletion: written down before anything is made, done once it is gone.

Notes are ConfigMaps (manifests/retention_notes.py). A note stays until all that it says is done, whoever was away meanwhile:
the API server, MLflow, the storage, or the operator itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.clients.kubernetes_api import ConflictError, KubernetesApi, NotFoundError
from prompt2model_operator.clients.mlflow_api import MlflowApi
from prompt2model_operator.kinds import CONFIGMAP, JOB, MANAGED_BY, MANAGER, POD, RESOURCE, RESOURCE_UID, ROLE
from prompt2model_operator.manifests.common import claim_name, folder_uri
from prompt2model_operator.manifests.record_jobs import storage_removal_job
from prompt2model_operator.manifests.retention_notes import RETENTION, noted_resource, removes_storage, retention_note
from prompt2model_operator.refusals import CannotStartError, named
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Key, key_of, owner_of

Body = dict[str, Any]
logger = logging.getLogger(__name__)

JOB_NAME = "batch.kubernetes.io/job-name"
"""The label that Kubernetes gives the pods of a Job."""
NOTES = f"{MANAGED_BY}={MANAGER},{ROLE}={RETENTION}"


class Retainer:
    """Keeps the notes, and does what they say."""

    def __init__(self, api: KubernetesApi, settings: Settings, mlflow: MlflowApi | None) -> None:
        self._api = api
        self._settings = settings
        self._mlflow = mlflow
        self._notes: dict[Key, dict[str, Body]] = {}

    async def read(self, namespaces: Iterable[str | None]) -> set[Key]:
        """Reads all notes; returns the resources that have one. Raises: ApiError."""
        found: dict[Key, dict[str, Body]] = {}
        for namespace in namespaces:
            for note in (await self._api.list(CONFIGMAP, namespace, NOTES)).items:
                if (owner := owner_of(note)) is not None:
                    found.setdefault(owner, {})[note["metadata"]["name"]] = note
        self._notes = found
        return set(found)

    async def note(self, resource: Prompt2Model) -> None:
        """Brings the notes in line with the resource; those of an earlier resource of its name are settled.

        Raises: ApiError, CannotStartError where the API server refuses a note.
        """
        key = resource.metadata.namespace, resource.metadata.name
        wanted = retention_note(resource, self._settings)
        known = self._notes.setdefault(key, {})
        name = wanted["metadata"]["name"] if wanted is not None else None
        if wanted is not None and name not in known:
            known[str(name)] = await self._write(wanted)
        for other, note in list(known.items()):
            if other == name:
                continue
            if await self._is_settled(note, resource, replaced=wanted is not None):
                await self._forget(key, note)

    async def _is_settled(self, note: Body, living: Prompt2Model, *, replaced: bool) -> bool:
        """Whether nothing of a note is left to do while a resource of its name lives.

        Args:
            replaced: the resource has another note now. One of its own about another place stays: the results are there.
        """
        if note["metadata"]["labels"].get(RESOURCE_UID) == living.metadata.uid:
            return not replaced or self._is_of_same_place(note, living)
        if self._is_of_same_place(note, living):
            logger.warning("%s is kept: a new resource of the same name uses it", folder_uri(living, self._settings))
            await self._stop_clearing(note)
            return True
        return await self._do(note, name_is_taken=True)

    async def settle(self, key: Key) -> bool:
        """Does what the notes of a resource that is gone say; whether all of it is done. Raises: ApiError."""
        for note in list(self._notes.get(key, {}).values()):
            if await self._do(note):
                await self._forget(key, note)
        return not self._notes.get(key)

    async def _write(self, note: Body) -> Body:
        try:
            with named(CONFIGMAP):
                return await self._api.create(note)
        except ConflictError:
            return note

    async def _forget(self, key: Key, note: Body) -> None:
        await self._api.delete(CONFIGMAP, *key_of(note))
        self._notes.get(key, {}).pop(note["metadata"]["name"], None)  # read anew meanwhile, it may be gone already

    async def _stop_clearing(self, note: Body) -> None:
        """Ends the Job that removes what a new resource uses. Raises: ApiError, CannotStartError while a pod of it is at work."""
        job = storage_removal_job(noted_resource(note), self._settings)
        namespace, name = key_of(job)
        try:
            found = await self._api.get(JOB, namespace, name)
        except NotFoundError:
            found = None
        if found is not None and not _is_complete(found):
            await self._api.delete(JOB, namespace, name)
        pods = (await self._api.list(POD, namespace, f"{JOB_NAME}={name}")).items
        if any((pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed") for pod in pods):
            raise CannotStartError(_busy(note["metadata"]["labels"][RESOURCE], name))

    def _is_of_same_place(self, note: Body, living: Prompt2Model) -> bool:
        """Whether a resource of the same name goes on with what the note would remove."""
        try:
            return self._place(noted_resource(note)) == self._place(living)
        except (ValidationError, KeyError):
            return False

    def _place(self, resource: Prompt2Model) -> tuple[str | None, str]:
        """The claim and the folder, which is the same on all claims."""
        return claim_name(resource, self._settings), folder_uri(resource, self._settings)

    async def _do(self, note: Body, *, name_is_taken: bool = False) -> bool:
        """Does what a note says, as far as it can be done now; whether that is all of it.

        Args:
            name_is_taken: a new resource has the name, and with it the model in the registry.
        """
        try:
            resource = noted_resource(note)
        except (ValidationError, KeyError) as error:
            logger.warning("the note %s/%s cannot be read and is removed: %s", *key_of(note), error)
            return True
        unregistered = name_is_taken or await self._unregister(resource)
        return await self._clear_storage(resource) and unregistered

    async def _unregister(self, resource: Prompt2Model) -> bool:
        if self._mlflow is None or resource.spec.retention.registry != "Delete":
            return True
        return await self._mlflow.tidy(resource.metadata.namespace, resource.metadata.name, unregister=True)

    async def _clear_storage(self, resource: Prompt2Model) -> bool:
        """A Job does it. One that failed is made anew once its time to live has removed it."""
        if not removes_storage(resource, self._settings):
            return True
        job = storage_removal_job(resource, self._settings)
        try:
            found = await self._api.get(JOB, *key_of(job))
        except NotFoundError:
            return await self._start(job)
        return _is_complete(found)

    async def _start(self, job: Body) -> bool:
        """Makes the Job; whether there is nothing to do, because the namespace is gone."""
        try:
            await self._api.create(job)
        except NotFoundError:
            return True
        except ConflictError:
            return False
        return False


def _is_complete(job: Body) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Complete" and c.get("status") == "True" for c in conditions)


def _busy(resource: str, job: str) -> Failure:
    """A new resource waits for the pods that still remove what an earlier one left."""
    return Failure(
        state=FailureState.BLOCKED,
        reason="StorageBusy",
        message=f"The storage of an earlier {resource} is still being cleared by the pods of the Job {job}.",
        remedy="It starts by itself once they have ended. A pod on a node that is lost has to be deleted with --force.",
    )
