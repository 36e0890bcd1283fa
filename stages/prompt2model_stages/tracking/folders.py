"""A resource's folder as the recorder sees it: the resource, its stage runs, and what each of them has written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from prompt2model_api.graph import parameters, stages_of
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Stage, StageRun, StageRunPhase
from prompt2model_stages.reporting import FAILURE, METRICS, ResultFile
from prompt2model_stages.storage import Folder

STAGE_RUN = "stage_run.json"
RESOURCE = "resource.yaml"
DEPLOYED = "deployed.json"


@dataclass(frozen=True)
class StageFolder:
    """One stage run's folder, read once: its name, the stage run, the result where there is one, the failure likewise."""

    name: str
    folder: Folder
    run: StageRun
    result: ResultFile | None
    failure: dict[str, Any] | None
    seen: str
    """Changes whenever something that is recorded changed."""

    @property
    def stage(self) -> Stage:
        """The stage."""
        return self.run.spec.stage

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs in the result; empty where there is none."""
        return self.result.outputs.dump() if self.result is not None else {}

    def status(self, live: bool) -> str:
        """MLflow's word for where the stage run stands.

        Args:
            live: whether somebody still works at the resource; an unfinished stage run that nobody works at was killed.
        """
        if self.result is not None:
            return "FINISHED"
        if self.run.status.phase in (StageRunPhase.FAILED, StageRunPhase.BLOCKED):
            return "FAILED"
        if not live:
            return "KILLED"
        return "SCHEDULED" if self.run.status.phase is StageRunPhase.PENDING else "RUNNING"

    def modified_ms(self, name: str) -> int | None:
        """When the file was written last, in milliseconds since 1970; None where the storage does not say."""
        try:
            moment = self.folder.filesystem.modified(self.folder.path(name))
        except (OSError, NotImplementedError):
            return None
        return int(moment.timestamp() * 1000) if isinstance(moment, datetime) else None


def read_resource(folder: Folder) -> Prompt2Model | None:
    """The resource as it was run last; None where none is written yet."""
    try:
        return Prompt2Model.model_validate(yaml.safe_load(folder.read_bytes(RESOURCE)))
    except FileNotFoundError:
        return None


def read_stage_folders(folder: Folder, only: str | None = None) -> list[StageFolder]:
    """All stage runs, or the one in the folder named `only`, in the order of the flow; of one stage, in order of start."""
    prefixes = tuple(f"{stage.value}-" for stage in Stage)
    names = [only] if only else [name for name in folder.names() if name.startswith(prefixes)]
    found = [read_stage_folder(folder / name, name) for name in names]
    order = {stage: place for place, stage in enumerate(Stage)}
    present = [one for one in found if one is not None]
    return sorted(present, key=lambda one: (order[one.stage], str(one.run.status.started_at or ""), one.name))


def current(resource: Prompt2Model, stages: list[StageFolder]) -> dict[Stage, StageFolder]:
    """Of each stage that the resource needs now, the stage run of its spec of now; the one started last where none is of it.

    An edit and its reversal leave stage runs of both: the one that was started last is not always the one that counts.

    Args:
        resource: as it was run last.
        stages: all its stage runs; of one stage in the order of their start.
    """
    found: dict[Stage, StageFolder] = {}
    for stage in Stage:
        done = {before: one.result.outputs for before, one in found.items() if one.result is not None}
        wanted = stages_of(resource.spec, done)
        ones = [one for one in stages if one.stage is stage and stage in wanted]
        inputs = {before.value: found[before].name for before in wanted.get(stage, ()) if before in found}
        of_now = [
            one
            for one in ones
            if one.run.spec.inputs == inputs and one.run.spec.parameters == parameters(resource.spec, stage)
        ]
        if ones:
            found[stage] = (of_now or ones)[-1]
    return found


def read_stage_folder(folder: Folder, name: str) -> StageFolder | None:
    """One stage run's folder; None where the stage run is not written yet."""
    contents = {file: _bytes(folder, file) for file in (STAGE_RUN, ResultFile.NAME, FAILURE)}
    written = contents[STAGE_RUN]
    if written is None:
        return None
    size = folder.filesystem.size(folder.path(METRICS)) if folder.exists(METRICS) else 0
    seen = hashlib.sha256(repr((sorted(contents.items()), size)).encode()).hexdigest()[:16]
    run = StageRun.model_validate_json(written)
    result = ResultFile.read_if_whole(folder)
    return StageFolder(name, folder, run, result, _tree(contents[FAILURE]), seen)


def _bytes(folder: Folder, name: str) -> bytes | None:
    try:
        return folder.read_bytes(name)
    except FileNotFoundError:
        return None


def _tree(content: bytes | None) -> dict[str, Any] | None:
    return None if content is None else dict(json.loads(content))
