"""The teacher over real HTTP: against a busy server, and killed in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.results import Spent
from prompt2model_stages.errors import StageError
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import Patience, TeacherRequest, open_teacher, spent_by_run
from prompt2model_stages.teacher.journal import Ledger
from tests.busy_server import busy_server
from tests.unit.teacher_cases import job

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with busy_server() as url:
        yield url


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data)) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def question(i: int, n: int = 5) -> TeacherRequest:
    return TeacherRequest("test", [{"role": "user", "content": f"new example (in JSON) {i}"}], max_tokens=200, n=n)


CALM = {"latency": 0.02, "jitter": 0.0, "p429": 0.0, "p500": 0.0, "rpm": 0, "retry_after": 0.05}


def reset(url: str, **knobs: float) -> None:
    call(f"{url}/reset", CALM | knobs)


async def test_errors_at_random_lose_nothing(server: str, tmp_path: Path) -> None:
    await asyncio.to_thread(reset, server, latency=0.1, jitter=0.05, p429=0.05, p500=0.05, retry_after=0.2)
    async with open_teacher(job(tmp_path, f"{server}/v1"), "generate", patience=Patience(first_s=0.05)) as teacher:
        answers = await asyncio.gather(*(teacher.ask(question(i)) for i in range(200)))
        spent = teacher.spent
    stats = await asyncio.to_thread(call, f"{server}/stats")
    assert all(len(answer.texts) == 5 for answer in answers)
    assert stats["ok"] == 200 and stats["max_inflight"] <= 50
    assert spent == Spent(
        requests=200, prompt_tokens=stats["prompt_tokens"], completion_tokens=stats["completion_tokens"]
    )


async def test_a_limit_that_only_the_server_knows_is_waited_for_then_told(server: str, tmp_path: Path) -> None:
    await asyncio.to_thread(reset, server, rpm=30)
    patience = Patience(tries=5, first_s=0.02, longest_s=0.1)
    with pytest.raises(StageError) as caught:
        async with open_teacher(job(tmp_path, f"{server}/v1"), "generate", patience=patience) as teacher:
            await asyncio.gather(*(teacher.ask(question(i)) for i in range(60)))
    assert caught.value.failure.reason == "RateLimited"
    assert len(Ledger.read(Folder(str(tmp_path)) / "teacher").answers) >= 29, "what was answered is kept"


WORKER = """
import asyncio, sys
from pathlib import Path
from prompt2model_stages.teacher import open_teacher
from tests.integration.test_teacher_http import question
from tests.unit.teacher_cases import job
async def main():
    async with open_teacher(job(Path(sys.argv[1]), sys.argv[2]), "generate") as teacher:
        print("open", flush=True)
        await asyncio.gather(*(teacher.ask(question(i, n=1)) for i in range(400)))
asyncio.run(main())
"""


async def test_killed_again_and_again_nothing_answered_is_asked_twice(server: str, tmp_path: Path) -> None:
    await asyncio.to_thread(
        call, f"{server}/reset", {"latency": 0.1, "jitter": 0.05, "p429": 0.0, "p500": 0.0, "rpm": 0}
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(["", *sys.path, os.getcwd()])}
    kills = 0
    for after in (0.25, 0.4, 0.3, None):
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WORKER, str(tmp_path), f"{server}/v1"), env=environment, stdout=subprocess.PIPE
        )
        assert worker.stdout is not None and await worker.stdout.readline() == b"open\n"
        if after is not None:
            await asyncio.sleep(after)
            worker.send_signal(signal.SIGKILL)
            kills += 1
        assert await worker.wait() == (0 if after is None else -signal.SIGKILL)
    answered: Counter[str] = Counter()
    reserved_after_answer = 0
    for path in sorted((tmp_path / "teacher").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line) if line.endswith("}") else {"type": "torn"}
            answered[record["key"]] += record["type"] == "answer" if "key" in record else 0
            if record["type"] == "reserve" and answered[record["key"]]:
                reserved_after_answer += 1
    assert reserved_after_answer == 0 and len(answered) == 400 and set(answered.values()) == {1}
    stats = await asyncio.to_thread(call, f"{server}/stats")
    spent = spent_by_run(Folder(str(tmp_path)) / "teacher")["generate-00000000"]
    assert spent.requests >= stats["requests"] - kills * 50 and spent.requests >= 400
    assert spent.requests >= stats["requests"], "a request in flight at a kill counts as spent"


async def test_requests_a_minute(server: str, tmp_path: Path) -> None:
    await asyncio.to_thread(reset, server, rpm=30)
    limited = job(tmp_path, f"{server}/v1", limits={"requestsPerMinute": 30})
    began = time.monotonic()
    async with open_teacher(limited, "generate") as teacher:
        first = [asyncio.ensure_future(teacher.ask(question(i))) for i in range(40)]
        await asyncio.wait(first, timeout=3)
        assert sum(task.done() for task in first) == 30
    stats = await asyncio.to_thread(call, f"{server}/stats")
    assert stats["e429"] == 0 and stats["requests"] == 30 and time.monotonic() - began < 10
