"""The loss: cross entropy over the target tokens alone, the end token among them."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from prompt2model_api.base import Architecture
from prompt2model_stages.student import Student
from prompt2model_stages.student.encoding import IGNORED


def summed_loss(student: Student, batch: dict[str, torch.Tensor], model: Any) -> tuple[torch.Tensor, int, int]:
    """Summed cross entropy over the target tokens, how many there are, and how many were predicted right.

    Args:
        student: whose batch it is.
        batch: from Student.batch: input_ids, attention_mask, labels, int64 [rows, tokens].
        model: student.model, or a wrapper of it such as DistributedDataParallel.
    """
    labels = batch["labels"]
    if student.architecture is Architecture.ENCODER_DECODER:
        logits = model(**batch).logits
    else:
        logits, labels = _decoder_logits(student, batch, model)
    learnt = labels != IGNORED
    chosen, wanted = logits[learnt].float(), labels[learnt]
    right = int((chosen.argmax(-1) == wanted).sum())
    return torch.nn.functional.cross_entropy(chosen, wanted, reduction="sum"), int(wanted.numel()), right


def _decoder_logits(student: Student, batch: dict[str, torch.Tensor], model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [rows, positions, vocabulary] and the labels that they predict.

    Only from the first position on that predicts a target: with a vocabulary of 49,000 the output layer is a fifth of a
    step's work, and prompts are longer than answers.
    """
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    labels = batch["labels"][:, 1:]
    if "logits_to_keep" not in inspect.signature(student.model.forward).parameters:
        return model(**inputs).logits[:, :-1], labels
    first = int((labels != IGNORED).any(0).int().argmax())
    kept = torch.arange(first, labels.shape[1], device=labels.device)
    return model(**inputs, logits_to_keep=kept).logits, labels[:, first:]
