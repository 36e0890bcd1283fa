"""The training loop that each worker runs.

All workers walk through the same batches and each takes its share; DistributedDataParallel adds their gradients up. Rank 0
alone writes: checkpoints, curves, progress and the model.
"""

from __future__ import annotations

import logging
import math
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from prompt2model_api.spec.training import Training
from prompt2model_stages.errors import failed
from prompt2model_stages.reporting import Reporter
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.batches import epoch_batches, learning_rate, sorted_batches
from prompt2model_stages.train.budget import Budget
from prompt2model_stages.train.checkpoints import CHECKPOINTS, Checkpoints, Position
from prompt2model_stages.train.computing import Computing, Worker
from prompt2model_stages.train.curves import POINTS, Curves
from prompt2model_stages.train.freezing import freeze_lowest
from prompt2model_stages.train.micro_batches import is_out_of_memory, parts
from prompt2model_stages.train.model_folder import publish
from prompt2model_stages.train.objective import Objective, optimizer_of
from prompt2model_stages.train.splits import read_splits

logger = logging.getLogger(__name__)

CLIP = 1.0
"""Largest norm of a step's gradient."""
MAX_LOSS_RATIO = 2.0
"""The loss after an epoch over the one before training, where the spec names no other bound."""
SAMPLE = 32
"""Training rows on which the loss before training is measured."""


@dataclass(frozen=True)
class TrainingJob:
    """What a worker is given.

    folder, prepared: URIs of this stage run's folder and of prepare's.
    student, revision: as Student.load takes them.
    checkpoint_every: steps.
    log: a file that rank 0 writes its log to, where Ray does not bring it to the stage's.
    """

    folder: str
    prepared: str
    student: str
    revision: str | None
    training: Training
    seed: int
    checkpoint_every: int
    reporter: Reporter
    log: str | None = None


