"""The report on a resource's data, from the stage runs' folders; and its page, which MLflow keeps with prepare's run."""

from __future__ import annotations

import json
from collections.abc import Iterable

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Stage, StageRunPhase
from prompt2model_stages.data_report import OF_DATA, DataSources, StageData, page_of, report_of
from prompt2model_stages.reporting import PROGRESS
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.folders import StageFolder, read_resource, read_stage_folder

PAGE = "data.html"


def data_sources(resource: Prompt2Model, stages: Iterable[StageFolder], live: bool) -> DataSources:
    """What the report is made of.

    Args:
        resource: as it was run last.
        stages: one of each stage at most.
        live: whether somebody works at the resource now; a stage run that nobody works at was stopped.
    """
    found = {one.stage: one for one in stages}
    return DataSources(
        name=f"{resource.metadata.namespace}/{resource.metadata.name}",
        spec=resource.spec,
        stages={stage: _data(found[stage], live) for stage in OF_DATA if stage in found},
    )


def data_page(resource_folder: Folder, stage: StageFolder) -> tuple[str, bytes] | None:
    """The page that follows from a result of prepare or train, and the name of prepare's folder; None where there is none.

    It is made anew with train's result, which says how many tokens the rows have. The same folders give the same bytes.

    Args:
        resource_folder: <root>/<namespace>/<name>.
        stage: with its result.

    Raises: ValueError where a file of the data is damaged; OSError.
    """
    name = stage.name if stage.stage is Stage.PREPARE else stage.run.spec.inputs.get(Stage.PREPARE.value)
    if (stage.stage is not Stage.PREPARE and stage.stage is not Stage.TRAIN) or name is None:
        return None
    resource, prepared = read_resource(resource_folder), read_stage_folder(resource_folder / name, name)
    if resource is None or prepared is None or prepared.result is None:
        return None
    before = (read_stage_folder(resource_folder / one, one) for one in prepared.run.spec.inputs.values())
    known = [one for one in before if one is not None]
    stages = [*known, prepared, *([stage] if stage.stage is Stage.TRAIN else [])]
    sources = data_sources(resource, stages, live=True)
    return name, page_of(report_of(sources, resource.spec.seed))


def _data(stage: StageFolder, live: bool) -> StageData:
    outputs = stage.result.outputs if stage.result is not None else None
    return StageData(stage.run, stage.folder, outputs, _state(stage, live))


def _state(stage: StageFolder, live: bool) -> str:
    """Where a stage run stands, in words."""
    phase = stage.run.status.phase
    if stage.result is not None:
        return "done"
    if phase in (StageRunPhase.FAILED, StageRunPhase.BLOCKED):
        return f"{phase.value.lower()} ({failure.reason})" if (failure := stage.run.status.failure) else phase.value
    if phase is StageRunPhase.PENDING:
        return "not started"
    return f"{'running' if live else 'stopped'}{_progress(stage.folder)}"


def _progress(folder: Folder) -> str:
    """Such as `, 12 of 40 examples`; nothing where it is not known."""
    try:
        tree = json.loads(folder.read_bytes(PROGRESS))
        return f", {float(tree['done']):,.0f} of {float(tree['total']):,.0f} {tree.get('unit', '')}".rstrip()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
