"""card.json: what the service says of its task, in its author's words. evaluate writes it beside the golden requests."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.stage_files import DiscoveredTask, StageFile


class TaskCard(StageFile):
    """The instruction as it was written, its language, the demonstrations."""

    NAME = "card.json"

    format: Literal[1] = 1
    instruction: str = ""
    language: str = Field(default="", description="Of the instruction, ISO 639-1; empty where it is not known.")
    demonstrations: list[Demonstration] = Field(default=[])

    @classmethod
    def of(cls, task: DiscoveredTask) -> TaskCard:
        """The card of what discover found."""
        # The language is that of the original; a task that was only given in English has no other text.
        return cls(
            instruction=task.original_instruction or task.instruction,
            language=task.language,
            demonstrations=task.demonstrations,
        )
