"""`spec.student`: the pretrained model that is fine-tuned."""

from __future__ import annotations

from pydantic import Field

from prompt2model_api.base import Architecture, Model, Quantity, Uri
from prompt2model_api.licenses import Licenses
from prompt2model_api.spec.datasets import Selection

EMBEDDED_STUDENT = "embedded:SmolLM2-135M-Instruct"


class StudentSpec(Model):
    """The small pretrained model that is fine-tuned."""

    selection: Selection = Field(
        default=Selection.AUTOMATIC,
        description="Automatic takes the first candidate of the catalog. Manual waits until name is set.",
    )
    name: Uri | None = Field(
        default=None,
        description="The pretrained model: a Hugging Face name, a folder (with a / or, in a local run, ./ before it), or "
        + EMBEDDED_STUDENT
        + ".",
    )
    architectures: list[Architecture] = Field(
        default=[Architecture.ENCODER_DECODER],
        min_length=1,
        max_length=2,
        description="The families of models to choose from.",
    )
    max_size: Quantity = Field(default="3Gi", description="How large the weights may be, as a Kubernetes quantity.")
    licenses: Licenses | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="The licenses that a student may have, by their SPDX identifiers; capitals do not count. Without it any is "
        "used. A folder is not looked at.",
    )
