"""What each Ray Train worker does: the training loop, its checkpoints, its curves.

All workers see the same rows in the same order and take every n-th of each batch. The gradient is that of the mean over
the target tokens of the whole batch, whatever the number of workers.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
import torch.distributed as dist

from prompt2model_stages.job import StageJob
from prompt2model_stages.reporting import METRICS, FileReporter
from prompt2model_stages.storage import Folder
from prompt2model_stages.student import Student
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.train.batching import batches, share
from prompt2model_stages.train.checkpoints import Checkpoints, Position
from prompt2model_stages.train.loss import summed_loss

logger = logging.getLogger(__name__)

SUMMARY = "training.json"
"""Says that the model is saved, how many steps it took, and how fast they were."""
WEIGHT_DECAY = 0.01
WARMUP = 0.1
"""Part of all steps in which the learning rate rises from 0; then it falls in a line to 0."""
CLIP = 1.0
EVALUATION_ROWS = 32


def train_worker(config: dict[str, Any]) -> None:
    """The worker's entry point. `config["job"]` is the StageJob as JSON, `config["threads"]` CPU threads."""
    import ray.train
    import ray.train.torch

    torch.set_num_threads(config["threads"])
    job = StageJob.model_validate_json(config["job"])
    torch.manual_seed(job.spec_fields().seed)
    worker = Worker(job, config["student"], config["revision"])
    worker.wrapped = ray.train.torch.prepare_model(worker.student.model, move_to_device=True)
    worker.train()
    ray.train.report({})


