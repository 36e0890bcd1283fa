"""What an attempt is made of outside the digest, as a short hash: where it changes, a failed stage is worth another attempt.

It is taken from the manifest that an attempt made now would have, so nothing that shapes a pod is forgotten: images, compute,
scheduling, storage, the names of Secrets. What a Secret holds is not in it, because the operator reads none.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from prompt2model_api.graph import stages_of
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_operator.manifests.job_files import JOB_VOLUME, NoTeacherError, stage_settings
from prompt2model_operator.manifests.stage_jobs import stage_workload
from prompt2model_operator.settings import Settings

LENGTH = 12
DIGEST = "0" * 64
"""The manifest carries the stage run's name; which one it is makes no difference here."""


def attempt_bases(resource: Prompt2Model, settings: Settings) -> dict[Stage, str]:
    """The hash for each stage of the resource; none for a stage that cannot be made now, for want of a teacher."""
    found = {}
    for stage in stages_of(resource.spec):
        try:
            found[stage] = _basis(stage, resource, settings)
        except NoTeacherError:
            continue
    return found


def _basis(stage: Stage, resource: Prompt2Model, settings: Settings) -> str:
    spec = StageRunSpec(resource=resource.metadata.name, stage=stage, digest=DIGEST, storage="/")
    run = StageRun(metadata=resource.metadata, spec=spec)
    told = stage_settings(stage, resource, settings)
    made_of = {
        "manifest": _without_job(stage_workload(run, 1, resource, settings)),
        "teacher": told.teacher.dump() if told.teacher is not None else None,
        "named": told.named.dump() if told.named is not None else None,
        "retries": resource.spec.retries.dump(),
        "deadlines": resource.spec.deadlines.dump(),
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:LENGTH]


def _without_job(tree: Any) -> Any:
    """The manifest without the volume of the job: its name is a hash over the whole resource, most of which is another stage's."""
    if isinstance(tree, dict):
        return {key: _without_job(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_without_job(one) for one in tree if not (isinstance(one, dict) and one.get("name") == JOB_VOLUME)]
    return tree
