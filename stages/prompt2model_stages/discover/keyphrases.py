"""Keyphrases of a task, in one short request: what the data is about, without the words that any instruction has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prompt2model_stages.discover.asking import Asks, asked
from prompt2model_stages.teacher.requests import TeacherRequest

MOST = 8
"""Keyphrases that are taken; the first ones say most."""
LONGEST = 6
"""Words of a keyphrase; with more it is a sentence."""
LONGEST_UNSPACED = 16
"""Letters of a keyphrase in a script without spaces between words; with more it is a sentence."""

_ASKED = (
    "Name the NLP task and the kind of data that the instruction needs, as two to five keyphrases with commas between them. "
    "Write the keyphrases alone."
)
_SHOWN = (
    (
        "Decide whether the reviewer of the phone liked it. Answer yes or no.",
        "sentiment classification, product reviews",
    ),
    (
        "Lies den Absatz und beantworte die Frage dazu mit Wörtern des Absatzes.",
        "extractive question answering, reading comprehension, German",
    ),
)
_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_LABEL = re.compile(r"^\W*key\s?phrases?(?: are)?\W*:\W*", re.IGNORECASE)
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Letters of Thai, Lao, Burmese, Khmer, kana and Han."""
_SPEAKING = re.compile(r"\b(?:i['’]m|you|sorry|cannot|can['’]?t|unable|please|apologi[sz]e)\b", re.IGNORECASE)
"""Words of a teacher that talks, such as one that refuses to answer."""


@dataclass(frozen=True)
class Keyphrases:
    """Keyphrases with commas between them; empty where there are none, and then note says why."""

    text: str
    note: str = ""


async def keyphrases(teacher: Asks, instruction: str) -> Keyphrases:
    """The keyphrases of an instruction. Raises: StageError of the teacher."""
    messages = [{"role": "system", "content": _ASKED}]
    for given, answer in _SHOWN:
        messages += [{"role": "user", "content": given}, {"role": "assistant", "content": answer}]
    messages.append({"role": "user", "content": instruction[:2000]})
    request = TeacherRequest(purpose="keyphrases", messages=messages, temperature=0.0, max_tokens=48)
    try:
        return Keyphrases(", ".join(read(await asked(teacher, request))))
    except ValueError as error:
        return Keyphrases("", f"The catalogs are searched without keyphrases: {error}.")


def read(answer: str) -> list[str]:
    """The keyphrases of an answer, each once. Raises: ValueError, saying what is wrong, where it has no usable ones."""
    lines = [_MARK.sub("", line) for line in _LABEL.sub("", answer.strip()).splitlines()]
    parts = [part.strip(" \t\"'`.") for line in lines for part in re.split(r"[,;，、]", line)]
    found = list({part.casefold(): part for part in parts if part}.values())
    if not found:
        raise ValueError("the teacher named none")
    if any(_is_sentence(part) for part in found):
        raise ValueError("the teacher wrote a sentence instead")
    if any(", ".join(found).casefold() == shown.casefold() for _, shown in _SHOWN):
        raise ValueError("the teacher repeated the example")
    return found[:MOST]


def _is_sentence(part: str) -> bool:
    too_long = len(part.split()) > LONGEST or len(_UNSPACED.findall(part)) > LONGEST_UNSPACED
    return too_long or _SPEAKING.search(part) is not None
