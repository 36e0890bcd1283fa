"""The instruction's language, and its English translation, with the teacher's help where it is needed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from prompt2model_stages.discover.asking import Asks, asked
from prompt2model_stages.discover.languages import ENGLISH, NAMES, detect
from prompt2model_stages.discover.parsed_prompt import squeezed
from prompt2model_stages.teacher.parsing import parse_json
from prompt2model_stages.teacher.requests import TeacherRequest

logger = logging.getLogger(__name__)

ATTEMPTS = 2
LENGTHS = (0.25, 8.0)
"""Bounds of a translation's length over the original's, in characters: Chinese is several times shorter."""


@dataclass(frozen=True)
class EnglishInstruction:
    """An instruction in English.

    text: in English; the original where no translation was to be had, and then note says so.
    language: of the original, ISO 639-1.
    detected_by: the detector, or the teacher where the detector was not sure.
    """

    text: str
    language: str
    detected_by: Literal["detector", "teacher"]
    translated: bool = False
    note: str = ""


async def in_english(teacher: Asks, instruction: str) -> EnglishInstruction:
    """The instruction in English. Raises: StageError of the teacher."""
    found = detect(instruction)
    code, by = found.code, "detector"
    if not found.sure and (asked := await _ask_language(teacher, instruction)) is not None:
        code, by = asked, "teacher"
    detected_by: Literal["detector", "teacher"] = "teacher" if by == "teacher" else "detector"
    if code == ENGLISH:
        return EnglishInstruction(instruction, code, detected_by)
    for attempt in range(ATTEMPTS):
        english = await _ask_translation(teacher, instruction, code, attempt)
        if english is not None:
            return EnglishInstruction(english, code, detected_by, translated=True)
    note = f"The teacher gave no usable translation from {NAMES[code]}; the instruction is kept as it is."
    logger.warning(note)
    return EnglishInstruction(instruction, code, detected_by, note=note)


async def _ask_language(teacher: Asks, text: str) -> str | None:
    """The language that the teacher says; None where it says none of those known."""
    schema = {
        "type": "object",
        "properties": {"language": {"type": "string", "enum": list(NAMES.values())}},
        "required": ["language"],
        "additionalProperties": False,
    }
    content = f'In which language is this text? Answer in JSON, such as {{"language": "English"}}.\n\n{text[:1000]}'
    request = TeacherRequest(
        purpose="language",
        messages=[{"role": "user", "content": content}],
        temperature=0.0,
        max_tokens=24,
        schema=schema,
    )
    try:
        tree = parse_json(await asked(teacher, request))
    except ValueError:
        return None
    name = tree.get("language") if isinstance(tree, dict) else None
    return next((code for code, known in NAMES.items() if known == name), None)


async def _ask_translation(teacher: Asks, text: str, code: str, attempt: int) -> str | None:
    """The translation; None where the answer cannot be one."""
    content = f"Translate this instruction from {NAMES[code]} into English. Write the translation alone.\n\n{text}"
    request = TeacherRequest(
        purpose="translate",
        messages=[{"role": "user", "content": content}],
        temperature=0.0 if attempt == 0 else 0.5,
        max_tokens=min(8192, 64 + len(text.encode())),
        sample=attempt,
    )
    try:
        english = await asked(teacher, request)
    except ValueError:
        return None
    low, high = LENGTHS
    likely = low * len(text) <= len(english) <= high * len(text)
    if not likely or squeezed(english) == squeezed(text) or detect(english).code != ENGLISH:
        logger.info("attempt %d: the teacher's translation is refused", attempt + 1)
        return None
    return english
