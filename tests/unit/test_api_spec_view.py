"""What a stage sees of the spec: its own fields, and an error that names any other."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from prompt2model_api.graph import GRAPH, parameters
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.spec_view import FieldNotReadError, spec_read_by
from prompt2model_api.stage_run import Stage, StageRunSpec

pytestmark = pytest.mark.unit

SPEC = Prompt2ModelSpec.model_validate(
    {
        "prompt": "Say it in words.",
        "teacher": {"baseURL": "http://127.0.0.1:1/v1", "model": "m", "budget": {"unlimited": True}},
        "training": {"epochs": 7, "checkpointEvery": 9},
        "seed": 5,
    }
)


def seen_by(stage: Stage, spec: Prompt2ModelSpec = SPEC) -> Prompt2ModelSpec:
    given = parameters(spec, stage)
    run = StageRunSpec(resource="r", stage=stage, digest="0" * 64, storage="/s", parameters=given)
    return spec_read_by(run)


def value_at(spec: Any, path: str) -> Any:
    for key in path.split("."):
        if spec is None:
            return None
        names = {
            (field.alias or name): name for name, field in type(getattr(spec, "_model", spec)).model_fields.items()
        }
        spec = getattr(spec, names[key])
    return spec


@pytest.mark.parametrize("stage", Stage)
def test_every_field_that_a_stage_reads_has_the_value_that_was_written(stage: Stage) -> None:
    seen = seen_by(stage)
    for path in GRAPH[stage].reads:
        assert value_at(seen, path) == value_at(SPEC, path), path


@pytest.mark.parametrize("stage", Stage)
def test_any_other_field_is_refused_by_name(stage: Stage) -> None:
    seen, refused = seen_by(stage), 0
    for name, field in Prompt2ModelSpec.model_fields.items():
        path = field.alias or name
        if not any(read == path or read.startswith(f"{path}.") for read in GRAPH[stage].reads):
            refused += 1
            with pytest.raises(FieldNotReadError, match=rf"{stage} looks at spec\.{path}, which is not in its `reads`"):
                getattr(seen, name)
    assert refused > 5


def test_a_field_beside_one_that_is_read_is_refused_too() -> None:
    seen = seen_by(Stage.TRAIN)
    assert seen.training.epochs == 7
    with pytest.raises(FieldNotReadError, match=r"spec\.training\.checkpointEvery"):
        _ = seen.training.checkpoint_every
    with pytest.raises(FieldNotReadError, match=r"spec\.teacher\.budget"):
        _ = seen_by(Stage.GENERATE).teacher.budget  # type: ignore[union-attr]


def test_a_part_that_is_not_set_is_none_and_a_whole_value_is_itself() -> None:
    unset = Prompt2ModelSpec.model_validate({"prompt": "p"})
    assert seen_by(Stage.GENERATE, unset).teacher is None
    assert seen_by(Stage.GENERATE).generation.temperature == SPEC.generation.temperature


def test_it_goes_to_other_processes_and_is_never_changed() -> None:
    training = pickle.loads(pickle.dumps(seen_by(Stage.TRAIN).training))
    assert training.epochs == 7
    with pytest.raises(FieldNotReadError):
        _ = training.workers
    with pytest.raises(AttributeError):
        training.epochs = 1
