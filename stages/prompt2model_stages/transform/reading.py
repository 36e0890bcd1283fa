"""Reads a rewritten row, or a refusal, out of an answer."""

from __future__ import annotations

import re
from typing import Any, Literal

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.filtering import LONGEST_TEXT
from prompt2model_stages.generate.validating.phrases import DOTS
from prompt2model_stages.json_numbers import as_text
from prompt2model_stages.teacher import TeacherAnswer
from prompt2model_stages.teacher.parsing import objects_in
from prompt2model_stages.transform.base import USED, Outcome, Refusal, Refused, Unusable

WHY_LENGTH = 200
_ROW_IS = r"((it|row|the row|this row) )?(is |was )?"
_DECLINED = r"(refus(ed|al|e)|reject(ed|ion)?|declined?|skip(ped)?)"
_NOT_REFUSED = re.compile(
    rf"|{USED}|not|none|nope|nil|null|nothing|n/?a|not applicable|false|0|ok(ay)?|fine|accept(ed)?|kept?|keep|usable|used"
    rf"|{_ROW_IS}(no|not|never|isn't|wasn't) (an? |been )?{_DECLINED}|un-?refused"
)
_REFUSED = re.compile(rf"yes|true|1|unusable|not usable|{_ROW_IS}{_DECLINED}")
"""What a teacher writes in place of the words that it was given: only the whole of it tells, since "no date in it" is a reason."""
_AROUND = re.compile(r"^[\W_]+|[\W_]+$")
_FIRST_WORD = re.compile(r"[a-z]+(?=\s*[:;,.(–—-])")


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
    is none. Words of the teacher's own are a reason where no example stands beside them; else nobody can tell what they mean.
    """
    if (tree := _answer_in(text)) is None:
        return Unusable.MALFORMED
    pair = Pair(as_text(tree.get("input")), as_text(tree.get("output")))
    refused, why = as_text(tree.get("refused")), as_text(tree.get("why"))
    texts = [one for one in (pair.input, pair.output) if not DOTS.fullmatch(one)]
    decision = _decision(refused)
    if decision is None and texts:
        return Unusable.UNDECIDED
    if decision is not False:
        own_words = "" if _plain(refused) == decision else refused.casefold()
        return Refused(decision or Refusal.OTHER, (why or own_words)[:WHY_LENGTH])
    if (doubt := _plain(why)) in tuple(Refusal):
        return Refused(Refusal(doubt))
    if len(texts) < 2:  # half a pair
        return Unusable.MALFORMED
    return pair if max(map(len, texts)) <= LONGEST_TEXT else Unusable.OVERLONG


def _decision(refused: str) -> Refusal | Literal[False] | None:
    """The reason of a refusal; False where it is none; None where the word cannot be read."""
    said = _plain(refused)
    if _NOT_REFUSED.fullmatch(said):
        return False
    reasons = tuple(Refusal)
    first = _FIRST_WORD.match(said)
    if (word := first[0] if first else said) in reasons:
        return Refusal(word)
    rest = _plain(said[len(word) :])
    if not _REFUSED.fullmatch(word) or (rest and _NOT_REFUSED.fullmatch(rest)):
        return None
    return Refusal(rest) if rest in reasons else Refusal.OTHER


def _plain(word: str) -> str:
    """Without capitals, and without quotes, full stops and brackets around it."""
    return _AROUND.sub("", " ".join(word.casefold().replace("’", "'").split()))


def _answer_in(text: str) -> dict[str, Any] | None:
    """The object that is the answer: the last that decides. One without a decision may be the row, quoted amid prose."""
    found = objects_in(text)
    decided = [tree for tree, _ in found if "refused" in tree]
    return next(iter(decided[-1:] or [tree for tree, alone in found if alone]), None)
