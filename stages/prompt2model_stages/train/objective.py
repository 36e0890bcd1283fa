"""The loss: cross entropy on the target tokens alone.

A decoder-only model's output layer is asked for the target's places only. With SmolLM2's 49,152 words it is a fifth of
all weights, and most places of a short target's row belong to the input.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from prompt2model_api.base import Architecture
from prompt2model_stages.student.encoding import IGNORED
from prompt2model_stages.student.model import Student

logger = logging.getLogger(__name__)


class Objective(nn.Module):  # type: ignore[misc]  # torch is not typed here
    """A student's model as a function of a batch to its loss.

    Args:
        student: what is trained.
        example: a batch on which the short way is compared with the model's own logits; models that do more to their
            logits than their output layer (scaling, soft caps) go the long way.
    """

    def __init__(self, student: Student, example: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model: Any = student.model
        self.decoder_only = student.architecture is Architecture.DECODER_ONLY
        self.short = self.decoder_only and self._short_is_same(example)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Sum of the loss over the batch's target tokens, and how many of them were foretold rightly."""
        if self.decoder_only:
            logits, labels = self._short(batch) if self.short else self._long(batch)
        else:
            logits, labels = self._encoder_decoder(batch)
        loss = functional.cross_entropy(logits.float(), labels, reduction="sum")
        return loss, (logits.argmax(-1) == labels).sum()

    def _short(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        # Padding stands right and a decoder looks left, so no mask is needed, and attention takes its causal fast path.
        hidden = self.model.base_model(input_ids=batch["input_ids"], use_cache=False).last_hidden_state
        wanted = batch["labels"][:, 1:] != IGNORED
        return self.model.get_output_embeddings()(hidden[:, :-1][wanted]), batch["labels"][:, 1:][wanted]

    def _long(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
        logits = self.model(**inputs, use_cache=False).logits[:, :-1]
        wanted = batch["labels"][:, 1:] != IGNORED
        return logits[wanted], batch["labels"][:, 1:][wanted]

    def _encoder_decoder(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        logits = self.model(**batch, use_cache=False).logits
        wanted = batch["labels"] != IGNORED
        return logits[wanted], batch["labels"][wanted]

    def _short_is_same(self, example: Mapping[str, Tensor]) -> bool:
        if self.model.get_output_embeddings() is None:
            return False
        with torch.no_grad():
            short, long = self._short(example)[0], self._long(example)[0]
        same = short.shape == long.shape and bool(torch.allclose(short, long, rtol=1e-3, atol=1e-3))
        if not same:
            logger.info(
                "%s changes its logits behind its output layer: all places are computed", type(self.model).__name__
            )
        return same


def optimizer_of(model: nn.Module, weight_decay: float = 0.01) -> torch.optim.AdamW:
    """AdamW; matrices decay, biases and norms do not."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=0.0, fused=True)
