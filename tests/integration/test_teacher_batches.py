"""Batches over real HTTP, with the process that waits for them killed at every step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prompt2model_api.results import Spent
from prompt2model_stages.evaluate.teaching import ask_teacher
from prompt2model_stages.examples import Example, Pair
from prompt2model_stages.generate.base import Task
from prompt2model_stages.stage_files import DiscoveredTask
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import open_teacher, spent_by_run
from prompt2model_stages.teacher.journal import Ledger
from prompt2model_stages.transform.rewriting import Rewriter, write_plan
from tests.batch_teacher import CREATE, CREATED, DOWNLOAD, UPLOAD, BatchTeacher
from tests.fake_teacher import serving
from tests.unit.teacher_cases import job

pytestmark = pytest.mark.integration

WORKER = """
import asyncio, sys
from pathlib import Path
from prompt2model_stages.teacher import TeacherRequest, open_teacher
from tests.unit.teacher_cases import job

async def main():
    price = {"inputPerMillion": 1.0, "outputPerMillion": 4.0}
    asked = job(Path(sys.argv[1]), sys.argv[2], batch=sys.argv[3], price=price)
    async with open_teacher(asked, "generate", tell=lambda message: print(message, flush=True)) as teacher:
        requests = [
            TeacherRequest("test", [{"role": "user", "content": str(1000 + i)}], max_tokens=20, n=1 + i % 2)
            for i in range(200)
        ]
        answers = await asyncio.gather(*map(teacher.ask, requests))
    assert all(a.texts == (r.messages[0]["content"][::-1],) * r.n for a, r in zip(answers, requests))

asyncio.run(main())
"""


def start(folder: Path, url: str, batch: str = "Always") -> subprocess.Popen[str]:
    roots = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), url, batch],
        env=os.environ | {"PYTHONPATH": roots},
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Callable[[], bool], deadline_s: float = 300) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def finish(folder: Path, url: str, batch: str = "Always") -> str:
    process = start(folder, url, batch)
    try:
        said, _ = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 0
    return said


async def test_evaluate_asks_for_all_rows_in_one_batch(tmp_path: Path) -> None:
    task, told = DiscoveredTask(instruction="Backwards.", demonstrations=[]), list[str]()
    with serving(BatchTeacher(latency_s=0.0)) as endpoint:
        asked = job(tmp_path, endpoint.url, batch="Always")
        rows = [str(1000 + i) for i in range(120)]
        answers = await ask_teacher(asked, task, rows, 20, lambda done: None, tell=told.append)
    assert answers.answers == [row[::-1] for row in rows] and answers.spent.requests == 120
    assert len(endpoint.batches) == 1 and not endpoint.bodies
    assert told[-1] == "batch 1 of 1: 120 of 120 answered"


async def test_transform_rewrites_in_three_batches_after_a_plan_that_waits_for_none(tmp_path: Path) -> None:
    rows = [Example(str(1000 + i), "", "retrieved", f"d#{i}") for i in range(300)]
    task = Task("Spell it backwards.", (Pair("12", "21"),))
    with serving(BatchTeacher(latency_s=0.0)) as endpoint:
        async with open_teacher(job(tmp_path, endpoint.url, batch="Always"), "transform") as teacher:
            plan = await write_plan(task, rows[:3], teacher)
            results = await Rewriter(task, plan, "d", rows, teacher, lambda done, total, new: None, 0).rewrite()
    assert sum(isinstance(result.outcome, Pair) for result in results) > 100
    assert [batch["request_counts"]["total"] for batch in endpoint.batches.values()] == [30, 100, 170]
    assert len(endpoint.bodies) == 1 and not endpoint.paid_twice()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def spent(folder: Path) -> Spent:
    (total,) = spent_by_run(Folder(str(folder)) / "teacher").values()
    return total


def check(folder: Path, endpoint: BatchTeacher, batches: int) -> None:
    """Everything is answered, and paid for once, at half the price."""
    assert len(endpoint.batches) == batches
    assert endpoint.paid_twice() == [] and len(endpoint.paid) == 200
    ledger = Ledger.read(Folder(str(folder)) / "teacher")
    assert len(ledger.answers) == 200 and not ledger.batches.batches
    whole = spent(folder)
    assert (whole.requests, whole.prompt_tokens, whole.completion_tokens) == (200, 4000, 2000)
    assert whole.usd == pytest.approx((4000 * 1.0 + 2000 * 4.0) / 1e6 / 2)


@pytest.mark.parametrize("step", [UPLOAD, CREATE, CREATED, DOWNLOAD])
def test_killed_at_a_step_nothing_is_lost_or_paid_twice(tmp_path: Path, step: str) -> None:
    with serving(BatchTeacher(silent_at=step, latency_s=0.0)) as endpoint:
        process = start(tmp_path, endpoint.url)
        wait_for(lambda: endpoint.silences > 0)
        kill(process)
        assert spent(tmp_path).requests == 200, "until it is known, the most that it can be is booked"
        endpoint.silent_at = ""
        endpoint.heard.set()
        finish(tmp_path, endpoint.url)
        check(tmp_path, endpoint, 1)


def test_killed_before_anything_is_noted_nothing_counts(tmp_path: Path) -> None:
    with serving(BatchTeacher(latency_s=0.0)) as endpoint:
        process = start(tmp_path, endpoint.url)
        segment = tmp_path / "teacher" / "000001.jsonl"
        wait_for(lambda: segment.exists() and segment.read_bytes().count(b"\n") >= 50)
        kill(process)
        if not endpoint.uploads:
            assert spent(tmp_path).requests in (0, 200)
        finish(tmp_path, endpoint.url)
        check(tmp_path, endpoint, 1)


def test_killed_again_and_again_while_it_waits_it_waits_for_the_same_batch(tmp_path: Path) -> None:
    with serving(BatchTeacher(held=True, latency_s=0.0)) as endpoint:
        for _ in range(3):
            seen = endpoint.looks
            process = start(tmp_path, endpoint.url)
            wait_for(lambda seen=seen: endpoint.looks > seen)  # type: ignore[misc]
            kill(process)
        endpoint.held = False
        said = finish(tmp_path, endpoint.url, "Never")
        check(tmp_path, endpoint, 1)
    assert endpoint.bodies == [], "nothing went singly either"
    assert "batch 1 of 1: 200 of 200 answered" in said.splitlines()


def test_killed_while_answers_are_journalled_the_rest_is_fetched_again(tmp_path: Path) -> None:
    with serving(BatchTeacher(latency_s=0.0)) as endpoint:
        finish(tmp_path, endpoint.url)
        segment = next((tmp_path / "teacher").glob("*.jsonl"))
        lines = segment.read_bytes().splitlines(keepends=True)
        answers = [i for i, line in enumerate(lines) if json.loads(line)["type"] == "answer"]
        # As a kill leaves it: half of the answers, the last one torn, and no word of the batch's end.
        segment.write_bytes(b"".join(lines[: answers[100]]) + lines[answers[100]][:40])
        finish(tmp_path, endpoint.url)
        check(tmp_path, endpoint, 1)


def test_a_batch_that_ended_early_while_nobody_waited(tmp_path: Path) -> None:
    with serving(BatchTeacher(held=True, answers_of=120, latency_s=0.0)) as endpoint:
        process = start(tmp_path, endpoint.url)
        wait_for(lambda: endpoint.looks > 0)
        kill(process)
        endpoint.held = False
        finish(tmp_path, endpoint.url)
        check(tmp_path, endpoint, 2)