class Loop:
    """One worker's training.

    Args:
        job: what is trained.
        worker: which of the workers this is.
        prepare: brings the model there and wraps it, for several workers with DistributedDataParallel.
    """

    def __init__(self, job: TrainingJob, worker: Worker, prepare: Callable[[torch.nn.Module], Any]) -> None:
        self.job, self.rank, self.device = job, worker.rank, worker.device
        settings = job.training
        self.student = Student.load(job.student, job.revision, settings.max_input_tokens, settings.max_output_tokens)
        freeze_lowest(self.student.model, settings.frozen_layers or 0)
        self.rows, self.validation = self._splits()
        logger.info(
            "%d training rows with %d tokens, %d validation rows; student %s",
            *(len(self.rows), sum(row.length for row in self.rows), len(self.validation), job.student),
        )
        self.steps_per_epoch = math.ceil(len(self.rows) / settings.batch_size)
        self.total = self.steps_per_epoch * settings.epochs
        self.objective = Objective(self.student, self.student.batch(self.rows[:1]))
        forward = prepare(self.objective)
        budget = Budget(Folder(job.folder), worker.device, worker.rank, worker.workers, worker.local_workers)
        self.computing = Computing(self.student, self.objective, forward, worker, budget)
        self.optimizer = optimizer_of(self.objective)
        self.checkpoints = Checkpoints(Folder(job.folder) / CHECKPOINTS)
        self.curves = Curves(Folder(job.folder), job.reporter) if worker.rank == 0 else None
        self.report_every = max(1, self.total // POINTS)
        self.position = Position()
        self._resumed = ""
        self._sums = [0.0, 0.0]  # loss and target tokens since the last point of the curve

    def run(self) -> None:
        """Trains from the newest checkpoint to the end and writes the model."""
        self.computing.begin(self.rows)
        try:
            self._train()
        except BaseException as error:
            if not self._may_be_of_a_killed_worker(error):
                self.computing.budget.close()
            raise
        self.computing.budget.close()

    def _may_be_of_a_killed_worker(self, error: BaseException) -> bool:
        """Whether another worker may be gone, which this one sees as a broken connection: the mark stays, the stage decides."""
        several = self.computing.worker.workers > 1
        return several and isinstance(error, RuntimeError) and not is_out_of_memory(error)

    def _train(self) -> None:
        found = self.checkpoints.restore(self.objective, self.optimizer)
        if found is not None:
            self.position = found
            logger.info("going on from the checkpoint of step %d of %d", found.step, self.total)
        elif self.checkpoints.broken:
            logger.warning("no checkpoint can be read: the training begins again")
        else:
            self.position = replace(self.position, initial_loss=self._initial_loss())
        logger.info(
            "%d steps an epoch, %d in all, in %s on %s, at most %d padded tokens at once",
            *(self.steps_per_epoch, self.total, self.computing.precision or torch.float32, self.device),
            self.computing.budget.tokens,
        )
        began_at = self.position.step
        self._resumed = f"goes on from the checkpoint of step {began_at}" if found is not None else ""
        if self.rank == 0 and (told := self._beginning()):
            self.job.reporter.progress(began_at, self.total, "steps", told)
        while self.position.step < self.total and not self._stopped():
            self._epoch(self.position.step // self.steps_per_epoch)
        best = self.position.best_step
        if self.rank == 0:
            if 0 < best != self.position.step:
                logger.info("validation was best at step %d: its weights are kept", best)
                self.checkpoints.load_weights(best, self.objective)
            if self._stopped():
                logger.info("validation did not get better for %d epochs: stopped early", self.position.worse)
            logger.info(
                "trained %d steps in %.0f s, best at step %d, peak memory %.1f GiB",
                *(self.position.step, self.position.seconds, best or self.position.step, _peak_gib(self.device)),
            )
            publish(self.student, Folder(self.job.folder), Folder(self.job.prepared), self.position, began_at)
            self.job.reporter.progress(self.position.step, self.position.step, "steps", "trained")

    def _beginning(self) -> str:
        """What a person should know before the first step: the checkpoint, and what is done about too little memory."""
        short, tokens = self.computing.budget.shortages, self.computing.budget.tokens
        memory = f"{tokens:,} padded tokens at once, since memory was short {short} time(s)" if short else ""
        return ", ".join(filter(None, (self._resumed, memory)))

    def _splits(self) -> tuple[list[Encoded], list[Encoded]]:
        splits = read_splits(self.student, Folder(self.job.prepared), self.job.training)
        if self.rank == 0:
            splits.statistics().write(Folder(self.job.folder))
        if (error := splits.refusal(self.job.training)) is not None:
            raise error
        return splits.train, splits.validation

    def _epoch(self, epoch: int) -> None:
        batches = epoch_batches([row.length for row in self.rows], self.job.training.batch_size, self.job.seed, epoch)
        for batch in batches[self.position.step % self.steps_per_epoch :]:
            began = time.monotonic()
            self._step([self.rows[row] for row in batch])
            step = self.position.step + 1
            self.position = replace(
                self.position,
                step=step,
                tokens=self.position.tokens + sum(self.rows[row].length for row in batch),
                seconds=self.position.seconds + time.monotonic() - began,
            )
            if step % self.steps_per_epoch == 0:
                break
            if step % self.report_every == 0:
                self._report(step, {})
            if step % self.job.checkpoint_every == 0:
                self._checkpoint()
        self._end_of_epoch()

    def _step(self, rows: list[Encoded]) -> None:
        """One step of the optimizer on a whole batch, of which this worker computes its share."""
        settings = self.job.training
        self.objective.train()
        rate = learning_rate(self.position.step, self.total, settings.learning_rate)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        targets = sum(len(row.target) for row in rows)
        # The seed is the step's own, so that dropout is the same after a resume.
        seed = hash((self.job.seed, self.position.step, self.rank))
        loss = self.computing.gradients(rows, targets, seed)
        norm = torch.nn.utils.clip_grad_norm_(self.objective.parameters(), CLIP)
        if not bool(torch.isfinite(norm)):
            raise failed(
                "Diverged",
                f"The loss is no number any more at step {self.position.step + 1} of {self.total}.",
                "Lower spec.training.learningRate.",
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.computing.budget.passed()
        self._sums[0] += loss
        self._sums[1] += targets

    def _initial_loss(self) -> float:
        """Mean loss over a sample of the training rows, before the first step."""
        self.objective.eval()
        by_length = sorted(self.rows, key=lambda row: row.length)
        sample = by_length[:: max(1, len(by_length) // SAMPLE)][:SAMPLE]
        loss = sum(self.computing.measured(batch)[0] for batch in parts(sample, self.computing.budget.tokens))
        return self.computing.over_workers([loss])[0] / sum(len(row.target) for row in sample)

    def _end_of_epoch(self) -> None:
        """Measures, keeps the best weights, and adds the epoch's point to the curves."""
        step, values = self.position.step, {}
        if self.validation:
            values = self._validate()
            self._refuse_divergence(values["validation/loss"])
            if values["validation/loss"] < self.position.best_loss:
                best = values["validation/loss"]
                self.position = replace(self.position, best_step=step, best_loss=best, worse=0)
            else:
                self.position = replace(self.position, worse=self.position.worse + 1)
        trained = self._report(step, values)
        if not self.validation:
            self._refuse_divergence(trained)
        if step < self.total and not self._stopped():
            self._checkpoint()

    def _validate(self) -> dict[str, float]:
        self.objective.eval()
        lengths = [row.length for row in self.validation]
        loss = right = 0.0
        for batch in sorted_batches(lengths, self.job.training.batch_size):
            found = self.computing.measured([self.validation[row] for row in batch])
            loss, right = loss + found[0], right + found[1]
        loss, right = self.computing.over_workers([loss, right])
        targets = sum(len(row.target) for row in self.validation)
        return {"validation/loss": loss / targets, "validation/token_accuracy": 100 * right / targets}

    def _refuse_divergence(self, loss: float) -> None:
        """An end where the student is far worse after an epoch than before the first step, or its loss no number."""
        ratio = self.job.training.max_loss_ratio or MAX_LOSS_RATIO
        initial, best = self.position.initial_loss, self.position.best_loss
        if math.isfinite(loss) and (not initial or min(loss, best) <= ratio * initial):
            return
        raise failed(
            "Diverged",
            f"The loss is {loss:.2f} after step {self.position.step}, and was {initial:.2f} before training: the student got "
            "worse.",
            "Lower spec.training.learningRate, or raise spec.training.maxLossRatio.",
        )

    def _report(self, step: int, values: dict[str, float]) -> float:
        loss = self.computing.over_workers([self._sums[0]])[0] / max(1.0, self._sums[1])
        self._sums = [0.0, 0.0]
        if self.curves is None:
            return loss
        rate = learning_rate(step - 1, self.total, self.job.training.learning_rate)
        self.curves.point(step, {"train/loss": loss, "train/learning_rate": rate, **values})
        epoch = math.ceil(step / self.steps_per_epoch)
        message = f"epoch {epoch} of {self.job.training.epochs}, loss {loss:.3f}{f', {self._resumed}' if self._resumed else ''}"
        self.job.reporter.progress(step, self.total, "steps", message)
        if values or step % self.steps_per_epoch == 0:
            told = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
            logger.info("epoch %d ends at step %d: train/loss %.4f %s", epoch, step, loss, told)
        return loss

    def _checkpoint(self) -> None:
        if self.rank == 0:
            self.checkpoints.save(self.position, self.objective, self.optimizer)
            self.computing.budget.measure()

    def _stopped(self) -> bool:
        patience = self.job.training.early_stopping_patience
        return 0 < patience <= self.position.worse


def _peak_gib(device: torch.device) -> float:
    """The most memory that this process had so far: of the GPU where it has one."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
