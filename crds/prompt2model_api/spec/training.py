"""`spec.training`: fine-tuning."""

from __future__ import annotations

from pydantic import Field, model_validator

from prompt2model_api.base import IntOrQuantity, Model
from prompt2model_api.quantities import bytes_of

LEAST_MEMORY = "1Mi"
NO_UNIT = f"memory is below {LEAST_MEMORY}: add the unit, such as in 16Gi"


class Resources(Model):
    """CPU, memory and GPUs of one pod, as Kubernetes quantities."""

    cpu: IntOrQuantity | None = Field(
        default=None,
        description="The CPU request, such as 2 or 500m. Without it the chart's settings decide; their defaults are 500m for "
        "train, 250m for evaluate and 100m for the service.",
    )
    memory: IntOrQuantity | None = Field(
        default=None,
        description="The memory request and limit, such as 16Gi. Without it the chart's settings decide; their defaults for "
        "request and limit are 4Gi and 12Gi for train, 2Gi and 8Gi for evaluate, and 1Gi and 4Gi for the service.",
    )
    gpu: int = Field(
        default=0,
        ge=0,
        le=64,
        description="How many whole GPUs, as nvidia.com/gpu. The images must be built with a CUDA build of PyTorch.",
    )

    @model_validator(mode="after")
    def _memory_has_a_unit(self) -> Resources:
        if self.memory is not None and bytes_of(self.memory) < bytes_of(LEAST_MEMORY):
            raise ValueError(NO_UNIT)
        return self


class Training(Model):
    """How the student is fine-tuned. The defaults are those of the paper (section 4)."""

    epochs: int = Field(default=3, ge=1, le=1000, description="How often the training rows are passed over, at most.")
    learning_rate: float = Field(default=5e-5, gt=0, le=1, description="The peak learning rate of AdamW.")
    batch_size: int = Field(default=16, ge=1, le=4096, description="How many rows a step has, over all workers.")
    max_input_tokens: int = Field(
        default=512,
        ge=8,
        le=32768,
        description="How many tokens of an input, with the instruction, the student reads; longer ones are cut in training.",
    )
    max_instruction_characters: int | None = Field(
        default=None,
        ge=0,
        le=32768,
        description="How many characters of the instruction are put before each input; a longer instruction is cut at the end of "
        "a word, and the result says so. 0 puts none. Default 600.",
    )
    max_output_tokens: int = Field(
        default=128, ge=1, le=8192, description="How many tokens an output may have, in training and in an answer."
    )
    frozen_layers: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="How many of the lowest layers stay as they are, with the embeddings; this is faster and takes less "
        "memory. Default 0.",
    )
    early_stopping_patience: int = Field(
        default=1,
        ge=0,
        le=100,
        description="After how many epochs without a better validation loss training stops; 0 never stops early.",
    )
    max_cut_outputs_percent: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="How many percent of the training outputs maxOutputTokens may cut. Default 5.",
    )
    max_cut_inputs_percent: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="How many percent of the training inputs maxInputTokens may cut. Default 20.",
    )
    max_unwritable_percent: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="How many percent of the training outputs the tokenizer may be unable to write. Default 5.",
    )
    min_distinct_outputs: int | None = Field(
        default=None, ge=1, le=1000, description="How many different training outputs there must be. Default 2."
    )
    max_loss_ratio: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="How large the loss after an epoch may be, relative to that before training. Default 2.",
    )
    workers: int = Field(default=1, ge=1, le=256, description="How many Ray Train workers share the work.")
    checkpoint_every: int = Field(
        default=50, ge=1, le=1_000_000, description="How many steps there are between checkpoints."
    )
    resources: Resources = Field(default_factory=Resources, description="CPU, memory and GPUs of each worker.")
