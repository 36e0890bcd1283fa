"""Holds the objects of a service as they should be: missing ones are made, changed ones put back, unwanted ones removed.

Each object carries a hash of its manifest. It is applied where that hash, or a field of the manifest, differs from what the
watches saw, so nothing is written while all is well. What others added beside it stays, as server-side apply has it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_operator.clients.kubernetes_api import ApiError, KubernetesApi, NotFoundError
from prompt2model_operator.draining import move_mark
from prompt2model_operator.kinds import (
    AROUND_SERVICE,
    BY_KIND,
    BY_SETTING,
    DEPLOYMENT,
    MANAGED_BY,
    MANAGER,
    POD,
    ROLE,
    STAGERUN,
    Kind,
)
from prompt2model_operator.manifests.differences import covers, fingerprint
from prompt2model_operator.manifests.service import (
    APPLIED,
    ServedModel,
    can_move,
    moved_from,
    replicas_manifest,
    served_model,
    service_objects,
    wanted_replicas,
)
from prompt2model_operator.refusals import CannotStartError, named, taken
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Store, key_of

Body = dict[str, Any]
logger = logging.getLogger(__name__)

HOLD_S = 10.0
"""A changed object is put back no sooner after its last apply: where somebody else keeps writing it, so would we."""
REPLICAS_MANAGER = "prompt2model-replicas"
"""Field manager of the number of replicas alone, so that giving it to the autoscaler does not reset it to one."""


@dataclass(frozen=True)
class Applied:
    """An object's last apply: the hash of its manifest, when, and what the API server made of it."""

    mark: str
    at: float
    answer: str


