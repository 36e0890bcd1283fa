"""The prompt parser: the teacher takes the prompt apart, and its answer is believed only where the prompt bears it out.

Source: Viswanathan et al., Prompt2Model (2023), section 3.1.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from prompt2model_stages.discover.asking import Asks, asked
from prompt2model_stages.discover.believing.judging import understood
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt, PromptParser
from prompt2model_stages.discover.segmenting import parsed, parts
from prompt2model_stages.teacher.requests import TeacherRequest

logger = logging.getLogger(__name__)

ATTEMPTS = 2

_SAMPLE = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "instruction": _SAMPLE,
        "demonstrations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"input": _SAMPLE, "output": _SAMPLE},
                "required": ["input", "output"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["instruction", "demonstrations"],
    "additionalProperties": False,
}

SYSTEM = (
    "Split the prompt into its instruction and its demonstrations (pairs of input and output). Copy the text as it is; "
    "add nothing, leave nothing out but labels and headings. Without pairs, demonstrations is empty. Answer in JSON."
)
SHOWN: tuple[tuple[str, str, list[tuple[str, str]]], ...] = (
    (
        "Tell whether the review is good or bad.\n\nReview: I loved every page.\nVerdict: good\n\nReview: Dull.\nVerdict: bad",
        "Tell whether the review is good or bad.",
        [("I loved every page.", "good"), ("Dull.", "bad")],
    ),
    (
        "Put the words of the sentence in alphabetical order.",
        "Put the words of the sentence in alphabetical order.",
        [],
    ),
)
"""In-context examples: prompt, instruction, demonstrations."""


class TeacherParser(PromptParser):
    """Asks the teacher, twice at most; where neither answer stands up to the prompt, the layout decides."""

    def __init__(self, teacher: Asks) -> None:
        self._teacher = teacher

    async def parse(self, prompt: str) -> ParsedPrompt:
        """See PromptParser."""
        found = parts(prompt)
        by_layout = parsed(found)
        messages, refusal = _messages(prompt), ""
        for attempt in range(ATTEMPTS):
            try:
                answer = await asked(self._teacher, _request(prompt, messages, attempt))
                return understood(answer, prompt, found=found)
            except ValueError as error:
                refusal = str(error)
                logger.info("attempt %d: the teacher's segmentation is refused: %s", attempt + 1, refusal)
                messages = [*_messages(prompt)[:-1], {"role": "user", "content": f"{prompt}\n\n(Mind: {refusal})"}]
        note = f"The teacher's segmentation was refused {ATTEMPTS} times ({refusal}); the prompt's layout was used."
        return ParsedPrompt(by_layout.instruction, by_layout.demonstrations, "patterns", (*by_layout.notes, note))


def _messages(prompt: str) -> list[dict[str, str]]:
    messages = [{"role": "system", "content": SYSTEM}]
    for shown, instruction, pairs in SHOWN:
        answer = {"instruction": instruction, "demonstrations": [{"input": i, "output": o} for i, o in pairs]}
        messages.append({"role": "user", "content": shown})
        messages.append({"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)})
    return [*messages, {"role": "user", "content": prompt}]


def _request(prompt: str, messages: list[dict[str, str]], attempt: int) -> TeacherRequest:
    room = 128 + len(prompt.encode()) // 2  # an answer is the prompt again, with JSON's marks
    return TeacherRequest(
        purpose="parse", messages=messages, temperature=0.0, max_tokens=min(8192, room), schema=SCHEMA, sample=attempt
    )
