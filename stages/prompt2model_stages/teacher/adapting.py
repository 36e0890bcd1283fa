"""What a refusal teaches: this endpoint's dialect for all requests, or another way for the one that was refused.

Requests are in flight while the dialect is learnt. One that was sent in an older dialect says nothing new: it is sent again.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass, replace

from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_stages.teacher.dialect import FEATURES, SCHEMA, SEVERAL, SYSTEM, TEMPERATURE, Dialect
from prompt2model_stages.teacher.requests import TeacherRequest
from prompt2model_stages.teacher.room import LEAST_ROOM, left_for_the_answer, most_for_an_answer

logger = logging.getLogger(__name__)

WITNESSES = 3
"""So many requests that were answered only without a feature, while none was answered with it, speak for all."""

_ABOUT = {
    SCHEMA: re.compile(
        r"response_?format|response_?schema|json[_ ]?schema|json[_ ]mode|structured[_ ]outputs?|grammar|guided|json_object"
        r"|json_validate_failed|additionalProperties|invalid schema|schema is not|failed to (?:generate|validate) json",
        re.IGNORECASE,
    ),
    SEVERAL: re.compile(
        r"""['"`]n['"`]|\bn\s*(?:>|=|must|is not|parameter|should)|number of (?:choices|completions)|best_of"""
        r"|multiple (?:choices|completions|candidates)|candidate_?count|only one (?:choice|completion|candidate)"
        r"|(?:one|1) completion (?:choice )?(?:is )?allowed",
        re.IGNORECASE,
    ),
    SYSTEM: re.compile(
        r"system[_ ](?:role|message|prompt|instruction)s?|role[^.]{0,20}['\"`]?system|developer instruction|roles must alternate"
        r"|only (?:supports? )?(?:the )?user[^.]{0,15}assistant[^.]{0,10}roles?|does not support ['\"`]?system"
        r"|role['\"`\]]* does not support",
        re.IGNORECASE,
    ),
    TEMPERATURE: re.compile(r"temperature", re.IGNORECASE),
}
_OF_THIS_ANSWER = re.compile(r"json_validate_failed|failed to (?:generate|validate) json", re.IGNORECASE)
"""Groq's word for an answer of the model that missed the schema."""
_NUMBER = r"(\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"([\[(])\s*{_NUMBER}\s*[,;]\s*{_NUMBER}\s*([\])])")
_BETWEEN = re.compile(rf"{_NUMBER}\s*(?:\.\.+|to|and|-|–|~)\s*{_NUMBER}")
_AT_MOST = re.compile(
    rf"(?:<=|≤|less than or equal to|at most|maximum(?: value)?(?: is| of)?|not exceed|up to)\s*{_NUMBER}", re.I
)
_BELOW = re.compile(rf"(?:<|less than|below)\s*{_NUMBER}", re.I)
_AT_LEAST = re.compile(rf"(?:>=|≥|greater than or equal to|at least|minimum(?: value)?(?: is| of)?)\s*{_NUMBER}", re.I)
_ABOVE = re.compile(rf"(?:>|greater than|above|larger than|strictly positive)\s*{_NUMBER}?", re.I)
_STEP = 0.01
"""How near an open bound is gone to."""


@dataclass(frozen=True)
class Way:
    """How one request is asked.

    dialect: as it was learnt when the request was sent.
    without: features that this request alone goes without.
    room: tokens allowed to each answer.
    most: the most room that this request may have; 0: no bound is known.
    """

    dialect: Dialect
    room: int
    without: frozenset[str] = frozenset()
    most: int = 0

    @property
    def spoken(self) -> Dialect:
        """The dialect of this request."""
        return self.dialect.without(self.without)


