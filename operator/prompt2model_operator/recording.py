"""Keeps an eye on the record: does MLflow answer, does it have what storage has, and if not, has it brought in step.

MLflow is the record, never the road: nothing here stops or delays a stage or a service.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.clients.kubernetes_api import ApiError, ConflictError, KubernetesApi
from prompt2model_operator.clients.mlflow_api import MlflowApi, MlflowProblemError, Recorded
from prompt2model_operator.kinds import DEPLOYMENT, JOB, PROMPT2MODEL, ROLE, STAGERUN
from prompt2model_operator.manifests.record_jobs import tracking_job
from prompt2model_operator.manifests.service import ServedModel, is_rolled_out, served_model
from prompt2model_operator.manifests.tracking_secrets import tracking_secret
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Key, Store

Body = dict[str, Any]

GOING = ("Running", "Retrying", "Blocked")
LOOK_EVERY_S = 30.0
FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 600.0
"""Between two jobs that record the same resource."""


@dataclass
class Record:
    """What is known of a resource's record. `tracked` and `problem` go into the snapshot."""

    tracked: bool | None = None
    problem: str = ""
    run_url: str | None = None
    looked: float = float("-inf")
    seen: frozenset[str] = frozenset()
    jobs: int = 0
    next_job: float = 0.0
    champion: str = ""
    """The train folder whose model has the alias."""


class Recording:
    """Looks into MLflow for the worker."""

    def __init__(self, api: KubernetesApi, store: Store, settings: Settings, mlflow: MlflowApi | None) -> None:
        self._api = api
        self._store = store
        self._settings = settings
        self._mlflow = mlflow

    async def look(self, resource: Prompt2Model, record: Record) -> float | None:
        """Brings the record's state up to date; returns in how many seconds to look again, None where all is recorded."""
        if self._mlflow is None:
            return None
        key = resource.metadata.namespace, resource.metadata.name
        runs = self._store.owned(STAGERUN, key)
        phases = {run["metadata"]["name"]: (run.get("status") or {}).get("phase") for run in runs}
        done = frozenset(name for name, phase in phases.items() if phase == "Succeeded")
        ended = bool(done) and not any(phase in GOING for phase in phases.values())
        served = self._served(key)
        crowned = served is None or served.train == record.champion
        if record.tracked and record.seen == done and ended and crowned:
            return None
        if time.monotonic() - record.looked < LOOK_EVERY_S and record.seen == done:
            return LOOK_EVERY_S
        record.looked, record.seen = time.monotonic(), done
        try:
            found = await self._mlflow.recorded(*key)
        except MlflowProblemError as error:
            record.tracked = False
            record.problem = f"MLflow at {self._settings.tracking.uri} {error}"
            return LOOK_EVERY_S
        record.problem, record.run_url = "", found.run_url
        missing = done - found.stage_runs
        record.tracked = not missing
        await self._write_pages(runs, found)
        if served is not None and not crowned:
            await self._crown(key, served, runs, record)
        if missing and not self._at_work(key, runs):
            self._mlflow.doubt(key[0])  # what keeps the record behind may be the namespace's user
            await self._record(resource, record)
        return None if ended and not missing else LOOK_EVERY_S

    def _at_work(self, key: Key, runs: list[Body]) -> bool:
        """Whether a stage runs, or has its result and its pod is about to record it: the recorder is beside it."""
        if any((run.get("status") or {}).get("phase") == "Running" for run in runs):
            return True
        stages = [job for job in self._store.owned(JOB, key) if job["metadata"]["labels"].get(ROLE) == "stage"]
        return any(not _is_over(job) for job in stages)

    def _served(self, key: Key) -> ServedModel | None:
        """The model that answers."""
        deployment = self._store.get(DEPLOYMENT, key)
        return served_model(deployment) if deployment is not None and is_rolled_out(deployment) else None

    async def _crown(self, key: Key, served: ServedModel, runs: list[Body], record: Record) -> None:
        """The model that answers is the champion."""
        short = served.train.removeprefix("train-")
        digest = next((r["spec"]["digest"] for r in runs if r["spec"]["digest"].startswith(short)), "")
        if digest and self._mlflow is not None and await self._mlflow.crown(*key, digest):
            record.champion = served.train

    async def _record(self, resource: Prompt2Model, record: Record) -> None:
        """Starts a recorder of its own, none beside a living one, ever more rarely where it does not help."""
        key = resource.metadata.namespace, resource.metadata.name
        jobs = [b for b in self._store.owned(JOB, key) if b["metadata"]["labels"].get(ROLE) == "tracking"]
        if any(not _is_over(job) for job in jobs) or time.monotonic() < record.next_job:
            return
        record.jobs += 1
        record.next_job = time.monotonic() + min(FIRST_WAIT_S * 2 ** (record.jobs - 1), LONGEST_WAIT_S)
        taken = {job["metadata"]["name"] for job in jobs}
        attempt = record.jobs
        while (job := tracking_job(resource, self._settings, attempt))["metadata"]["name"] in taken:
            attempt += 1
        if (secret := tracking_secret(key[0], self._store.all(PROMPT2MODEL), self._settings)) is not None:
            try:
                await self._api.apply(secret)
            except ApiError as error:
                record.problem = (
                    f"The Secret {secret['metadata']['name']} with MLflow's credentials was refused ({error})"
                )
                return
        try:
            self._store.put(JOB, await self._api.create(job))
        except ConflictError:
            return

    async def _write_pages(self, runs: list[Body], found: Recorded) -> None:
        """The pages of stage runs that were recorded after their end, or under another address: nobody else writes them."""
        for run in runs:
            name, status = run["metadata"]["name"], run.get("status") or {}
            page = found.stage_run_urls.get(name)
            if page is not None and status.get("runURL") != page:
                body = {
                    "apiVersion": STAGERUN.api_version,
                    "kind": STAGERUN.kind,
                    "metadata": {"name": name, "namespace": run["metadata"]["namespace"]},
                    "status": {"runURL": page},
                }
                self._store.put(STAGERUN, await self._api.apply(body, "status", manager="prompt2model-record"))


def _is_over(job: Body) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(c.get("type") in ("Complete", "Failed") and c.get("status") == "True" for c in conditions)
