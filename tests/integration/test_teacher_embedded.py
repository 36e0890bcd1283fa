"""The embedded teacher: a real llama.cpp server in a process of its own, asked through the client."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prompt2model_api.stage_job import StageJob
from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher import Patience, TeacherRequest, open_teacher
from prompt2model_stages.teacher.embedded import MODEL, EmbeddedTeacher, settings
from prompt2model_stages.teacher.parsing import parse_json
from tests.unit.teacher_cases import job

pytestmark = pytest.mark.integration

SCHEMA = {
    "type": "object",
    "properties": {"input": {"type": "string", "maxLength": 40}, "output": {"enum": ["yes", "no"]}},
    "required": ["input", "output"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedTeacher() as embedded:
        yield embedded.start(tmp_path_factory.mktemp("embedded"), slots=2)


def embedded_job(storage: Path, base_url: str) -> StageJob:
    fields = settings(base_url, slots=2).dump()
    fields.pop("baseURL")
    return job(storage, base_url, **fields)


def question(text: str, **fields: object) -> TeacherRequest:
    return TeacherRequest("test", [{"role": "user", "content": text}], max_tokens=160, **fields)  # type: ignore[arg-type]


async def test_answers_follow_the_schema_and_are_kept(base_url: str, tmp_path: Path) -> None:
    # The schema bounds the answer below max_tokens, so that none is cut and asked again: four requests are four answers.
    asked = [question(f"Ask a question with the number {i}.", temperature=0.8, schema=SCHEMA) for i in range(4)]
    async with open_teacher(embedded_job(tmp_path, base_url), "generate") as teacher:
        answers = await asyncio.gather(*(teacher.ask(request) for request in asked))
        assert teacher.spent.requests == 4 and teacher.spent.completion_tokens > 0
    values = [parse_json(answer.texts[0]) for answer in answers]
    assert all(value["output"] in ("yes", "no") and len(value["input"]) <= 40 for value in values)
    other_port = embedded_job(tmp_path, "http://127.0.0.1:9/v1")
    async with open_teacher(other_port, "generate") as teacher:
        again = await asyncio.gather(*(teacher.ask(request) for request in asked))
    assert [a.texts for a in again] == [a.texts for a in answers] and all(a.cached for a in again)


async def test_more_answers_than_slots(base_url: str, tmp_path: Path) -> None:
    async with open_teacher(embedded_job(tmp_path, base_url), "generate") as teacher:
        answer = await teacher.ask(question("Name a colour.", temperature=1.2, n=5))
    assert len(answer.texts) == 5 and all(answer.texts) and len(set(answer.texts)) > 1


async def test_a_prompt_over_the_context(base_url: str, tmp_path: Path) -> None:
    with pytest.raises(StageError) as caught:
        async with open_teacher(embedded_job(tmp_path, base_url), "generate") as teacher:
            await teacher.ask(question("word " * 4000))
    assert caught.value.failure.reason == "PromptTooLong"


async def test_a_server_that_is_gone(tmp_path: Path) -> None:
    embedded = EmbeddedTeacher()
    url = await asyncio.to_thread(embedded.start, tmp_path / "server", 1)
    assert embedded.alive
    await asyncio.to_thread(embedded.stop)
    patience = Patience(first_s=0.01)
    with pytest.raises(StageError, match="connection refused") as caught:
        async with open_teacher(embedded_job(tmp_path, url), "generate", patience=patience) as teacher:
            await teacher.ask(question("hello"))
    assert caught.value.failure.reason == "TeacherUnreachable"


def test_no_server_is_left_behind_by_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from prompt2model_stages.teacher.embedded import EmbeddedTeacher\n"
        "e = EmbeddedTeacher(); e.start(Path(sys.argv[1]), slots=1); print(e.pid, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        os.kill(server, 0)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 25
    while _runs(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(server)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_it_is_called() -> None:
    assert settings("http://127.0.0.1:1/v1", slots=4).limits.concurrency == 8 and MODEL == "SmolLM2-135M-Instruct"
