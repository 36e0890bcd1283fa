"""An endpoint in memory, a clock that only sleeping moves, and jobs, for the tests of the teacher."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_api.stage_job import StageJob
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import Patience, Teacher, TeacherRequest
from prompt2model_stages.teacher.journal import Journal

URL = "http://teacher.test/v1"
RUN = "generate-00000000"


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


def reply(*texts: str, prompt: int = 10, completion: int = 5, **message: Any) -> httpx2.Response:
    """A chat completion."""
    choices = [
        {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
        for i, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return httpx2.Response(200, json={"object": "chat.completion", "choices": choices, "usage": usage})


def refusal(status: int, message: str = "no", code: str = "", **headers: str) -> httpx2.Response:
    """An error as OpenAI words it."""
    body = {"error": {"message": message, "type": code, "code": code}}
    return httpx2.Response(
        status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


class Endpoint:
    """Answers with `handle(body)`, which may raise, wait, or be given the number of the request."""

    def __init__(self, handle: Callable[[dict[str, Any]], Any]) -> None:
        self.handle = handle
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[httpx2.Headers] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "big"}, {"id": "small"}]})
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            body = json.loads(request.content)
            self.bodies.append(body)
            self.headers.append(request.headers)
            answer = self.handle(body)
            if inspect.isawaitable(answer):
                answer = await answer
            assert isinstance(answer, httpx2.Response)
            return answer
        finally:
            self.in_flight -= 1

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self))


def settings(**fields: Any) -> TeacherSpec:
    return TeacherSpec.model_validate({"baseURL": URL, "model": "small", **fields})


def ask(text: str = "hello", **fields: Any) -> TeacherRequest:
    fields.setdefault("max_tokens", 20)
    return TeacherRequest("test", [{"role": "user", "content": text}], **fields)


@asynccontextmanager
async def teacher(
    folder: Path | str,
    endpoint: Endpoint,
    patience: Patience | None = None,
    key: str | None = "sk-secret-123456",
    **fields: Any,
) -> AsyncIterator[Teacher]:
    """A teacher whose time is a Clock's."""
    clock = Clock()
    journal = await Journal.open(Folder(str(folder)), "generate", RUN)
    opened = Teacher(
        settings(**fields),
        journal,
        patience or Patience(tries=4),
        key,
        "P2M_TEACHER_API_KEY",
        http=endpoint.client(),
        clock=clock,
        sleep=clock.sleep,
    )
    try:
        yield opened
    finally:
        await opened.close(5)


def job(storage: Path, base_url: str = URL, **fields: Any) -> StageJob:
    """A generate job whose teacher is at base_url."""
    return StageJob.model_validate(
        {
            "stageRun": {
                "metadata": {"name": "dates-generate-00000000"},
                "spec": {"resource": "dates", "stage": "generate", "digest": "0" * 64, "storage": str(storage)},
            },
            "attempt": 1,
            "settings": {"teacher": {"baseURL": base_url, "model": "small", **fields}},
        }
    )
