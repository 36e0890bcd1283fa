"""What the service says of itself: its task, examples and limits, for its page and its OpenAPI description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from prompt2model_stages.examples import Pair
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.service.requests import TEXT_LIMIT, TEXTS_LIMIT
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.encoding import StudentSettings
from prompt2model_stages.task_card import TaskCard

T = TypeVar("T")

EXAMPLES = 5
VERSION_LENGTH = 12


@dataclass(frozen=True)
class Card:
    """Args:
    name: the resource's.
    version: the first digits of the model's SHA-256.
    instruction: what the model does, in its author's words.
    language: of the instruction, as a BCP 47 tag; empty where it is not known.
    examples: inputs, each with its output.
    max_input_tokens: of instruction and input together; None where it is not known.
    max_output_tokens: of an answer.
    truncate: whether longer inputs are cut.
    review: what a person made of the generated examples, in a sentence; empty where nothing.
    """

    name: str
    version: str
    instruction: str = ""
    language: str = ""
    examples: tuple[Pair, ...] = field(default=())
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    truncate: bool = False
    review: str = ""

    def limits(self) -> list[str]:
        """What a request may hold, a sentence each."""
        found = [f"A text has at most {TEXT_LIMIT} characters, a request at most {TEXTS_LIMIT} texts."]
        if self.max_input_tokens is not None:
            what = "longer inputs are cut, and the answer says so" if self.truncate else "longer inputs are refused"
            found.append(f"The model reads {self.max_input_tokens} tokens of instruction and input; {what}.")
        if self.max_output_tokens is not None:
            found.append(f"An answer has at most {self.max_output_tokens} tokens.")
        return found


def read_card(name: str, sha256: str, model: Path, golden: Sequence[Pair], card: Path, truncate: bool = False) -> Card:
    """The card of a model folder.

    Args:
        name: the resource's.
        sha256: of the model folder.
        model: the model folder, as train wrote it.
        golden: shown as examples where the task has none of its own.
        card: where card.json may be; evaluate wrote none before it knew of it.
        truncate: whether longer inputs are cut.
    """
    told, settings = _task(card), _or_none(lambda: StudentSettings.read(Folder(str(model))))
    prepared = _or_none(lambda: Preprocessing.load(Folder(str(model))))
    examples = [Pair(one.input, one.output) for one in told.demonstrations] or list(golden)
    return Card(
        name=name,
        version=sha256[:VERSION_LENGTH],
        instruction=told.instruction or (prepared.instruction if prepared is not None else ""),
        language=told.language,
        examples=tuple(one for one in examples if one.input.strip())[:EXAMPLES],
        max_input_tokens=settings.max_input_tokens if settings is not None else None,
        max_output_tokens=settings.max_output_tokens if settings is not None else None,
        truncate=truncate,
        review=told.review,
    )


def _task(file: Path) -> TaskCard:
    """What evaluate wrote of the task; an empty card where it wrote none."""
    return _or_none(lambda: TaskCard.model_validate_json(file.read_bytes())) or TaskCard()


def _or_none(read: Callable[[], T]) -> T | None:
    """What is read; None where it is missing or damaged, since nothing but words depends on it."""
    try:
        return read()
    except (OSError, ValueError):
        return None
