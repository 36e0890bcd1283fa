"""How many padded tokens of a training step have room: what autograd keeps of a row and of half of it, measured.

What is kept for the backward pass grows with the tokens; most of it is there at the same moment, when the loss is known. Rows
are measured before the first step, without a backward pass, so that nothing of the training changes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import torch

from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.micro_batches import padded
from prompt2model_stages.train.objective import Objective

logger = logging.getLogger(__name__)

SHARE = 0.8
"""Of the free memory: the rest is for other processes, and for what grows in the course of a training."""
MOMENTS = 2
"""Tensors that AdamW keeps beside each weight."""
OVER = 1.4
"""The peak over what autograd keeps, of gradients of activations and buffers of kernels; 1.2 to 1.32 where it was measured
(docs/benchmarks.md)."""


class Estimate:
    """How many padded tokens of a training step have room in so many bytes.

    Args:
        student, objective: what is trained; nothing of it is changed.
        autocast: the context that the steps are computed in.
        rows: the training rows.
        workers: of the training; several have the gradients once more, in the buffers that they exchange.
    """

    def __init__(
        self,
        student: Student,
        objective: Objective,
        autocast: Callable[[], AbstractContextManager[object]],
        rows: Sequence[Encoded],
        workers: int,
    ) -> None:
        self._student, self._objective, self._autocast, self._workers = student, objective, autocast, workers
        self._rows = rows

    def tokens(self, free: int) -> int:
        """How many have room in so many free bytes; at least 1."""
        self._objective.train()
        found = [self._line(row) for row in _extremes(self._rows)]
        fixed, slope = max(line[0] for line in found), max(line[1] for line in found)
        room = SHARE * free - self._beside() - OVER * fixed
        tokens = max(1, math.floor(room / (OVER * slope)))
        logger.info(
            "a training step takes about %.2f MiB a token; %.1f GiB of memory are free: room for %d padded tokens at once",
            *(OVER * slope / 2**20, free / 2**30, tokens),
        )
        return tokens

    def _beside(self) -> int:
        """Bytes of gradients and moments, which come with the first step, and on a CPU of the weights.

        Weights on a CPU are pages of a file, which seem to be free, until the first step writes to them.
        """
        weights = list(self._objective.parameters())
        trained = _bytes(weight for weight in weights if weight.requires_grad)
        mapped = _bytes(weights) if weights[0].device.type == "cpu" else 0
        return mapped + trained * (MOMENTS + (1 if self._workers == 1 else 2))

    def _line(self, row: Encoded) -> tuple[float, float]:
        """Bytes that a part takes whatever its size, and bytes of each token, of parts with such rows."""
        half = replace(
            row, source=row.source[: -(-len(row.source) // 2)], target=row.target[: -(-len(row.target) // 2)]
        )
        with self._autocast():
            whole_bytes = kept_bytes(self._student, self._objective, [row])
        with self._autocast():
            half_bytes = kept_bytes(self._student, self._objective, [half])
        tokens = padded([row]) - padded([half])
        slope = (whole_bytes - half_bytes) / tokens if tokens else whole_bytes / padded([row])
        return max(0.0, whole_bytes - slope * padded([row])), max(slope, 1.0)


def kept_bytes(student: Student, objective: Objective, rows: Sequence[Encoded]) -> int:
    """What autograd keeps for the backward pass of one part, weights left out. No gradient is computed."""
    own = {tensor.untyped_storage().data_ptr() for tensor in objective.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> None:
        kept[tensor.untyped_storage().data_ptr()] = tensor.detach()  # held, so that its address is not used again

    with torch.autograd.graph.saved_tensors_hooks(pack, _unused):
        objective(student.batch(rows))
    return sum(int(tensor.untyped_storage().nbytes()) for place, tensor in kept.items() if place not in own)


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(int(tensor.numel() * tensor.element_size()) for tensor in tensors)


def _unused(_: None) -> torch.Tensor:
    raise AssertionError("nothing is computed backward while memory is measured")


def _extremes(rows: Sequence[Encoded]) -> list[Encoded]:
    """The rows that may take the most a token: the longest, with the longest target, with the largest share of target."""
    found = (
        max(rows, key=lambda row: row.length),
        max(rows, key=lambda row: len(row.target)),
        max(rows, key=lambda row: len(row.target) / row.length),
    )
    return list({id(row): row for row in found}.values())
