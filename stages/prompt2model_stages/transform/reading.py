"""Reads a rewritten row, or a refusal, out of an answer."""

from __future__ import annotations

import re
from typing import Any

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.collecting import LONGEST_TEXT
from prompt2model_stages.json_numbers import as_text
from prompt2model_stages.teacher import TeacherAnswer
from prompt2model_stages.teacher.parsing import objects_in
from prompt2model_stages.transform.base import USED, Outcome, Refusal, Refused, Unusable

WHY_LENGTH = 200
_NOT_REFUSED = ("", USED, "none", "false")
_PLACEHOLDER = re.compile(r"[.…\s]*")
"""What the prompt has in the place of texts; a weak teacher copies it."""


def read_answer(answer: TeacherAnswer) -> Outcome:
    """What an answer says of its row."""
    if answer.cut:
        return Unusable.CUT
    if answer.refused or not answer.texts[0].strip():
        return Unusable.UNANSWERED
    return read_row(answer.texts[0])


def read_row(text: str) -> Outcome:
    """A pair or a refusal in a text; prose and fences around the JSON are passed over.

    A refusal counts also where a pair stands beside it, or where its reason alone is named: the teacher doubts it. Half a pair
    is none.
    """
    if (tree := _answer_in(text)) is None:
        return Unusable.MALFORMED
    if (refused := _refusal(as_text(tree.get("refused")).casefold(), as_text(tree.get("why")))) is not None:
        return refused
    pair = Pair(as_text(tree.get("input")), as_text(tree.get("output")))
    texts = (pair.input, pair.output)
    if any(_PLACEHOLDER.fullmatch(text) for text in texts):
        return Unusable.MALFORMED
    return pair if max(map(len, texts)) <= LONGEST_TEXT else Unusable.OVERLONG


def _answer_in(text: str) -> dict[str, Any] | None:
    """The object that is the answer: the last that decides. One without a decision may be the row, quoted amid prose."""
    found = objects_in(text)
    decided = [tree for tree, _ in found if "refused" in tree]
    return next(iter(decided[-1:] or [tree for tree, alone in found if alone]), None)


def _refusal(refused: str, why: str) -> Refused | None:
    if refused in _NOT_REFUSED:
        return Refused(Refusal(why.casefold())) if why.casefold() in tuple(Refusal) else None
    known = refused in tuple(Refusal)
    told = why or ("" if known else refused)
    return Refused(Refusal(refused) if known else Refusal.OTHER, told[:WHY_LENGTH])
