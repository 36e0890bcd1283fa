"""The nearest candidates in the order that the teacher gives them, in one request: only a teacher that is strong enough helps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.texts import cut
from prompt2model_stages.discover.asking import Asks, asked
from prompt2model_stages.teacher.parsing import parse_json
from prompt2model_stages.teacher.requests import TeacherRequest

SHOWN_CHARACTERS = 240
"""Of a candidate's description."""
SHOWN_DEMONSTRATIONS = 2
ANSWER_TOKENS = 192
"""Enough for 25 numbers and the JSON around them."""


@dataclass(frozen=True)
class Reranked:
    """The candidates' numbers in their new order.

    order: of all candidates, from 0: those that the teacher named, then the others as they were.
    named: how many the teacher named; None where it was not understood, and then note says why and the order is as it was.
    """

    order: tuple[int, ...]
    named: int | None = None
    note: str = ""


async def reranked(
    teacher: Asks, what: str, instruction: str, demonstrations: Sequence[Demonstration], candidates: Sequence[str]
) -> Reranked:
    """Has the teacher order candidates.

    Args:
        teacher: the teacher.
        what: they are, in the plural, such as "datasets".
        instruction: of the task.
        demonstrations: of the task; a few of them are shown.
        candidates: name and description of each, nearest first.

    Raises: StageError of the teacher.
    """
    rows = tuple(range(len(candidates)))
    if len(rows) < 2:
        return Reranked(rows)
    request = TeacherRequest(
        purpose=f"rank-{what}",
        messages=[{"role": "user", "content": _question(what, instruction, demonstrations, candidates)}],
        temperature=0.0,
        max_tokens=ANSWER_TOKENS,
        schema=_schema(len(rows)),
    )
    try:
        named = read(await asked(teacher, request), len(rows))
    except ValueError as error:
        return Reranked(rows, None, f"The {what} stay in the order of the search: {error}.")
    return Reranked((*named, *(row for row in rows if row not in named)), len(named))


def read(answer: str, count: int) -> list[int]:
    """The numbers of an answer, from 0. Raises: ValueError, where it is no list of different numbers of candidates."""
    try:
        tree = parse_json(answer)
    except ValueError as error:
        raise ValueError("the teacher's answer is no JSON") from error
    best = tree.get("best") if isinstance(tree, dict) else None
    if not isinstance(best, list) or not all(type(number) is int and 1 <= number <= count for number in best):
        raise ValueError("the teacher's answer is no list of candidates' numbers")
    if len(set(best)) < len(best):
        raise ValueError("the teacher named a candidate twice")
    return [number - 1 for number in best]


def _question(what: str, instruction: str, demonstrations: Sequence[Demonstration], candidates: Sequence[str]) -> str:
    shown = "".join(
        f"Input: {cut(d.input, 200)}\nOutput: {cut(d.output, 200)}\n\n" for d in demonstrations[:SHOWN_DEMONSTRATIONS]
    )
    listed = "\n".join(
        f"{number}. {cut(' '.join(text.split()), SHOWN_CHARACTERS)}" for number, text in enumerate(candidates, 1)
    )
    form = json.dumps({"best": [3, 1]})
    return (
        f"A small model is to be trained for this task:\n\n{instruction[:2000]}\n\n{shown}"
        f"Which of these {what} would serve, because they are made for the same task, in the same language and direction?\n\n"
        f"{listed}\n\nAnswer in JSON with the numbers of those that would serve, the best first, such as {form}; "
        'leave out all others, and answer {"best": []} where none would.'
    )


def _schema(count: int) -> dict[str, object]:
    number = {"type": "integer", "minimum": 1, "maximum": count}
    return {
        "type": "object",
        "properties": {"best": {"type": "array", "items": number, "maxItems": count}},
        "required": ["best"],
        "additionalProperties": False,
    }
