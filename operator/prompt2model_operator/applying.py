"""From what `decide` asks for to requests. Each may be repeated: names are fixed, and what is there already is left alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prompt2model_api.conditions import Failure, FailureState
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
from prompt2model_api.texts import cut
from prompt2model_operator.clients.kubernetes_api import ApiError, ConflictError, KubernetesApi, NotFoundError
from prompt2model_operator.kinds import (
    AUTOSCALER,
    BY_KIND,
    CLAIM,
    CONFIGMAP,
    DEPLOYMENT,
    DISRUPTIONBUDGET,
    HTTPROUTE,
    JOB,
    MANAGED_BY,
    MANAGER,
    PROMPT2MODEL,
    RAYJOB,
    SERVICE,
    STAGERUN,
    Kind,
)
from prompt2model_operator.manifests.access import access
from prompt2model_operator.manifests.common import claim, metadata, owned_by
from prompt2model_operator.manifests.network import ray_policy
from prompt2model_operator.manifests.service import APPLIED, ServedModel, served_model, service_objects
from prompt2model_operator.manifests.stage_jobs import (
    NoTeacherError,
    attempt_name,
    is_rayjob,
    job_file,
    stage_workload,
)
from prompt2model_operator.manifests.tracking_secrets import tracking_secret
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Store

Body = dict[str, Any]
logger = logging.getLogger(__name__)

OPERATORS_FIELDS = (
    *("phase", "attempt", "startedAt", "failures", "interruptions", "blocks", "furthest", "basis", "retry"),
    *("failure", "retryAt"),
)


REFUSALS = (400, 403, 413, 422)
"""What an admission policy, a quota, a missing permission or a schema answers: the same request does not help."""


class CannotStartError(Exception):
    """An object of an attempt or of the service cannot be made; the failure says why and what to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Applier:
    """Applies actions for one resource."""

    def __init__(self, api: KubernetesApi, store: Store, settings: Settings, resource: Prompt2Model) -> None:
        self._api = api
        self._store = store
        self._settings = settings
        self._resource = resource
        self._namespace = resource.metadata.namespace
        self._key = resource.metadata.namespace, resource.metadata.name

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
                await self.remove_service()

    async def keep_service(self) -> None:
        """Applies the service again where the resource's serving fields, or the chart's, changed its manifests."""
        deployment = self._store.get(DEPLOYMENT, self._key)
        served = served_model(deployment) if deployment is not None else None
        if deployment is not None and served is not None and self._resource.spec.service.enabled:
            await self._apply_service(served)

    async def remove_service(self) -> None:
        """Removes everything of the service."""
        for kind in (DEPLOYMENT, AUTOSCALER, DISRUPTIONBUDGET, SERVICE):
            await self._api.delete(kind, *self._key)
        if self._settings.service.http_route is not None:
            await self._api.delete(HTTPROUTE, *self._key)

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
            raise CannotStartError(_no_teacher()) from None
        await self._claim()
        await self._credentials()
        for manifest in access(run, resource):
            await self._create(BY_KIND[manifest["kind"]], manifest)
        if is_rayjob(run.spec.stage, settings):
            await self._apply(ray_policy(resource, settings))
        if (file := job_file(run, attempt, resource, settings)) is not None:
            await self._create(CONFIGMAP, file)
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
            with _named(kind):
                made = await self._api.create(manifest)
            self._store.put(kind, made)
        except ConflictError:
            name = manifest["metadata"]["name"]
            found = await self._api.get(kind, self._namespace, name)
            if found["metadata"].get("deletionTimestamp"):
                raise ApiError(409, f"{kind.kind} {name} of an earlier resource is still being deleted.") from None
            self._store.put(kind, found)

    async def _apply(self, manifest: Body) -> None:
        """Applies an object that follows the settings."""
        with _named(BY_KIND[manifest["kind"]]):
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
        await self._check_names()
        await self._apply_service(ServedModel(folders[0], folders[1], action.digest, action.model_sha256))

    async def _check_names(self) -> None:
        """Objects of the resource's name that somebody else made are left alone."""
        if self._store.get(DEPLOYMENT, self._key) is not None:
            return
        for kind in (DEPLOYMENT, SERVICE):
            try:
                found = await self._api.get(kind, *self._key)
            except NotFoundError:
                continue
            if (found["metadata"].get("labels") or {}).get(MANAGED_BY) != MANAGER:
                raise CannotStartError(_taken(kind, self._resource.metadata.name))

    async def _apply_service(self, served: ServedModel) -> None:
        objects = service_objects(self._resource, served, self._settings)
        wanted = objects[-1]["metadata"]["annotations"][APPLIED]
        known = self._store.get(DEPLOYMENT, self._key)
        if known is not None and (known["metadata"].get("annotations") or {}).get(APPLIED) == wanted:
            return
        for manifest in objects:
            kind = BY_KIND[manifest["kind"]]
            with _named(kind):
                made = await self._api.apply(manifest)
            if kind is DEPLOYMENT:
                self._store.put(DEPLOYMENT, made)


@contextmanager
def _named(kind: Kind) -> Iterator[None]:
    """Raises: CannotStartError for what only a change in the cluster fixes, so that the status says it."""
    try:
        yield
    except ApiError as error:
        if error.status == 404 and kind in (RAYJOB, HTTPROUTE):
            raise CannotStartError(_no_kuberay(error) if kind is RAYJOB else _no_gateway(error)) from None
        if error.status in REFUSALS:
            raise CannotStartError(_refused(kind, error)) from None
        raise


def _blocked(reason: str, message: str, remedy: str) -> Failure:
    return Failure(state=FailureState.BLOCKED, reason=reason, message=cut(message), remedy=remedy)


def _no_teacher() -> Failure:
    message = "The resource names no teacher, and the operator has no embedded one."
    return _blocked("NoTeacher", message, "Write spec.teacher, or install the chart with teacher.enabled=true.")


def _no_kuberay(error: ApiError) -> Failure:
    message = f"The cluster has no RayJob (ray.io/v1): {error}"
    return _blocked("KubeRayMissing", message, "Install KubeRay's operator with its CRDs; it goes on by itself.")


def _no_gateway(error: ApiError) -> Failure:
    message = f"The chart's settings.service.httpRoute asks for an HTTPRoute, and the cluster has none: {error}"
    return _blocked("GatewayAPIMissing", message, "Install the Gateway API's CRDs, or remove the setting.")


def _refused(kind: Kind, error: ApiError) -> Failure:
    remedy = "Fix the quota, the policy or the field that it names; it goes on by itself."
    return _blocked("Refused", f"The API server refused the {kind.kind}: {error}", remedy)


def _taken(kind: Kind, name: str) -> Failure:
    message = f"{kind.kind} {name} is there already and is not of this resource."
    return _blocked("NameTaken", message, "Remove it, or give the Prompt2Model another name.")
