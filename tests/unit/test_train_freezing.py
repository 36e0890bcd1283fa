"""Frozen layers: which weights are left as they are, in either family."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt2model_stages.errors import StageError
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.freezing import freeze_lowest
from prompt2model_stages.train.objective import Objective, optimizer_of
from tests.tiny_students import tiny_llama, tiny_t5

pytestmark = pytest.mark.unit


def moved_by_a_step(folder: Path, layers: int) -> set[str]:
    """Names of the weights that one step of training changes."""
    student = Student.load(folder, None, 64, 16)
    freeze_lowest(student.model, layers)
    before = {name: weight.detach().clone() for name, weight in student.model.named_parameters()}
    batch = student.batch(student.encode_training(["a b c", "d"], ["x", "y z"]))
    objective = Objective(student, batch)
    optimizer = optimizer_of(objective)
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    objective(batch)[0].backward()
    optimizer.step()
    return {name for name, weight in student.model.named_parameters() if not weight.equal(before[name])}


def test_decoder_only(tmp_path: Path) -> None:
    tiny_llama(tmp_path, layers=3)
    every = moved_by_a_step(tmp_path, 0)
    moved = moved_by_a_step(tmp_path, 2)
    assert moved < every and "model.norm.weight" in moved and "lm_head.weight" in moved
    assert {name.split(".")[2] for name in moved if ".layers." in name} == {"2"}
    assert not any("embed" in name for name in moved)


def test_encoder_decoder(tmp_path: Path) -> None:
    tiny_t5(tmp_path, layers=2)
    moved = moved_by_a_step(tmp_path, 1)
    encoder = {name.split(".")[2] for name in moved if name.startswith("encoder.block")}
    decoder = {name.split(".")[2] for name in moved if name.startswith("decoder.block")}
    assert (encoder, decoder) == ({"1"}, {"0", "1"}) and not any("shared" in name for name in moved)


def test_one_layer_at_least_is_trained(tmp_path: Path) -> None:
    tiny_llama(tmp_path, layers=2)
    with pytest.raises(StageError) as refused:
        moved_by_a_step(tmp_path, 2)
    assert refused.value.failure.reason == "TooManyFrozenLayers" and "Write 1 at most" in refused.value.failure.remedy
