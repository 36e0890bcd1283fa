"""What a report is made of: a resource's stage runs that make data, and what they have written so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_stages.storage import Folder


@dataclass(frozen=True)
class StageData:
    """A stage run: where its files are, and its outputs, None while it has no result.

    state: where it stands, in words: `done`, or `running, 12 of 40 examples`.
    """

    run: StageRun
    folder: Folder
    outputs: StageOutputs | None
    state: str


@dataclass(frozen=True)
class DataSources:
    """The stage runs of a resource that count, by stage.

    name: <namespace>/<name>.
    spec: as it was run last.
    """

    name: str
    spec: Prompt2ModelSpec
    stages: Mapping[Stage, StageData]

    def done(self, stage: Stage) -> StageData | None:
        """The stage run, where it has its result."""
        found = self.stages.get(stage)
        return found if found is not None and found.outputs is not None else None
