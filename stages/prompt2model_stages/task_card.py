"""card.json: what the service says of its task, in its author's words. evaluate writes it beside the golden requests."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.stage_files import DiscoveredTask, StageFile


class TaskCard(StageFile):
    """The instruction as it was written, its language, the demonstrations, and what a person made of the examples."""

    NAME = "card.json"

    format: Literal[1] = 1
    instruction: str = ""
    language: str = Field(default="", description="Of the instruction, ISO 639-1; empty where it is not known.")
    demonstrations: list[Demonstration] = Field(default=[])
    review: str = Field(default="", description="What a person made of the generated examples, in a sentence.")

    @classmethod
    def of(cls, task: DiscoveredTask, review: str = "") -> TaskCard:
        """The card of what discover found; review: what a person made of the generated examples."""
        # The language is that of the original; a task that was only given in English has no other text.
        return cls(
            instruction=task.original_instruction or task.instruction,
            language=task.language,
            demonstrations=task.demonstrations,
            review=review,
        )
