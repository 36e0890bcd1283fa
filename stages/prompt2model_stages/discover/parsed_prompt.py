"""A prompt in its parts, and the base of what takes it apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from prompt2model_api.prompt2model import Demonstration

ParsedBy = Literal["given", "teacher", "patterns"]


@dataclass(frozen=True)
class ParsedPrompt:
    """A prompt in its parts.

    instruction: as the user wrote it, in any language.
    demonstrations: in the prompt's order.
    parsed_by: given in parts, by the teacher, or by patterns such as `Input: … Output: …`.
    notes: what a person should know of how it was parsed.
    """

    instruction: str
    demonstrations: tuple[Demonstration, ...]
    parsed_by: ParsedBy
    notes: tuple[str, ...] = ()


class PromptParser(ABC):
    """Takes a prompt apart."""

    @abstractmethod
    async def parse(self, prompt: str) -> ParsedPrompt:
        """The prompt's parts. Raises: StageError."""


def squeezed(text: str) -> str:
    """The text with every run of white space as one space: how texts are compared."""
    return " ".join(text.split())
