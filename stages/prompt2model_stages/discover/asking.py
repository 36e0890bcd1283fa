"""Asks the teacher for what discover can do without: a small teacher may not take in a long prompt."""

from __future__ import annotations

import logging
from typing import Protocol

from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher.requests import TeacherAnswer, TeacherRequest

logger = logging.getLogger(__name__)

TOO_LONG = "it is longer than the teacher takes"
CUT = "the teacher's answer is longer than it may be"
REFUSED = "the teacher refused to answer"


class Asks(Protocol):
    """What is needed of the teacher."""

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        """The answer to one request. Raises: StageError."""


async def asked(teacher: Asks, request: TeacherRequest) -> str:
    """The one answer, trimmed.

    Raises: ValueError where the request is too long for the teacher, or the answer is cut or refused; StageError otherwise.
    """
    try:
        answer = await teacher.ask(request)
    except StageError as error:
        if error.failure.reason != "PromptTooLong":
            raise
        logger.warning("%s: %s", request.purpose, error.failure.message)
        raise ValueError(TOO_LONG) from error
    if answer.cut or answer.refused:
        raise ValueError(CUT if answer.cut else REFUSED)
    return answer.texts[0].strip()
