"""In which languages a task's inputs and outputs are, where the teacher has to be told.

It is told nothing of an English task, and nothing that is not sure: a wrong language makes every example wrong. Names and
labels look like a language of their own, so what is detected counts only where something else speaks for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.discover.languages import ENGLISH, NAMES, detect
from prompt2model_stages.discover.student_facts import task_facts
from prompt2model_stages.discover.task_kinds import TRANSLATION

MANY_WORDS, MANY_LETTERS = 20, 12
"""Words of all demonstrations together that speak for a language in Latin letters; letters, for one in others."""
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class TaskLanguages:
    """ISO 639-1 codes; empty where nothing is to be said: it is English, no language (code, dates), or not sure."""

    inputs: str = ""
    outputs: str = ""


def task_languages(instruction: str, language: str, demonstrations: Sequence[Demonstration]) -> TaskLanguages:
    """The languages of a task.

    Args:
        instruction: in English.
        language: of the instruction as it was written, ISO 639-1.
        demonstrations: of the task.
    """
    facts = task_facts(instruction, demonstrations)
    inputs = _borne_out(facts.reads, instruction, language, [one.input for one in demonstrations])
    outputs = _borne_out(facts.writes, instruction, language, [one.output for one in demonstrations])
    if facts.kind == TRANSLATION and inputs and outputs and inputs != outputs:
        return TaskLanguages(inputs, outputs)
    if outputs == ENGLISH:  # labels and code look so, too: what is not translated may be anything
        outputs = ""
    return TaskLanguages("" if inputs == ENGLISH and not outputs else inputs, outputs)


def _borne_out(code: str | None, instruction: str, language: str, texts: Sequence[str]) -> str:
    """The language where something speaks for it beside the detector; else empty. The texts have to be in it, as well."""
    together = "\n".join(texts)
    if code is None or code not in NAMES or detect(together).code != code:
        return ""
    named = code == language or re.search(rf"\b{NAMES[code]}\b", instruction) is not None
    letters = sum(map(str.isalpha, together))
    other_letters = letters - len(_LATIN.findall(together))
    if 2 * other_letters > letters:
        return code if named or other_letters >= MANY_LETTERS else ""
    return code if named or code == ENGLISH or len(_WORD.findall(together)) >= MANY_WORDS else ""
