"""The base of all types, and the small types that several of them use."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Column = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Quantity = Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN, max_length=32)]


def _in_quotes(given: Any) -> Any:
    """A whole number as text."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


IntOrQuantity = Annotated[
    Quantity,
    BeforeValidator(_in_quotes),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY_PATTERN, "maxLength": 32, "minimum": 0}),
]
"""A quantity that may be written as a whole number too, as in a pod's resources; it is text here in either case."""
Seconds = Annotated[int, Field(ge=1, le=30 * 86400)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]


class Model(BaseModel):
    """Base of all types: camelCase outside, unknown fields refused, never changed after it was read."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    def dump(self) -> dict[str, object]:
        """The object as it stands in YAML or JSON: camelCase, without the fields that are not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metric(StrEnum):
    """What evaluate can measure. All are percentages, 0 to 100, more is better."""

    EXACT_MATCH = "ExactMatch"
    CHRF = "ChrF++"
    BERT_SCORE = "BERTScore"


class TeacherPrompt(StrEnum):
    """How evaluate asks the teacher."""

    FEW_SHOT = "FewShot"
    ZERO_SHOT = "ZeroShot"


class Architecture(StrEnum):
    """The two families of students."""

    ENCODER_DECODER = "EncoderDecoder"
    DECODER_ONLY = "DecoderOnly"


class Metadata(Model):
    """The part of Kubernetes' object metadata that is read here."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
    namespace: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)] = "default"
    generation: int = 1
    uid: str = ""
