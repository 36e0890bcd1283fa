"""From what `decide` asks for to requests. Each may be repeated: names are fixed, and what is there already is left alone."""

from __future__ import annotations

import logging
from typing import Any

from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.snapshot import (
    Action,
    Deploy,
    MakeStageRun,
    SetStageRunStatus,
    StartAttempt,
    StopAttempt,
    Undeploy,
)
from prompt2model_api.stage_run import StageRun, StageRunStatus
from prompt2model_operator.clients.kubernetes_api import ApiError, ConflictError, KubernetesApi
from prompt2model_operator.kinds import BY_KIND, CLAIM, CONFIGMAP, JOB, PROMPT2MODEL, RAYJOB, STAGERUN, Kind
from prompt2model_operator.manifests.access import access
from prompt2model_operator.manifests.common import claim, metadata, owned_by
from prompt2model_operator.manifests.job_files import NoTeacherError, job_file
from prompt2model_operator.manifests.network import ray_policy
from prompt2model_operator.manifests.service import ServedModel
from prompt2model_operator.manifests.stage_jobs import attempt_name, is_rayjob, stage_workload
from prompt2model_operator.manifests.tracking_secrets import tracking_secret
from prompt2model_operator.refusals import REFUSALS, CannotStartError, named, no_teacher
from prompt2model_operator.serving import Applied, ServiceKeeper
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Store

Body = dict[str, Any]
logger = logging.getLogger(__name__)

OPERATORS_FIELDS = (
    *("phase", "attempt", "startedAt", "failures", "interruptions", "blocks", "furthest", "basis", "retry"),
    *("failure", "retryAt", "state"),
)


class Applier:
    """Applies actions for one resource."""

    def __init__(
        self, api: KubernetesApi, store: Store, settings: Settings, resource: Prompt2Model, applied: dict[str, Applied]
    ) -> None:
        self._api = api
        self._store = store
        self._settings = settings
        self._resource = resource
        self._namespace = resource.metadata.namespace
        self._service = ServiceKeeper(api, store, settings, resource, applied)

    async def apply(self, action: Action) -> None:
        """Does what the action says. Raises: ApiError, CannotStartError."""
        match action:
            case MakeStageRun(run):
                await self._make_stage_run(run)
            case SetStageRunStatus(name, status):
                await self._set_status(name, status)
            case StartAttempt(name, attempt):
                await self._start(name, attempt)
            case StopAttempt(name, attempt):
                await self._stop(name, attempt)
            case Deploy():
                await self._deploy(action)
            case Undeploy():
                await self._service.remove()

    async def keep_service(self) -> float | None:
        """Brings the service's objects in step. Returns after how many seconds to look again, if at all."""
        return await self._service.keep()

    async def _make_stage_run(self, run: StageRun) -> None:
        labels = {"prompt2model.dev/stage": run.spec.stage.value}
        body = metadata(STAGERUN, run.metadata.name, self._resource, labels)
        body["spec"] = run.spec.dump()
        await self._create(STAGERUN, owned_by(body, self._resource))

    async def _set_status(self, name: str, status: StageRunStatus) -> None:
        own = {key: value for key, value in status.dump().items() if key in OPERATORS_FIELDS}
        body = {
            "apiVersion": STAGERUN.api_version,
            "kind": STAGERUN.kind,
            "metadata": {"name": name, "namespace": self._namespace},
            "status": own,
        }
        self._store.put(STAGERUN, await self._api.apply(body, "status"))

    async def _start(self, name: str, attempt: int) -> None:
        body = self._store.get(STAGERUN, (self._namespace, name))
        if body is None:
            raise ApiError(0, f"StageRun {name} has not been seen yet.")
        run, resource, settings = StageRun.model_validate(body), self._resource, self._settings
        try:
            workload = stage_workload(run, attempt, resource, settings)
        except NoTeacherError:
            raise CannotStartError(no_teacher()) from None
        await self._claim()
        await self._credentials()
        for manifest in access(run, resource):
            await self._create(BY_KIND[manifest["kind"]], manifest)
        if is_rayjob(run.spec.stage, settings):
            await self._apply(ray_policy(resource, settings))
        await self._create(CONFIGMAP, job_file(run, resource, settings))
        await self._create(BY_KIND[workload["kind"]], workload)

    async def _credentials(self) -> None:
        """MLflow's credentials, for the pod's recorder. Without them the work goes on: `Recording` says what is missing."""
        secret = tracking_secret(self._namespace, self._store.all(PROMPT2MODEL), self._settings)
        if secret is None:
            return
        try:
            await self._api.apply(secret)
        except ApiError as error:
            if error.status not in REFUSALS:
                raise
            logger.warning("the Secret %s with MLflow's credentials was refused: %s", secret["metadata"]["name"], error)

    async def _claim(self) -> None:
        manifest = claim(self._resource, self._settings, CLAIM, self._settings.storage)
        if manifest is not None:
            await self._create(CLAIM, manifest)

    async def _create(self, kind: Kind, manifest: Body) -> None:
        """Makes it unless it is there; the store knows it from now on."""
        try:
            with named(kind):
                made = await self._api.create(manifest)
            self._store.put(kind, made)
        except ConflictError:
            name = manifest["metadata"]["name"]
            found = await self._api.get(kind, self._namespace, name)
            owner = _owner(manifest) or self._resource.metadata.uid
            if found["metadata"].get("deletionTimestamp") or _owner(found) not in (None, owner):
                raise ApiError(409, f"{kind.kind} {name} of an earlier resource is not deleted yet.") from None
            self._store.put(kind, found)

    async def _apply(self, manifest: Body) -> None:
        """Applies an object that follows the settings."""
        with named(BY_KIND[manifest["kind"]]):
            await self._api.apply(manifest)

    async def _stop(self, name: str, attempt: int) -> None:
        body = self._store.get(STAGERUN, (self._namespace, name))
        if body is None:
            return
        workload = attempt_name(StageRun.model_validate(body), attempt)
        for kind in (JOB, RAYJOB):
            if self._store.get(kind, (self._namespace, workload)) is not None:
                await self._api.delete(kind, self._namespace, workload)

    async def _deploy(self, action: Deploy) -> None:
        runs = {}
        for name in (action.train, action.evaluate):
            body = self._store.get(STAGERUN, (self._namespace, name))
            if body is None:
                raise ApiError(0, f"StageRun {name} has not been seen yet.")
            runs[name] = StageRun.model_validate(body).spec
        folders = [stage_folder(runs[n].stage, runs[n].digest) for n in (action.train, action.evaluate)]
        await self._service.hold(ServedModel(folders[0], folders[1], action.digest, action.model_sha256))


def _owner(body: Body) -> str | None:
    """The UID of the object that this one is deleted with."""
    owners: list[Body] = body["metadata"].get("ownerReferences") or []
    return owners[0]["uid"] if owners else None
