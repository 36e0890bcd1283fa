"""Which of several stage runs of one stage counts for the resource's own record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.graph import digest, inputs, parameters, stages_of
from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.stage_run import Stage, StageRun, StageRunPhase, StageRunSpec, StageRunStatus
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.folders import StageFolder, current

pytestmark = pytest.mark.unit


def resource(**fields: Any) -> Prompt2Model:
    body = {"instruction": "Write the date as YYYY-MM-DD.", "demonstrations": [{"input": "May 3", "output": "05-03"}]}
    return Prompt2Model(metadata=Metadata(name="dates"), spec=Prompt2ModelSpec.model_validate(body | fields))


def runs_of(of: Prompt2Model, failed: Stage | None = None) -> list[StageFolder]:
    """One stage run of each stage of the resource, in the order of the flow."""
    digests: dict[Stage, str] = {}
    found = []
    for stage, before in stages_of(of.spec).items():
        digests[stage] = digest(of.spec, stage, {one: digests[one] for one in before})
        name = stage_folder(stage, digests[stage])
        spec = StageRunSpec(
            resource="dates",
            stage=stage,
            digest=digests[stage],
            storage="/runs/default/dates",
            parameters=parameters(of.spec, stage),
            inputs=inputs(stage, digests),
        )
        phase = StageRunPhase.FAILED if stage is failed else StageRunPhase.SUCCEEDED
        run = StageRun(metadata=Metadata(name=f"dates-{name}"), spec=spec, status=StageRunStatus(phase=phase))
        found.append(StageFolder(name, Folder(str(Path("/nowhere"))), run, None, None, ""))
    return found


def by_flow(*runs: StageFolder) -> list[StageFolder]:
    """As they are read: by stage, then by start."""
    unique: dict[str, StageFolder] = {}
    for one in runs:
        unique.setdefault(one.name, one)
    return sorted(unique.values(), key=lambda one: list(Stage).index(one.stage))


def names(runs: Iterable[StageFolder]) -> list[str]:
    return [one.name for one in runs]


def test_after_an_edit_the_stage_runs_of_the_edit_count() -> None:
    first, second = resource(), resource(training={"epochs": 9})
    old, new = runs_of(first, failed=Stage.TRAIN), runs_of(second)
    assert names(current(second, by_flow(*old, *new)).values()) == names(new)


def test_an_edit_that_is_taken_back_counts_no_more() -> None:
    first, second = resource(), resource(training={"epochs": 9})
    old, new = runs_of(first), runs_of(second, failed=Stage.TRAIN)
    assert names(current(first, by_flow(*old, *new)).values()) == names(old)


def test_the_inputs_of_a_stage_run_tell_whose_it_is_where_its_own_fields_are_the_same() -> None:
    first, second = resource(), resource(datasets={"maxRows": 50})
    old, new = runs_of(first), runs_of(second, failed=Stage.EVALUATE)
    counted = current(first, by_flow(*old, *new))
    assert counted[Stage.EVALUATE] == old[-1] and counted[Stage.TRAIN] in old


def test_a_stage_that_is_needed_no_more_does_not_count() -> None:
    first, second = resource(), resource(generation={"enabled": False})
    old, new = runs_of(first, failed=Stage.GENERATE), runs_of(second)
    assert Stage.GENERATE not in current(second, by_flow(*old, *new))


def test_of_stage_runs_that_are_of_no_known_spec_the_last_one_counts() -> None:
    old, new = runs_of(resource(training={"epochs": 8})), runs_of(resource(training={"epochs": 9}))
    counted = current(resource(training={"epochs": 7}), by_flow(*old, *new))
    assert counted[Stage.TRAIN] == next(one for one in new if one.stage is Stage.TRAIN)
