"""Checkpoints of a training in <stage folder>/checkpoints/step-000050/: weights, optimizer, position.

One appears whole or not at all: state.json is its last file. Two are kept, so that a broken one costs an interval and
not the training, and the weights of the best beside them. The order of rows and the dropout masks follow from the
step's number, so there is no other state.
"""

from __future__ import annotations

import errno
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
STATE = "state.json"
WEIGHTS = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
KEPT = 2
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Position:
    """Where a training stands.

    step: steps done.
    best_step, best_loss: of the best validation so far.
    worse: epochs since then.
    tokens, seconds: trained on, and spent on it, over all attempts.
    """

    step: int = 0
    best_step: int = 0
    best_loss: float = float("inf")
    worse: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Checkpoints:
    """The checkpoints in a folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def save(self, position: Position, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Writes one for the position and removes those that are needed no longer.

        Raises: OSError, with ENOSPC where the disk is full.
        """
        name = _name(position.step)
        with self._space() as scratch:
            _save(_weights(model), scratch / WEIGHTS)
            _save(_moments(model, optimizer), scratch / OPTIMIZER)
            self._publish(scratch, name, position)
        self._prune(position.best_step)

    def restore(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position | None:
        """Loads the newest whole checkpoint and returns its position; None where there is none."""
        for step in reversed(self._steps()):
            folder = self._folder / _name(step)
            if not folder.exists(OPTIMIZER):
                continue
            try:
                with folder.as_local() as local:
                    weights, moments = load_file(local / WEIGHTS), load_file(local / OPTIMIZER)
            except (SafetensorError, OSError) as error:
                logger.warning("checkpoint %s cannot be read, an older one is taken: %s", folder.uri, error)
                continue
            _load(model, weights)
            _load_moments(model, optimizer, moments)
            return Position(**folder.read_json(STATE))
        return None

    def load_weights(self, step: int, model: torch.nn.Module) -> None:
        """Loads the weights of one checkpoint. Raises: FileNotFoundError."""
        with (self._folder / _name(step)).as_local() as local:
            _load(model, load_file(local / WEIGHTS))

    def _steps(self) -> list[int]:
        names = [name for name in self._folder.names() if name.startswith("step-")]
        return [int(name.removeprefix("step-")) for name in names if (self._folder / name).exists(STATE)]

    def _prune(self, best: int) -> None:
        steps = self._steps()
        for step in steps[:-KEPT]:
            if step == best:
                (self._folder / _name(step)).remove(OPTIMIZER)
            else:
                self._folder.remove(_name(step))

    @contextmanager
    def _space(self) -> Iterator[Path]:
        """A local folder to write into: beside the target where that is local, so that publishing is a rename."""
        root = self._folder.local
        if root is not None:
            root.mkdir(parents=True, exist_ok=True)
            for left in root.glob(".half-*"):
                shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".half-", ignore_cleanup_errors=True) as scratch:
            (Path(scratch) / "new").mkdir()
            yield Path(scratch) / "new"

    def _publish(self, scratch: Path, name: str, position: Position) -> None:
        if self._folder.local is None:
            self._folder.put(scratch, name)
            (self._folder / name).write_json(STATE, asdict(position))
            return
        Folder(str(scratch)).write_json(STATE, asdict(position))
        self._folder.remove(name)
        scratch.rename(self._folder.local / name)


def _name(step: int) -> str:
    return f"step-{step:06d}"


def _weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Each parameter once, however many layers share it."""
    return {name: parameter.detach().contiguous() for name, parameter in model.named_parameters()}


def _moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for name, parameter in model.named_parameters():
        state: dict[str, Any] = optimizer.state.get(parameter, {})
        found |= {f"{name}/{key}": state[key].contiguous() for key in MOMENTS if key in state}
    return found


def _load(model: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])


def _load_moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer, moments: dict[str, torch.Tensor]) -> None:
    for name, parameter in model.named_parameters():
        if f"{name}/step" in moments:
            found = {key: moments[f"{name}/{key}"] for key in MOMENTS}
            optimizer.state[parameter] = {key: tensor.to(parameter.device) for key, tensor in found.items()}


def _save(tensors: dict[str, torch.Tensor], file: Path) -> None:
    try:
        save_file(tensors, file)
    except SafetensorError as error:
        if "os error 28" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device", str(file)) from error
        raise
