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
from tests.fake_teacher import serving
from tests.limited_teacher import LimitedTeacher
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
    served, booked = stats["prompt_tokens"] / stats["ok"], spent.prompt_tokens / spent.requests
    assert booked <= 1.05 * served, "each as what it cost; some were killed before they arrived, which nobody knows"
    assert spent.prompt_tokens >= stats["prompt_tokens"]
    assert spent.completion_tokens >= stats["completion_tokens"]


async def test_requests_a_minute(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2M_CACHE", str(tmp_path / "cache"))
    await asyncio.to_thread(reset, server, rpm=30)
    limited = job(tmp_path, f"{server}/v1", limits={"requestsPerMinute": 30})
    async with open_teacher(limited, "generate", grace_s=0.0) as teacher:
        first = [asyncio.ensure_future(teacher.ask(question(i))) for i in range(40)]
        await asyncio.wait(first, timeout=9)
        done = sum(task.done() for task in first)
    stats = await asyncio.to_thread(call, f"{server}/stats")
    assert 3 <= done <= 5, "one every 65 / 30 s"
    assert stats["e429"] == 0 and stats["requests"] <= 5


CLIENT = """
import asyncio, json, sys
from pathlib import Path
from prompt2model_stages.teacher import open_teacher
from tests.integration.test_teacher_http import question
from tests.unit.teacher_cases import job
async def main():
    limits = json.loads(sys.argv[3])
    async with open_teacher(job(Path(sys.argv[1]), sys.argv[2], limits=limits), "generate") as teacher:
        await asyncio.gather(*(teacher.ask(question(i, n=1)) for i in range(1000)))
asyncio.run(main())
"""


def clients(served: LimitedTeacher, folder: Path, limits: dict[str, int], shared: bool, seconds: float) -> list[int]:
    """Two resources in processes of their own ask for so many seconds and are killed. Returns: answers of each."""
    workers = []
    for name in ("one", "two"):
        cache = folder / ("cache" if shared else f"cache-{name}")
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(["", *sys.path, os.getcwd()]),
            "P2M_CACHE": str(cache),
        }
        command = [sys.executable, "-c", CLIENT, str(folder / name), served.url, json.dumps(limits)]
        workers.append(subprocess.Popen(command, env=environment))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not all((folder / name / "teacher").exists() for name in ("one", "two")):
        time.sleep(0.1)
    time.sleep(seconds)
    for worker in workers:
        worker.kill()
        worker.wait()
    return [len(Ledger.read(Folder(str(folder / name)) / "teacher").answers) for name in ("one", "two")]


def test_two_resources_keep_to_one_limit_together(tmp_path: Path) -> None:
    with serving(LimitedTeacher(latency_s=0.2)) as served:
        answered = clients(served, tmp_path, {"requestsPerMinute": 60}, shared=True, seconds=15)
    assert min(answered) >= 1 and len(served.arrivals) >= 10
    assert served.most_in(10) <= 12, "one every 65 / 60 s, also after a kill -9 of whoever held the record"


@pytest.mark.parametrize("kind", ["bucket", "window"])
def test_two_that_share_nothing_keep_to_what_the_headers_say(kind: str, tmp_path: Path) -> None:
    with serving(LimitedTeacher(latency_s=0.2, limit=120, kind=kind)) as served:
        answered = clients(served, tmp_path, {"concurrency": 50}, shared=False, seconds=20)
    assert min(answered) >= 5
    assert len(served.refused) <= 0.02 * len(served.arrivals), f"{len(served.refused)} of {len(served.arrivals)}"