class Worker:
    """One of the workers; rank 0 also reports and writes."""

    def __init__(self, job: StageJob, student: str, revision: str | None) -> None:
        import ray.train

        context = ray.train.get_context()
        self.rank, self.workers = context.get_world_rank(), context.get_world_size()
        self.job, self.training, self.seed = job, job.spec_fields().training, job.spec_fields().seed
        self.student = Student.load(student, revision, self.training.max_input_tokens, self.training.max_output_tokens)
        self.wrapped: Any = self.student.model
        prepared = job.input("prepare")
        self.rows = read_rows(prepared, "train.parquet", self.student)
        self.validation = read_rows(prepared, "validation.parquet", self.student)
        self.steps_an_epoch = len(batches([1] * len(self.rows), self.training.batch_size, 0, 0))
        self.total = self.steps_an_epoch * self.training.epochs
        self.checkpoints = Checkpoints(job.folder)
        self.reporter = FileReporter(job.folder, job.attempt)
        self.reported = last_step(job.folder)

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return next(self.student.model.parameters()).device

    def train(self) -> None:
        """All epochs, from the newest checkpoint on; rank 0 saves the best model, and SUMMARY last."""
        optimizer = torch.optim.AdamW(
            self.wrapped.parameters(), lr=self.training.learning_rate, weight_decay=WEIGHT_DECAY
        )
        position = self.checkpoints.restore(self.student.model, optimizer)
        if position.step:
            logger.info("goes on from step %d", position.step)
        while position.epoch < self.training.epochs and not position.stopped:
            self._epoch(optimizer, position)
        if self.rank == 0:
            self.checkpoints.restore_best(self.student.model)
            self._save()
            rate = position.tokens / max(position.seconds, 1e-9)
            self.job.folder.write_json(SUMMARY, {"steps": position.step, "tokens_per_second": rate})

    def _epoch(self, optimizer: torch.optim.Optimizer, position: Position) -> None:
        lengths = [row.length for row in self.rows]
        order = batches(lengths, self.training.batch_size, self.seed, position.epoch)
        for batch in order[position.batch :]:
            began = time.monotonic()
            loss = self._step(optimizer, batch, position)
            position.step, position.batch = position.step + 1, position.batch + 1
            position.tokens += sum(lengths[i] for i in batch)
            position.seconds += time.monotonic() - began
            if self.rank == 0:
                self._report(position, loss, rate_at(position.step, self.total, self.training.learning_rate))
                if position.step % self.job.settings.checkpoint_every == 0 and position.batch < len(order):
                    self.checkpoints.save(self.student.model, optimizer, position)
        self._end_of_epoch(optimizer, position)

    def _step(self, optimizer: torch.optim.Optimizer, batch: list[int], position: Position) -> float:
        """One optimizer step; returns the mean loss of a target token over all workers."""
        self.student.model.train()
        mine = [self.rows[i] for i in share(batch, self.rank, self.workers)]
        everyone = sum(len(self.rows[i].target) for i in batch)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(position.step, self.total, self.training.learning_rate)
        # A worker without a row still takes part in the exchange of gradients, with a row that counts nothing.
        rows, weight = (mine, 1.0) if mine else ([self.rows[batch[0]]], 0.0)
        with half_precision(self.device):
            loss, _, _ = summed_loss(self.student, self.student.batch(rows), self.wrapped)
        # DistributedDataParallel averages over workers, so each scales its sum up by their number.
        (loss * weight * self.workers / everyone).backward()
        torch.nn.utils.clip_grad_norm_(self.wrapped.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return self._summed(float(loss.detach()) * weight) / everyone

    def _end_of_epoch(self, optimizer: torch.optim.Optimizer, position: Position) -> None:
        """Validation, early stopping, and a checkpoint that stands at the start of the next epoch."""
        loss, accuracy = self._validate()
        better = loss is None or position.best_loss is None or loss < position.best_loss
        position.epoch, position.batch = position.epoch + 1, 0
        position.epochs_without_better = 0 if better else position.epochs_without_better + 1
        patience = self.training.early_stopping_patience
        position.stopped = bool(patience) and position.epochs_without_better >= patience
        if loss is not None and better:
            position.best_loss = loss
        if self.rank != 0:
            return
        if loss is not None:
            self._curve(position.step, {"validation/loss": loss, "validation/token_accuracy": accuracy})
        last = position.stopped or position.epoch >= self.training.epochs
        if better:
            self.checkpoints.save_best(self.student.model)
        if not last:
            self.checkpoints.save(self.student.model, optimizer, position)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _validate(self) -> tuple[float | None, float]:
        """Mean loss and accuracy of a target token on the validation split; None where it is empty."""
        self.student.model.eval()
        total, tokens, right = 0.0, 0, 0
        mine = sorted(self.validation, key=lambda row: row.length)[self.rank :: self.workers]
        for start in range(0, len(mine), EVALUATION_ROWS):
            with half_precision(self.device):
                batch = self.student.batch(mine[start : start + EVALUATION_ROWS])
                loss, count, correct = summed_loss(self.student, batch, self.student.model)
            total, tokens, right = total + float(loss), tokens + count, right + correct
        total, tokens, right = self._summed(total), int(self._summed(tokens)), int(self._summed(right))
        return (total / tokens, 100.0 * right / tokens) if tokens else (None, 0.0)

    def _summed(self, value: float) -> float:
        if self.workers == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return float(tensor.item())

    def _report(self, position: Position, loss: float, rate: float) -> None:
        speed = position.tokens / max(position.seconds, 1e-9)
        message = f"epoch {position.epoch + 1}/{self.training.epochs}, loss {loss:.3f}, {speed:.0f} tokens/s"
        self.reporter.progress(position.step, self.total, "steps", message)
        self._curve(position.step, {"train/loss": loss, "train/learning_rate": rate, "train/tokens_per_second": speed})

    def _curve(self, step: int, values: dict[str, float]) -> None:
        """A point of the curves, unless the killed attempt wrote it: steps never go back."""
        if step > self.reported or (step == self.reported and "validation/loss" in values):
            self.reporter.metrics(step, values)
            self.reported = step

    def _save(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.job.folder.local, prefix=".model-") as name:
            scratch = Path(name)
            scratch.chmod(0o755)
            self.student.model.to("cpu")
            self.student.save(scratch)
            self.job.folder.put(scratch, "model")


def read_rows(folder: Folder, name: str, student: Student) -> list[Encoded]:
    """A split as token ids; empty where the file is not there."""
    if not folder.exists(name):
        return []
    with folder.filesystem.open(folder.path(name), "rb") as stream:
        table = pq.read_table(stream, columns=["text", "output"])
    return student.encode_training(table["text"].to_pylist(), table["output"].to_pylist())


def rate_at(step: int, total: int, peak: float) -> float:
    """The learning rate of a step: up in a line, then down in a line."""
    warmup = max(1, int(WARMUP * total))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * max(0.0, (total - step) / max(1, total - warmup))


def last_step(folder: Folder) -> int:
    """The last step that has a point on the curves."""
    if not folder.exists(METRICS):
        return 0
    steps = [0]
    for line in folder.read_bytes(METRICS).splitlines():
        try:
            steps.append(int(json.loads(line)["step"]))
        except (ValueError, KeyError):
            continue  # the line that the killed attempt was writing
    return max(steps)


@contextmanager
def half_precision(device: torch.device) -> Iterator[None]:
    """bfloat16 for the matrix products where the hardware has it: twice as fast on a CPU with AVX-512 BF16."""
    cuda = device.type == "cuda" and torch.cuda.is_bf16_supported()
    cpu = (
        device.type == "cpu"
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        and os.environ.get("P2M_FULL_PRECISION") != "1"
    )
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=cuda or cpu):
        yield
