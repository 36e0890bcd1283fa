"""Checkpoints of a training in <stage folder>/checkpoints/step-000050/: weights, optimizer, position.

One appears whole or not at all: state.json is its last file. It holds size and CRC-32 of the others and a CRC-32 of its
own, so that half a file or a flipped bit is found when it is read, and the one before is taken. (A CRC finds every
accident and costs a second where SHA-256 costs four on CPUs without instructions for it.) Two are kept, and the weights of
the best beside them. The order of rows and the dropout masks follow from the step's number, so there is no other state.
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from prompt2model_stages.errors import retrying
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
    initial_loss: before the first step, on some of the training rows.
    """

    step: int = 0
    best_step: int = 0
    best_loss: float = float("inf")
    worse: int = 0
    tokens: int = 0
    seconds: float = 0.0
    initial_loss: float = 0.0


class BrokenCheckpoint(Exception):
    """A checkpoint whose files are not those that were written; the message says which and how."""


class Checkpoints:
    """The checkpoints in a folder.

    `broken` says of each step whose checkpoint could not be used why; filled by `restore`.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.broken: dict[int, str] = {}

    def save(self, position: Position, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Writes one for the position and removes those that are needed no longer.

        Raises: OSError, with ENOSPC where the disk is full.
        """
        name = _name(position.step)
        with self._space() as scratch:
            _save(_weights(model), scratch / WEIGHTS)
            _save(_moments(model, optimizer), scratch / OPTIMIZER)
            self._publish(scratch, name, position)
        self.broken.pop(position.step, None)
        for step in self.broken:
            self._folder.remove(_name(step))
        self._prune(position.best_step)

    def restore(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position | None:
        """Loads the newest whole checkpoint and returns its position; None where there is none.

        One is whole if its files are those that were written, and the weights of the best validation before it are.
        """
        for step in reversed(self._steps()):
            folder = self._folder / _name(step)
            if not folder.exists(OPTIMIZER):
                continue
            try:
                position, files = _state(folder)
                weights, moments = _tensors(folder, WEIGHTS, files), _tensors(folder, OPTIMIZER, files)
                if 0 < position.best_step < step:
                    best = self._folder / _name(position.best_step)
                    _tensors(best, WEIGHTS, _state(best)[1])
            except BrokenCheckpoint as error:
                self.broken[step] = str(error)
                logger.warning("the checkpoint of step %d is not used: %s", step, error)
                continue
            _load(model, weights)
            _load_moments(model, optimizer, moments)
            return position
        return None

    def load_weights(self, step: int, model: torch.nn.Module) -> None:
        """Loads the weights of one checkpoint.

        Raises: StageError CheckpointBroken; the next attempt's `restore` finds it too and goes on from before it.
        """
        folder = self._folder / _name(step)
        try:
            weights = _tensors(folder, WEIGHTS, _state(folder)[1])
        except BrokenCheckpoint as error:
            raise retrying(
                "CheckpointBroken",
                f"The weights of step {step}, where validation was best, cannot be read: {error}.",
                "The next attempt trains again from before them. If it happens again, check the storage's disk.",
            ) from error
        _load(model, weights)

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
        state = _sealed(position, {file.name: _checksum(file) for file in sorted(scratch.iterdir())})
        if self._folder.local is None:
            self._folder.put(scratch, name)
            (self._folder / name).write_json(STATE, state)
            return
        Folder(str(scratch)).write_json(STATE, state)
        self._folder.remove(name)
        scratch.rename(self._folder.local / name)


def _sealed(position: Position, files: dict[str, list[int]]) -> dict[str, Any]:
    """What state.json holds: the position, size and CRC-32 of each file, and the CRC-32 of all that."""
    body = {"position": asdict(position), "files": files}
    return {**body, "crc32": zlib.crc32(json.dumps(body, sort_keys=True).encode())}


def _state(folder: Folder) -> tuple[Position, dict[str, list[int]]]:
    """Position and checksums of a checkpoint. Raises: BrokenCheckpoint."""
    try:
        tree = folder.read_json(STATE)
        position, files = Position(**tree["position"]), dict(tree["files"])
        if tree != _sealed(position, files):
            raise ValueError("its checksum is another")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BrokenCheckpoint(f"{STATE} is not what was written ({error})") from error
    return position, files


def _tensors(folder: Folder, name: str, files: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """The tensors of a file that is what was written. Raises: BrokenCheckpoint."""
    try:
        with folder.as_local() as local:
            if _checksum(local / name) != files.get(name):
                raise BrokenCheckpoint(f"{name} is not what was written: its checksum is another")
            return dict(load_file(local / name))
    except (SafetensorError, OSError) as error:
        raise BrokenCheckpoint(f"{name} cannot be read ({error})") from error


def _checksum(file: Path) -> list[int]:
    """Size in bytes and CRC-32."""
    size = crc = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            size, crc = size + len(block), zlib.crc32(block, crc)
    return [size, crc]


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
