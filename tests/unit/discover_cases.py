"""A teacher for tests of discover: it answers by purpose, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prompt2model_stages.teacher.requests import TeacherAnswer, TeacherRequest


class FakeTeacher:
    """Answers the requests of each purpose in turn; the last answer again where there are no more, else nothing."""

    def __init__(self, answers: Mapping[str, Sequence[str]] | None = None) -> None:
        self._answers = {purpose: list(texts) for purpose, texts in (answers or {}).items()}
        self.asked: list[TeacherRequest] = []

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        self.asked.append(request)
        texts = self._answers.get(request.purpose, [""])
        text = texts.pop(0) if len(texts) > 1 else texts[0]
        return TeacherAnswer(texts=(text,), key=f"{len(self.asked):064x}")

    def purposes(self) -> list[str]:
        return [request.purpose for request in self.asked]