class ServiceKeeper:
    """Keeps one resource's service.

    Args:
        applied: what was applied before, by kind; lives as long as the operator.
    """

    def __init__(
        self, api: KubernetesApi, store: Store, settings: Settings, resource: Prompt2Model, applied: dict[str, Applied]
    ) -> None:
        self._api = api
        self._store = store
        self._settings = settings
        self._resource = resource
        self._applied = applied
        self._key = resource.metadata.namespace, resource.metadata.name

    async def keep(self) -> float | None:
        """Holds the service that is there, or should be. Raises: ApiError, CannotStartError. Returns: as `hold`."""
        if not self._resource.spec.service.enabled:
            await self.remove()
            return None
        deployment = self._store.get(DEPLOYMENT, self._key)
        served = served_model(deployment) if deployment is not None and self._is_own(deployment) else None
        served = served or self._served_before()
        return await self.hold(served) if served is not None else None

    async def hold(self, served: ServedModel) -> float | None:
        """Brings every object in step with its manifest; one that is refused does not keep the others from it.

        Returns: seconds after which to look again, where an object is not applied yet because somebody else changes it.
        Raises: ApiError, CannotStartError.
        """
        wanted = service_objects(self._resource, served, self._settings, self._moved())
        for manifest in wanted:
            await self._look_up(manifest)
        await self._remove_others(wanted)
        waits: list[float] = []
        refused: list[CannotStartError] = []
        for manifest in [m for m in wanted if self._differs(m)]:
            try:
                waits += await self._apply(manifest, manifest["metadata"]["annotations"][APPLIED])
            except CannotStartError as error:
                refused.append(error)
        if refused:
            raise refused[0]
        waits += await self._scale()
        return min(waits, default=None)

    async def remove(self) -> None:
        """Removes everything of the service."""
        await self._remove_others([])

    def _moved(self) -> str:
        """Where the only replica last had to leave a node that is drained."""
        deployment = self._store.get(DEPLOYMENT, self._key)
        if not can_move(self._resource, self._settings):
            return moved_from(deployment)
        mark = move_mark(deployment, self._store.owned(POD, self._key), self._store)
        if mark != moved_from(deployment):
            names = {"resource_namespace": self._key[0], "resource": self._key[1]}
            logger.info("the service's only replica moves: its node is cordoned (%s)", mark, extra=names)
        return mark

    def _served_before(self) -> ServedModel | None:
        """The model that the status says was served, where its Deployment is gone."""
        status = self._resource.status
        if status is None or status.service is None or self._resource.spec.suspend:
            return None
        runs = [StageRun.model_validate(body) for body in self._store.owned(STAGERUN, self._key) if self._is_own(body)]
        folders = {stage_folder(run.spec.stage, run.spec.digest): run for run in runs}
        for folder, run in folders.items():
            train = run.spec.inputs.get(Stage.TRAIN.value, "")
            result = folders[train].status.result if train in folders else None
            sha256 = result.outputs.model_sha256 if result is not None else None
            if run.spec.stage is Stage.EVALUATE and run.spec.digest == status.service.digest and sha256 is not None:
                return ServedModel(train, folder, run.spec.digest, sha256)
        return None

    async def _look_up(self, manifest: Body) -> None:
        """Asks for an object that no watch has brought: one of this name that somebody else made is left alone."""
        kind, key = BY_KIND[manifest["kind"]], key_of(manifest)
        found = self._store.get(kind, key)
        if found is None:
            try:
                found = await self._api.get(kind, *key)
            except NotFoundError:
                return
        if self._is_own(found):
            self._store.put(kind, found)
        elif (found["metadata"].get("labels") or {}).get(MANAGED_BY) != MANAGER:
            raise CannotStartError(taken(kind, key[1]))
        elif found["metadata"].get("ownerReferences"):
            raise ApiError(409, f"{kind.kind} {key[1]} of an earlier resource is still being deleted.")

    def _differs(self, manifest: Body) -> bool:
        """Whether the object is not as its manifest says, beyond what the API server made of it at the last apply."""
        kind = BY_KIND[manifest["kind"]]
        found = self._store.get(kind, key_of(manifest))
        if found is None:
            return True
        last, mark = self._applied.get(kind.plural), manifest["metadata"]["annotations"][APPLIED]
        if last is not None and last.mark == mark and last.answer == fingerprint(found):
            return False
        return not covers(found, manifest)

    async def _apply(self, manifest: Body, mark: str) -> list[float]:
        """Applies one object. Returns: the seconds to wait for, where it was applied a moment ago."""
        kind = BY_KIND[manifest["kind"]]
        last, there = self._applied.get(kind.plural), self._store.get(kind, key_of(manifest)) is not None
        if there and last is not None and last.mark == mark and (left := last.at + HOLD_S - time.monotonic()) > 0:
            return [left]
        self._say(kind, manifest, mark)
        with named(kind):
            made = await self._api.apply(manifest)
        self._store.put(kind, made)
        self._applied[kind.plural] = Applied(mark, time.monotonic(), fingerprint(made))
        return []

    async def _scale(self) -> list[float]:
        """Sets the number of replicas, where the autoscaler does not say it or would leave it at none."""
        deployment = self._store.get(DEPLOYMENT, self._key)
        if deployment is None or deployment["spec"].get("replicas", 1) == wanted_replicas(self._resource, deployment):
            return []
        wanted, last = wanted_replicas(self._resource, deployment), self._applied.get(REPLICAS_MANAGER)
        mark = f"{deployment['metadata']['uid']} {wanted}"
        if last is not None and last.mark == mark and (left := last.at + HOLD_S - time.monotonic()) > 0:
            return [left]
        made = await self._api.apply(replicas_manifest(self._resource, wanted), manager=REPLICAS_MANAGER)
        self._store.put(DEPLOYMENT, made)
        self._applied[REPLICAS_MANAGER] = Applied(mark, time.monotonic(), "")
        return []

    async def _remove_others(self, wanted: list[Body]) -> None:
        """Removes what belongs to the service and is not wanted, such as the autoscaler of a fixed number of replicas."""
        kept = {(manifest["kind"], key_of(manifest)) for manifest in wanted}
        for kind in (DEPLOYMENT, *AROUND_SERVICE, *BY_SETTING):
            for body in self._store.owned(kind, self._key):
                of_service = body["metadata"]["labels"].get(ROLE) == "service"
                if of_service and self._is_own(body) and (kind.kind, key_of(body)) not in kept:
                    await self._api.delete(kind, *key_of(body))
                    self._store.drop(kind, body)

    def _is_own(self, body: Body) -> bool:
        """Whether the object belongs to this resource, and not to a deleted one of its name."""
        owners = [owner["uid"] for owner in body["metadata"].get("ownerReferences", [])]
        return self._resource.metadata.uid in owners

    def _say(self, kind: Kind, manifest: Body, mark: str) -> None:
        """One line where a person, or another program, removed or changed the object."""
        last, found = self._applied.get(kind.plural), self._store.get(kind, key_of(manifest))
        before = ((found or {"metadata": {}})["metadata"].get("annotations") or {}).get(APPLIED)
        if (found is None and last is None) or (found is not None and before != mark):
            return
        what = "was deleted and is made again" if found is None else "was changed and is put back"
        names = {"resource_namespace": self._key[0], "resource": self._key[1]}
        logger.info("%s %s %s", kind.kind, manifest["metadata"]["name"], what, extra=names)
