"""Where a job's files lie: the resource's folder, the stage run's own, those of the stages before it, the journal."""

from __future__ import annotations

from prompt2model_api.stage_job import StageJob
from prompt2model_stages.storage import Folder


def resource_folder(job: StageJob) -> Folder:
    """<root>/<namespace>/<name>."""
    return Folder(job.stage_run.spec.storage)


def own_folder(job: StageJob) -> Folder:
    """The stage run's folder: everything that the stage writes, result.json last."""
    return resource_folder(job) / job.folder_name


def teacher_folder(job: StageJob) -> Folder:
    """The journal, outside any digest."""
    return resource_folder(job) / "teacher"


def input_folder(job: StageJob, stage: str) -> Folder:
    """The folder of an upstream stage run. Raises: KeyError where the stage is not upstream."""
    return resource_folder(job) / job.stage_run.spec.inputs[stage]
