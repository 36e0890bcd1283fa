"""Loss and gradients of a batch: each worker computes its share, in parts that fit into memory.

The loss is a mean over the whole batch's target tokens, so that a step is the same for any number of workers and of parts, up to
the order of sums.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed

from prompt2model_stages.student.devices import low_precision
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.batches import share
from prompt2model_stages.train.budget import Budget
from prompt2model_stages.train.estimate import Estimate
from prompt2model_stages.train.micro_batches import is_out_of_memory, parts
from prompt2model_stages.train.objective import Objective

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """Which of the workers this is.

    rank: from 0, of `workers`.
    local_workers: how many share this machine's memory.
    """

    rank: int
    workers: int
    device: torch.device
    local_workers: int = 1


class Computing:
    """One worker's share of each batch.

    Args:
        student, objective: what is trained, on the worker's device.
        forward: the objective, for several workers inside DistributedDataParallel.
        worker: this one.
        budget: how large a part may be.
    """

    def __init__(self, student: Student, objective: Objective, forward: Any, worker: Worker, budget: Budget) -> None:
        self.student, self.objective, self.forward = student, objective, forward
        self.worker, self.budget = worker, budget
        self.precision = low_precision(worker.device)

    def begin(self, rows: Sequence[Encoded]) -> None:
        """Finds the budget for a training on these rows; all workers at once."""
        self.budget.begin(Estimate(self.student, self.objective, self.autocast, rows, self.worker.workers).tokens)

    def gradients(self, rows: Sequence[Encoded], targets: int, seed: int) -> float:
        """Adds up the gradients of this worker's share, in parts that fit; the sum of its loss.

        Out of memory halves the parts and begins the step again. With several workers the attempt ends and the next one has
        the smaller parts: the others are waiting for gradients.

        Args:
            rows: of the whole batch.
            targets: target tokens of the whole batch.
            seed: of the dropout, the step's own: it is the same after a resume.
        """
        while True:
            try:
                torch.manual_seed(seed)
                return self._accumulate(rows, targets)
            except (MemoryError, RuntimeError) as error:
                self._halve(self._computed(rows), error)
                if self.worker.workers > 1:
                    raise
            self.objective.zero_grad(set_to_none=True)

    def measured(self, rows: Sequence[Encoded]) -> tuple[float, float]:
        """Sum of the loss, and right tokens, over this worker's share; out of memory halves the parts and begins again."""
        mine = self._mine(rows)
        while True:
            loss = right = 0.0
            try:
                for group in parts(mine, self.budget.tokens) if mine else []:
                    with torch.no_grad(), self.autocast():
                        found = self.objective(self.student.batch(group))
                    loss, right = loss + float(found[0]), right + float(found[1])
                return loss, right
            except (MemoryError, RuntimeError) as error:
                self._halve(mine, error)

    def over_workers(self, values: list[float]) -> list[float]:
        """The values' sums over all workers."""
        if self.worker.workers == 1:
            return values
        sums = torch.tensor(values, dtype=torch.float64, device=self.worker.device)
        torch.distributed.all_reduce(sums)
        return [float(value) for value in sums]

    def autocast(self) -> AbstractContextManager[object]:
        """The context that everything is computed in."""
        found: AbstractContextManager[object] = torch.autocast(
            self.worker.device.type, dtype=self.precision, enabled=self.precision is not None
        )
        return found

    def _accumulate(self, rows: Sequence[Encoded], targets: int) -> float:
        mine = self._mine(rows)
        groups = parts(self._computed(rows), self.budget.tokens)
        self.budget.entering(groups)
        total = 0.0
        for number, group in enumerate(groups, 1):
            # Only the last part goes through DistributedDataParallel, which then adds the workers' sums up.
            forward = self.forward if number == len(groups) else self.objective
            with self.autocast():
                loss = forward(self.student.batch(group))[0] * (1 if mine else 0)
            (loss * (self.worker.workers / targets)).backward()
            total += float(loss.detach())
        return total

    def _computed(self, rows: Sequence[Encoded]) -> list[Encoded]:
        """This worker's share; one without a share computes a row for nothing, since the others wait for it."""
        return self._mine(rows) or list(rows[:1])

    def _mine(self, rows: Sequence[Encoded]) -> list[Encoded]:
        return [rows[row] for row in share(range(len(rows)), self.worker.rank, self.worker.workers)]

    def _halve(self, rows: list[Encoded], error: Exception) -> None:
        """Smaller parts after these rows ran out of memory. Raises: the error, where it is another or nothing is left."""
        if not is_out_of_memory(error) or not self.budget.halve(rows):
            raise error
        logger.warning("out of memory: %d padded tokens at once from here on (%s)", self.budget.tokens, error)
        if self.worker.device.type == "cuda":
            torch.cuda.empty_cache()
