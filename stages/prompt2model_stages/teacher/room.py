"""How many tokens an answer may have: more where it was cut, less where the endpoint takes no more."""

from __future__ import annotations

import re

LEAST_ROOM = 16
"""With less room nothing is worth asking for."""
FOR_REASONING = (2048, 8192)
"""Tokens beyond the request's own bound, tried one after the other, for a model whose reasoning took all of it."""
MORE = (2, 4)
"""Times the bound that are tried where the answer itself was cut."""
LEAST_MORE = 128

_N = r"[`'\"]?(\d[\d,]*)[`'\"]?"
_DIFFERENCE = re.compile(rf"{_N} > {_N} - {_N}")
_SUM = re.compile(rf"{_N} \+ {_N} > {_N}")
_CONTEXT = re.compile(
    rf"(?:context (?:length|window|size|limit)[^.\d]{{0,40}}|must be (?:<=|at most|less than or equal to) ?){_N}",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    rf"{_N} (?:input tokens|(?:tokens )?in (?:the )?(?:messages|prompt|input)|`?inputs?`? tokens|prompt tokens)"
    rf"|prompt contains(?: at least)? {_N}",
    re.IGNORECASE,
)
_MOST = re.compile(
    rf"supports at most {_N} completion tokens|> {_N}, which is the maximum"
    rf"|max_(?:completion_|output_|new_)?tokens[^.]{{0,60}}\[\s*1\s*,\s*{_N}\s*\]"
    rf"|max_(?:completion_|output_|new_)?tokens`?[^.]{{0,40}}"
    rf"(?:less than or equal to|at most|<=|cannot exceed|not exceed|maximum of) {_N}"
    rf"|maxOutputTokens[^.]{{0,80}} to {_N}",
    re.IGNORECASE,
)
_ABOUT_ROOM = re.compile(
    r"max_?(?:completion_?|output_?|new_?)?tokens|in the completion|completion tokens", re.IGNORECASE
)
_TOO_LARGE = re.compile(
    r"too large|too big|too high|exceeds?|must be|maximum context|reduce|out of range|context", re.IGNORECASE
)
_PER_MINUTE = re.compile(rf"limit:? {_N}\b.*?requested:? {_N}", re.IGNORECASE | re.DOTALL)


def more_room(asked: int, room: int, most: int, reasoned: bool) -> int | None:
    """The room of the next try after an answer that was cut; None where it was the last.

    Args:
        asked: the request's own bound.
        room: tokens that the answer had.
        most: the most that this request may have; 0: no bound is known.
        reasoned: whether reasoning took the room.
    """
    steps = (
        [asked + extra for extra in FOR_REASONING]
        if reasoned
        else [max(asked * m, asked + LEAST_MORE * m) for m in MORE]
    )
    wanted = next((step for step in steps if step > room), None)
    if wanted is None or not most:
        return wanted
    return min(wanted, most) if min(wanted, most) > room else None


def most_for_an_answer(text: str, room: int) -> int | None:
    """The endpoint's own bound of any answer, where it refuses a request for going beyond it."""
    found = _MOST.search(text)
    most = next((_int(part) for part in found.groups() if part), None) if found else None
    if most is not None and "exclusive" in text:
        most -= 1
    return most if most is not None and LEAST_ROOM <= most < room else None


def left_for_the_answer(text: str, room: int) -> int | None:
    """Tokens that the context leaves for the answer, where prompt and answer together are refused; at most `room` - 1.

    Less than LEAST_ROOM, 0 and below included, where the prompt itself is too long. None where the text is about something else.
    """
    if (found := _DIFFERENCE.search(text)) is not None:
        return min(room - 1, _int(found[2]) - _int(found[3]))
    if (found := _SUM.search(text)) is not None:
        return min(room - 1, _int(found[3]) - _int(found[1]))
    if not (_ABOUT_ROOM.search(text) and _TOO_LARGE.search(text)):
        return None
    context, prompt = _CONTEXT.search(text), _PROMPT.search(text)
    if context is not None and prompt is not None:
        return min(room - 1, _int(context[1]) - _int(prompt[1] or prompt[2]))
    return room // 2


def within_a_minute(text: str, room: int) -> int | None:
    """The room with which a request fits into the tokens of a minute, where Groq says that it asks for more than that."""
    if (found := _PER_MINUTE.search(text)) is None:
        return None
    excess = _int(found[2]) - _int(found[1])
    return room - excess if excess > 0 and room - excess >= LEAST_ROOM else None


def _int(digits: str) -> int:
    return int(digits.replace(",", ""))
