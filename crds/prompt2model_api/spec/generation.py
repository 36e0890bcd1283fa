"""`spec.generation`: the data that the teacher writes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Model

ACCEPTED = r"^[0-9a-f]{8,64}(-[0-9a-f]{64})?$"
"""The SHA-256 of the generated examples, or its start; behind it that of what a person made of them (docs/decisions/0107)."""
TWO_SETTLE_NOTHING = "furtherOutputs: OnDisagreement needs an outputsPerInput of at least 3: the third one settles it"


class Temperature(Model):
    """Sampling temperature, raised in a line from `from` to `to` as examples come in (paper, section 3.3)."""

    from_: float = Field(default=0.3, ge=0, le=2, alias="from", description="The temperature at the first example.")
    to: float = Field(default=1.4, ge=0, le=2, description="The temperature at the last example.")

    @model_validator(mode="after")
    def _rises(self) -> Temperature:
        if self.from_ > self.to:
            raise ValueError("from must be at most to: write a lower from or a higher to")
        return self


class Generation(Model):
    """How much data the teacher writes, and how."""

    enabled: bool = Field(default=True, description="Whether the teacher writes data.")
    examples: int = Field(
        default=3000, ge=1, le=1_000_000, description="How many different examples the teacher writes."
    )
    temperature: Temperature = Field(default_factory=Temperature)
    outputs_per_input: int = Field(
        default=1, ge=1, le=20, description="How many answers are asked for each input; the most frequent one is kept."
    )
    further_outputs: Literal["Always", "OnDisagreement"] | None = Field(
        default=None,
        description="When further outputs of an input are asked for. OnDisagreement asks a second one for each input, and more, "
        "one by one, only while no output has more than half of the votes: outputsPerInput, at least 3, is then the most. Without "
        "it all are asked for.",
    )
    least_yield: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="The fewest new examples, for each 100 that are asked for, with which the teacher is asked on: 5 without it. "
        "Where the last 300 bring fewer, the temperature goes to its highest; where 300 at that do, too, generation ends with the "
        "examples that there are, and says so. 0 asks on.",
    )
    near_duplicates: Literal["Keep", "Drop"] | None = Field(
        default=None,
        description="Drop leaves out an example that asks, in nearly its words, what another one asks, and asks the teacher for "
        "more in its place: each example then tells more, and costs more. Without it they are kept.",
    )
    language: Literal["Auto", "English"] = Field(
        default="Auto",
        description="Auto shows the teacher your instruction as you wrote it, and asks for examples in the languages of your "
        "demonstrations, where they are not English. English shows it the translation and names no language, as versions before "
        "did.",
    )
    validate_: Literal["Auto", "None"] = Field(
        default="Auto",
        alias="validate",
        description="Auto leaves out what is no example of the task, judged by your demonstrations: refusals, placeholders, code "
        "that does not parse where all of yours does, another script, a label that is not in your list. statistics.json counts it "
        "and shows one example of each kind. None keeps everything, as versions before did.",
    )
    review: Literal["None", "Required"] = Field(
        default="None",
        description="Required waits, before the data is used, until accepted names the generated examples.",
    )
    accepted: Annotated[str, StringConstraints(pattern=ACCEPTED, max_length=129)] | None = Field(
        default=None,
        description="The hash of the examples that you reviewed, as the condition shows it; it answers the review gate. "
        "`p2m review` writes another hash behind it, with a hyphen between: that of the examples as you corrected them.",
    )

    @model_validator(mode="after")
    def _settles(self) -> Generation:
        if self.further_outputs == "OnDisagreement" and self.outputs_per_input < 3:
            raise ValueError(TWO_SETTLE_NOTHING)
        return self

    @property
    def reviewed(self) -> str | None:
        """SHA-256 of the examples as a person corrected them, where accepted names one."""
        return (self.accepted or "").partition("-")[2] or None

    def accepts(self, examples_sha256: str) -> bool:
        """Whether accepted names these generated examples, or what a person made of these."""
        generated = (self.accepted or "").partition("-")[0]
        return bool(generated) and examples_sha256.startswith(generated)
