"""What the service says of itself: its task, examples and limits, for its page and its OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prompt2model_stages.preprocessing import PREPROCESSING
from prompt2model_stages.service.answering import Golden
from prompt2model_stages.service.requests import TEXT_LIMIT, TEXTS_LIMIT

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
    """

    name: str
    version: str
    instruction: str = ""
    language: str = ""
    examples: tuple[Golden, ...] = field(default=())
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    truncate: bool = False

    def limits(self) -> list[str]:
        """What a request may hold, a sentence each."""
        found = [f"A text has at most {TEXT_LIMIT} characters, a request at most {TEXTS_LIMIT} texts."]
        if self.max_input_tokens is not None:
            what = "longer inputs are cut, and the answer says so" if self.truncate else "longer inputs are refused"
            found.append(f"The model reads {self.max_input_tokens} tokens of instruction and input; {what}.")
        if self.max_output_tokens is not None:
            found.append(f"An answer has at most {self.max_output_tokens} tokens.")
        return found


def read_card(
    name: str, sha256: str, model: Path, golden: Sequence[Golden], card: Path, truncate: bool = False
) -> Card:
    """The card of a model folder.

    Args:
        name: the resource's.
        sha256: of the model folder.
        model: the model folder, as train wrote it.
        golden: shown as examples where the task has none of its own.
        card: where card.json may be; evaluate wrote none before it knew of it.
        truncate: whether longer inputs are cut.
    """
    told, settings = _read(card), _read(model / "student.json")
    own = [one for one in told.get("demonstrations") or [] if isinstance(one, dict)]
    examples = [Golden(str(one.get("input", "")), str(one.get("output", ""))) for one in own] or list(golden)
    return Card(
        name=name,
        version=sha256[:VERSION_LENGTH],
        instruction=str(told.get("instruction") or _read(model / PREPROCESSING).get("instruction") or ""),
        language=str(told.get("language") or ""),
        examples=tuple(one for one in examples if one.input.strip())[:EXAMPLES],
        max_input_tokens=settings.get("max_input_tokens"),
        max_output_tokens=settings.get("max_output_tokens"),
        truncate=truncate,
    )


def _read(file: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none, since nothing but words depends on it."""
    try:
        tree = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}
