"""A training process without Ray, for tests that kill it or run two: what it does is named on the command line.

    python -m tests.training_worker ROOT FOLDER TRAINING train ROWS [STEP]
    python -m tests.training_worker ROOT FOLDER TRAINING gradients RANK WORKERS

`train` trains to the end, and is killed (SIGKILL) in the forward pass of more than ROWS rows, or of step STEP. `gradients`
computes those of one batch, as one of several workers that meet in a file under ROOT, and writes them into FOLDER.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from safetensors.torch import save_file
from torch.nn.parallel import DistributedDataParallel

from prompt2model_api.spec.training import Training
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.storage import Folder
from prompt2model_stages.train.computing import Worker
from prompt2model_stages.train.loop import Loop, TrainingJob
from prompt2model_stages.train.micro_batches import parts

CPU = torch.device("cpu")


class Killed(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
    """A model whose process is killed in the forward pass of more than so many rows, or of the step of that number."""

    def __init__(self, model: torch.nn.Module, rows: int, step: int) -> None:
        super().__init__()
        self.model, self.rows, self.step, self.calls = model, rows, step, 0

    def forward(self, batch: dict[str, torch.Tensor]) -> Any:
        found = self.model(batch)
        self.calls += 1
        if len(batch["labels"]) > self.rows or self.calls == self.step:
            os.kill(os.getpid(), signal.SIGKILL)
        return found


def loop(root: Path, folder: str, training: str, worker: Worker, prepare: Any) -> Loop:
    own = Folder(str(root / folder))
    job = TrainingJob(
        folder=own.uri,
        prepared=Folder(str(root / "prepare")).uri,
        student=str(root / "student"),
        revision=None,
        training=Training.model_validate_json(training),
        seed=3,
        checkpoint_every=2,
        reporter=FileReporter(own, 1),
    )
    made = Loop(job, worker, prepare)
    made.computing.precision = None  # the same numbers on every CPU
    return made


def train(root: Path, folder: str, training: str, rows: int, step: int = 0) -> None:
    loop(root, folder, training, Worker(0, 1, CPU), lambda model: Killed(model, rows, step)).run()


def gradients(root: Path, folder: str, training: str, rank: int, workers: int) -> None:
    if workers > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{root / 'meeting'}", rank=rank, world_size=workers
        )
    worker = Worker(rank, workers, CPU, local_workers=workers)
    made = loop(root, folder, training, worker, DistributedDataParallel if workers > 1 else lambda model: model)
    made.computing.begin(made.rows)
    rows = made.rows[:15]  # odd: one of two workers has a row more
    made.objective.train()
    made.computing.gradients(rows, sum(len(row.target) for row in rows), seed=0)
    mine = rows[rank::workers]
    found = {name: weight.grad for name, weight in made.objective.named_parameters() if weight.grad is not None}
    tokens = made.computing.budget.tokens
    counts = {"parts": torch.tensor(len(parts(mine, tokens))), "tokens": torch.tensor(tokens)}
    save_file({**found, **counts}, root / folder / f"gradients-{rank}.safetensors")
    made.computing.budget.close()


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    root, folder, training, what, *numbers = sys.argv[1:]
    does = {"train": train, "gradients": gradients}[what]
    does(Path(root), folder, training, *map(int, numbers))


if __name__ == "__main__":
    main()
