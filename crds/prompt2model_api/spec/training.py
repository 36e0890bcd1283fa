"""`spec.training`: fine-tuning."""

from __future__ import annotations

from pydantic import Field

from prompt2model_api.base import Model, Quantity


class Resources(Model):
    """Compute of one pod, as Kubernetes quantities."""

    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpu: int = Field(default=0, ge=0, le=64, description="Whole GPUs.")


class Training(Model):
    """Fine-tuning. Defaults are the paper's (section 4)."""

    epochs: int = Field(default=3, ge=1, le=1000, description="Passes over the training split, at most.")
    learning_rate: float = Field(default=5e-5, gt=0, le=1, description="Peak rate of AdamW.")
    batch_size: int = Field(default=16, ge=1, le=4096, description="Rows a step, over all workers.")
    max_input_tokens: int = Field(default=512, ge=8, le=32768, description="Longer inputs are cut.")
    max_instruction_characters: int | None = Field(
        default=None,
        ge=0,
        le=32768,
        description="Characters of the instruction that stand before each input; longer ones are cut at a word's end, and "
        "the result says so. 0: none. Without it 600.",
    )
    max_output_tokens: int = Field(default=128, ge=1, le=8192, description="Longest target, and longest answer.")
    frozen_layers: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Lowest layers that stay as they are, with the embeddings: faster, with less memory. None: 0.",
    )
    early_stopping_patience: int = Field(
        default=1, ge=0, le=100, description="Epochs without a better validation loss before it stops; 0: never."
    )
    max_cut_outputs_percent: float | None = Field(
        default=None, ge=0, le=100, description="Training rows that maxOutputTokens may cut. Default 5."
    )
    max_cut_inputs_percent: float | None = Field(
        default=None, ge=0, le=100, description="Training rows that maxInputTokens may cut. Default 20."
    )
    max_unwritable_percent: float | None = Field(
        default=None, ge=0, le=100, description="Outputs that the tokenizer may fail to write. Default 5."
    )
    min_distinct_outputs: int | None = Field(
        default=None, ge=1, le=1000, description="Different training outputs, at least. Default 2."
    )
    max_loss_ratio: float | None = Field(
        default=None, gt=0, le=1000, description="Loss after an epoch over that before training. Default 2."
    )
    workers: int = Field(default=1, ge=1, le=256, description="Ray Train workers.")
    checkpoint_every: int = Field(default=50, ge=1, le=1_000_000, description="Steps between checkpoints.")
    resources: Resources = Field(default_factory=Resources, description="Of each worker.")