class Adapter:
    """The dialect of one endpoint, and what speaks for and against each part of it."""

    def __init__(self, dialect: Dialect, settings: TeacherSpec) -> None:
        self.dialect = dialect
        self._settings = settings
        self._proven: set[str] = set()
        """Features with which a request was answered."""
        self._witnesses: Counter[str] = Counter()

    def first_way(self, request: TeacherRequest) -> Way:
        """How a request is asked at first."""
        given = self._settings.reasoning.allowance if self._settings.reasoning else 0
        room = request.max_tokens + max(given, self.dialect.allowance)
        most = self.dialect.most_tokens
        return Way(self.dialect, min(room, most) if most else room, most=most)

    def renewed(self, way: Way) -> Way:
        """The way in what is by now the dialect."""
        most = min(way.most or self.dialect.most_tokens, self.dialect.most_tokens or way.most)
        return replace(way, dialect=self.dialect, most=most, room=min(way.room, most) if most else way.room)

    def answered(self, request: TeacherRequest, way: Way, needed_room: bool) -> None:
        """Notes that a request was answered in this way; needed_room: whole, after reasoning."""
        self._proven |= way.spoken.used_by(request)
        for feature in way.without - self._proven:
            self._witnesses[feature] += 1
            if self._witnesses[feature] >= WITNESSES:
                self._learn("answers without it alone", **{feature: False})
        extra = way.room - request.max_tokens
        if needed_room and extra > max(self.dialect.allowance, self._given_allowance()):
            self._learn("its reasoning needs room", allowance=extra)

    def refused(self, request: TeacherRequest, way: Way, status: int, text: str, too_long: bool = False) -> Way | None:
        """How to ask again after a refusal; None where no other way is left.

        Args:
            request: what was asked.
            way: how.
            status: 400, 422, or 500 and above, of which only what is explained counts.
            text: what the endpoint said.
            too_long: whether that is about a prompt that does not fit; then only a shorter answer helps.
        """
        settings, new = self._settings, self.renewed(way)
        if way.spoken.body(request, settings, way.room) != new.spoken.body(request, settings, new.room):
            return new
        if status < 500 and (other := self._bounded(way, text)) is not None:
            return other
        if too_long:
            return None
        if (feature := self._explained(request, way, text)) is not None:
            return self._leave_out(feature, way, status, text)
        if status >= 500 or "max_tokens" in text:
            return None
        left = way.spoken.used_by(request) - way.without
        tried = next((name for name in FEATURES if name in left), None)
        return None if tried is None else replace(way, without=way.without | {tried})

    def _given_allowance(self) -> int:
        return self._settings.reasoning.allowance if self._settings.reasoning else 0

    def _bounded(self, way: Way, text: str) -> Way | None:
        """Another name for the bound of the answer, or a lower one."""
        if (most := most_for_an_answer(text, way.room)) is not None:
            self._learn(text, most_tokens=most)
            return self.renewed(way)
        if (room := left_for_the_answer(text, way.room)) is not None:
            return replace(way, room=room, most=room) if room >= LEAST_ROOM else None
        other = "max_completion_tokens" if way.dialect.token_field == "max_tokens" else "max_tokens"
        if other == "max_completion_tokens" and other in text:
            self._learn(text, token_field=other)
            return self.renewed(way)
        return None

    def _explained(self, request: TeacherRequest, way: Way, text: str) -> str | None:
        used = way.spoken.used_by(request)
        if way.spoken.temperature:
            used |= {TEMPERATURE}  # 1.0 is refused by some, too
        order = (SCHEMA, SYSTEM, SEVERAL, TEMPERATURE)
        named = [feature for feature in order if feature in used and _ABOUT[feature].search(text)]
        if TEMPERATURE in named and text.lower().find("temperature") < 60:
            return TEMPERATURE  # "Unsupported value: 'temperature' ..." may name other parameters after it
        return named[0] if named else None

    def _leave_out(self, feature: str, way: Way, status: int, text: str) -> Way:
        doubtful = feature in self._proven or status >= 500 or _OF_THIS_ANSWER.search(text) is not None
        if doubtful and feature != TEMPERATURE:
            return replace(way, without=way.without | {feature})
        if feature == TEMPERATURE and (bounds := _bounds(text, self.dialect)) is not None:
            self._learn(text, lowest=bounds[0], highest=bounds[1])
        else:
            self._learn(text, **{feature: False})
        return self.renewed(way)

    def _learn(self, text: str, **changes: object) -> None:
        self.dialect = replace(self.dialect, **changes)  # type: ignore[arg-type]
        logger.info("the endpoint is asked differently from now on (%s): %s", text[:200], changes)


def _bounds(text: str, dialect: Dialect) -> tuple[float, float] | None:
    """The bounds of the temperature that a text names, where they are narrower than those known."""
    text = text[max(0, text.lower().find("temperature")) :]
    low, high = dialect.lowest, dialect.highest
    if (found := _RANGE.search(text)) is not None:
        low = float(found[2]) + (_STEP if found[1] == "(" else 0.0)
        high = float(found[3]) - (_STEP if found[4] == ")" else 0.0)
    elif re.search(r"between|range|from|within", text, re.I) and (found := _BETWEEN.search(text)) is not None:
        low, high = float(found[1]), float(found[2])
    else:
        if (found := _AT_MOST.search(text)) is not None:
            high = float(found[1])
        elif (found := _BELOW.search(text)) is not None:
            high = float(found[1]) - _STEP
        if (found := _AT_LEAST.search(text)) is not None:
            low = float(found[1])
        elif (found := _ABOVE.search(text)) is not None:
            low = float(found[1] or 0) + _STEP
    narrower = low > dialect.lowest or high < dialect.highest
    return (low, high) if narrower and dialect.lowest <= low <= high <= dialect.highest else None
