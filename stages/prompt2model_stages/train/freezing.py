"""Leaves the lowest layers of a student as they are: no gradients, no optimizer state, and no way back through them.

For a small task the lowest layers hardly change, and the backward pass through a block costs twice its forward pass. See
Howard and Ruder 2018 (arXiv 1801.06146) for what lower layers hold.
"""

from __future__ import annotations

import logging
from typing import Any

from torch import nn

from prompt2model_stages.errors import failed

logger = logging.getLogger(__name__)


def freeze_lowest(model: Any, layers: int) -> None:
    """Freezes the embeddings and the lowest blocks: of the encoder, where the model has one.

    An output layer that is tied to the embeddings is frozen with them.

    Args:
        model: a transformers model with a language model's head.
        layers: how many blocks; 0 leaves everything to be trained.

    Raises: StageError TooManyFrozenLayers.
    """
    if layers == 0:
        return
    parent, blocks = _blocks(model.get_encoder() if model.config.is_encoder_decoder else model.base_model)
    if layers >= len(blocks):
        raise failed(
            "TooManyFrozenLayers",
            f"spec.training.frozenLayers is {layers}, and the student has {len(blocks)} layers: nothing is left to train.",
            f"Write {len(blocks) - 1} at most, or leave the field out.",
        )
    # Embeddings of positions stand beside those of tokens: one that is trained would need the way back through all blocks.
    embeddings = [child for child in parent.children() if isinstance(child, nn.Embedding)]
    for module in (model.get_input_embeddings(), *embeddings, *blocks[:layers]):
        module.requires_grad_(False)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    logger.info("%d of %d layers are frozen; %d weights are trained", layers, len(blocks), trained)


def _blocks(model: nn.Module) -> tuple[nn.Module, nn.ModuleList]:
    """The longest list of modules, which is that of the blocks in every architecture, and the module that holds it."""
    found = [
        (module, child) for module in model.modules() for child in module.children() if isinstance(child, nn.ModuleList)
    ]
    return max(found, key=lambda pair: len(pair[1]))
