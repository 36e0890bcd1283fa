"""The file with a stage's job: a ConfigMap, because Kubernetes expands $(NAME) and $$ in environment values and arguments.

It is named by its content and holds no attempt number, so that attempts with the same job share one object, and a pod never
mounts a job that was written for another spec.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from prompt2model_api.graph import GRAPH, licenses_for, own_resources
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.spec.teacher import Budget, Limits, TeacherSpec
from prompt2model_api.spec.training import Resources
from prompt2model_api.stage_job import Named, StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunStatus
from prompt2model_operator.kinds import CONFIGMAP, ROLE, STAGE_RUN
from prompt2model_operator.manifests.common import metadata, owned_by
from prompt2model_operator.settings import Settings

Body = dict[str, Any]

JOB_FOLDER = "/job"
JOB_KEY = "job.json"
JOB_VOLUME = "job"
EMBEDDED_SLOTS = 4


class NoTeacherError(Exception):
    """The resource names no teacher, and the chart has none."""


def job_file(run: StageRun, resource: Prompt2Model, settings: Settings) -> Body:
    """The ConfigMap that the pods of an attempt mount at JOB_FOLDER. Raises: NoTeacherError."""
    text = _job(run, resource, settings)
    name = f"{run.metadata.name}-job-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    body = metadata(CONFIGMAP, name, resource, {STAGE_RUN: run.metadata.name, ROLE: "job"})
    return owned_by({**body, "immutable": True, "data": {JOB_KEY: text}}, run)


def _job(run: StageRun, resource: Prompt2Model, settings: Settings) -> str:
    """The StageJob as JSON, without the number of the attempt."""
    stage = run.spec.stage
    job = StageJob(
        stage_run=run.model_copy(update={"status": StageRunStatus()}),
        attempt=1,
        settings=stage_settings(stage, resource, settings),
        resource=resource.model_copy(update={"status": None}),
    )
    tree = {key: value for key, value in job.dump().items() if key != "attempt"}
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def stage_settings(stage: Stage, resource: Prompt2Model, settings: Settings) -> StageSettings:
    """What an attempt made now is told. Raises: NoTeacherError."""
    training = resource.spec.training
    return StageSettings(
        teacher=_teacher(resource, settings) if GRAPH[stage].uses_teacher else None,
        named=Named.of(resource.spec) if stage is Stage.DISCOVER else None,
        catalogs=settings.catalogs.uri if stage is Stage.DISCOVER else None,
        licenses=licenses_for(resource.spec, stage),
        workers=training.workers,
        checkpoint_every=training.checkpoint_every,
        resources=own_resources(resource.spec, stage) or Resources(),
        tracking_uri=settings.tracking.uri,
        tracking_public_url=settings.tracking.public_url,
    )


def _teacher(resource: Prompt2Model, settings: Settings) -> TeacherSpec:
    if resource.spec.teacher is not None:
        return resource.spec.teacher
    if settings.teacher.url is None:
        raise NoTeacherError
    return TeacherSpec(
        base_url=settings.teacher.url,
        model=settings.teacher.model,
        limits=Limits(concurrency=EMBEDDED_SLOTS),
        budget=Budget(unlimited=True),
    )
