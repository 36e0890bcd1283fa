"""Checkpoints that are not what was written: half a file, a flipped bit; the one before is taken and the reason said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prompt2model_stages.errors import StageError
from prompt2model_stages.storage import Folder
from prompt2model_stages.train.checkpoints import Checkpoints, Position

pytestmark = pytest.mark.unit


def training(value: float) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """A model whose weights are all `value`, with an optimizer that made a step which changed nothing."""
    model = torch.nn.Linear(8, 8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model, optimizer


def saved(folder: Path, best: int = 0) -> None:
    for step in (5, 10):
        Checkpoints(Folder(str(folder))).save(Position(step=step, best_step=best), *training(float(step)))


def restored(folder: Path) -> tuple[Position | None, float, dict[int, str]]:
    model, optimizer = training(0.0)
    checkpoints = Checkpoints(Folder(str(folder)))
    position = checkpoints.restore(model, optimizer)
    return position, float(next(model.parameters()).detach()[0, 0]), checkpoints.broken


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 0x40
    file.write_bytes(content)


def halved(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def another_number(file: Path) -> None:
    file.write_text(file.read_text("utf-8").replace('"step": 10', '"step": 18'), "utf-8")


def without_files(file: Path) -> None:
    file.write_text("{}", "utf-8")


BREAKS: list[tuple[str, Callable[[Path], None]]] = [
    ("state.json", halved),
    ("state.json", another_number),
    ("state.json", without_files),
    ("model.safetensors", flipped),
    ("model.safetensors", halved),
    ("optimizer.safetensors", flipped),
    ("optimizer.safetensors", halved),
]


@pytest.mark.parametrize(("name", "broken"), BREAKS, ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_checkpoint_is_named_and_the_older_one_taken(
    tmp_path: Path, name: str, broken: Callable[[Path], None]
) -> None:
    saved(tmp_path)
    broken(tmp_path / "step-000010" / name)
    position, weight, why = restored(tmp_path)
    assert position is not None and (position.step, weight) == (5, 5.0)
    assert list(why) == [10] and name in why[10]


def test_whole_checkpoints_are_taken_and_the_broken_one_goes_with_the_next_that_is_written(tmp_path: Path) -> None:
    saved(tmp_path)
    position, weight, why = restored(tmp_path)
    assert position is not None and (position.step, weight, why) == (10, 10.0, {})
    flipped(tmp_path / "step-000010" / "model.safetensors")
    model, optimizer = training(0.0)
    checkpoints = Checkpoints(Folder(str(tmp_path)))
    checkpoints.restore(model, optimizer)
    checkpoints.save(Position(step=7), model, optimizer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000005", "step-000007"]


def test_a_checkpoint_whose_best_weights_are_broken_is_not_used_and_the_end_says_why(tmp_path: Path) -> None:
    saved(tmp_path, best=5)
    flipped(tmp_path / "step-000005" / "model.safetensors")
    with pytest.raises(StageError) as caught:
        Checkpoints(Folder(str(tmp_path))).load_weights(5, training(0.0)[0])
    assert (caught.value.failure.state, caught.value.failure.reason) == ("Retrying", "CheckpointBroken")
    position, weight, why = restored(tmp_path)
    assert (position, weight) == (None, 0.0) and sorted(why) == [5, 10]
