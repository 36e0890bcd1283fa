"""Notices an endpoint that answers, and says nothing."""

from __future__ import annotations

from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher import failures
from prompt2model_stages.teacher.journal import Journal
from prompt2model_stages.teacher.replies import Reply
from prompt2model_stages.teacher.requests import TeacherAnswer

EMPTY_IN_A_ROW, CUT_IN_A_ROW = 20, 8
"""So many empty answers in a row say that the endpoint is not well; of those that reasoning took whole, each costs much."""


class Silence:
    """The empty answers since the last one that was none."""

    def __init__(self, journal: Journal, endpoint: failures.Endpoint) -> None:
        self._journal, self._endpoint = journal, endpoint
        self._empty: list[TeacherAnswer] = []

    async def watch(self, answer: TeacherAnswer, reply: Reply, room: int) -> StageError | None:
        """Notes an answer; the error, where there were too many empty ones, which are void then. room: tokens it might have."""
        if answer.refused or any(answer.texts) or any(choice.text for choice in reply.choices):
            self._empty.clear()
            return None
        self._empty.append(answer)
        cut = all(one.cut for one in self._empty)
        if len(self._empty) < (CUT_IN_A_ROW if cut else EMPTY_IN_A_ROW):
            return None
        empty, self._empty = self._empty, []
        await self._journal.void([one.key for one in empty])
        if cut:
            return failures.reasons_only(self._endpoint, len(empty), room)
        return failures.answers_nothing(self._endpoint, len(empty), reply.reasoned)
