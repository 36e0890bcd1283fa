"""Checkpoints that a killed run goes on from: whole or not there, found by their step, gone when the model is saved."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from prompt2model_stages.storage import Folder

FOLDER = "checkpoints"
KEPT = 2
WEIGHTS, OPTIMIZER, BEST = "weights.safetensors", "optimizer.pt", "best"


@dataclass
class Position:
    """Where training stands: `step` steps are done, `batch` of them in this epoch."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best_loss: float | None = None
    epochs_without_better: int = 0
    tokens: int = 0
    seconds: float = 0.0
    stopped: bool = False


class Checkpoints:
    """The checkpoints of one stage run."""

    def __init__(self, stage_folder: Folder) -> None:
        self._folder = stage_folder / FOLDER

    def save(self, model: Any, optimizer: torch.optim.Optimizer, position: Position) -> None:
        """Writes a checkpoint and removes all but the newest. Raises: OSError, with ENOSPC where the disk is full."""
        name = f"step-{position.step:06d}"
        with self._scratch() as scratch:
            save_weights(model, Path(scratch) / WEIGHTS)
            # Ray's and torch's random states are not kept: nothing but dropout draws numbers, and it may differ.
            torch.save({"optimizer": optimizer.state_dict(), "position": asdict(position)}, Path(scratch) / OPTIMIZER)
            self._put(Path(scratch), name)
        for old in self._steps()[:-KEPT]:
            self._folder.remove(old)

    def save_best(self, model: Any) -> None:
        """Keeps these weights as the best so far."""
        with self._scratch() as scratch:
            save_weights(model, Path(scratch) / WEIGHTS)
            self._put(Path(scratch), BEST)

    def restore(self, model: Any, optimizer: torch.optim.Optimizer) -> Position:
        """Goes back to the newest checkpoint; the start where there is none."""
        steps = self._steps()
        if not steps:
            return Position()
        with (self._folder / steps[-1]).as_local() as local:
            load_weights(model, local / WEIGHTS)
            state = torch.load(local / OPTIMIZER, map_location="cpu", weights_only=True)
        optimizer.load_state_dict(state["optimizer"])
        return Position(**state["position"])

    def restore_best(self, model: Any) -> None:
        """Takes the best weights, where there are any."""
        if self._folder.exists(BEST):
            with (self._folder / BEST).as_local() as local:
                load_weights(model, local / WEIGHTS)

    def remove(self) -> None:
        """Removes all of them."""
        self._folder.remove("")

    def _steps(self) -> list[str]:
        return [name for name in self._folder.names() if name.startswith("step-")]

    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        local = self._folder.local
        if local is not None:
            local.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=local, prefix=".half-", ignore_cleanup_errors=True)

    def _put(self, scratch: Path, name: str) -> None:
        if self._folder.local is None:
            self._folder.put(scratch, name)
            return
        self._folder.remove(name)
        target = self._folder.local / name
        scratch.rename(target)
        target.chmod(0o755)


def save_weights(model: Any, file: Path) -> None:
    """The model's weights; those that share memory (tied embeddings) once."""
    seen: set[int] = set()
    kept = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            kept[name] = tensor.detach().cpu().contiguous()
    save_file(kept, file)


def load_weights(model: Any, file: Path) -> None:
    """Puts weights back; tied ones follow."""
    model.load_state_dict(load_file(file), strict=False)
