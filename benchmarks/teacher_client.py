"""The teacher client against the fastest that a server allows any client: examples a second, and the ratio.

    python benchmarks/teacher_client.py FAKE_OPENAI.py LIMIT_CLIENT.py [--examples 1000] [--n 5] [--concurrency 50]

FAKE_OPENAI.py is an OpenAI-compatible server with latency, 429s and malformed answers; LIMIT_CLIENT.py does nothing but
send to it. Ours does the same work and, besides, keeps limits, budget and journal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "crds"), str(ROOT / "stages")]

from prompt2model_api.stage_job import StageJob  # noqa: E402
from prompt2model_stages.teacher import Teacher, TeacherRequest, open_teacher  # noqa: E402
from prompt2model_stages.teacher.parsing import parse_json  # noqa: E402

KNOBS = {
    "latency": 0.5,
    "jitter": 0.2,
    "p429": 0.02,
    "p500": 0,
    "pmalformed": 0.03,
    "pdup": 0.15,
    "perr": 0.12,
    "seed": 1,
}


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request to the server's own controls."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data)) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def job(storage: str, url: str, concurrency: int) -> StageJob:
    """A generate job that asks the server."""
    spec = {"resource": "bench", "stage": "generate", "digest": "0" * 64, "storage": storage}
    teacher = {"baseURL": f"{url}/v1", "model": "gpt-4", "limits": {"concurrency": concurrency}}
    teacher["price"] = {"inputPerMillion": 0.5, "outputPerMillion": 1.5}
    stage_run = {"metadata": {"name": "bench"}, "spec": spec}
    return StageJob.model_validate({"stageRun": stage_run, "attempt": 1, "settings": {"teacher": teacher}})


async def collect(teacher: Teacher, examples: int, n: int, concurrency: int) -> int:
    """Asks until there are so many unique inputs; returns how many requests that took."""
    seen: dict[str, str] = {}
    asked = in_flight = 0

    async def worker() -> None:
        nonlocal asked, in_flight
        while len(seen) + in_flight * n * 0.7 < examples or (len(seen) < examples and in_flight == 0):
            asked += 1
            in_flight += 1
            messages = [{"role": "user", "content": "x" * 6000 + "[new example (in JSON)]:"}]
            temperature = min(1.7, 0.5 + 1.2 * len(seen) / examples)
            request = TeacherRequest("bench", messages, temperature=temperature, max_tokens=400, n=n, sample=asked)
            answer = await teacher.ask(request)
            in_flight -= 1
            for text in answer.texts:
                try:
                    value = parse_json(text)
                    seen.setdefault(value["input"], value["output"])
                except (ValueError, KeyError, TypeError):
                    continue

    while len(seen) < examples:
        await asyncio.gather(*(worker() for _ in range(concurrency)))
    return asked


async def ours(url: str, examples: int, n: int, concurrency: int) -> dict[str, float]:
    """Our client, journal in a temporary folder included."""
    call(f"{url}/reset", KNOBS)
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    with tempfile.TemporaryDirectory() as storage:
        began = time.monotonic()
        async with open_teacher(job(storage, url, concurrency), "generate") as teacher:
            asked = await collect(teacher, examples, n, concurrency)
        wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    return {"examples_per_s": examples / wall, "requests": asked, "cpu_ms_per_request": 1000 * seconds / asked}


def limit(script: Path, url: str, examples: int, n: int, concurrency: int) -> float:
    """Examples a second of the client that only sends."""
    command = [sys.executable, str(script), str(examples), str(concurrency), str(n)]
    result = subprocess.run(command, env=os.environ | {"FAKE": url}, capture_output=True, text=True, check=True)
    found = re.search(r"'ex_per_s': ([\d.]+)", result.stdout)
    assert found is not None, result.stdout
    return float(found.group(1))


def main() -> None:
    """Runs both in turn and prints their rates and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", type=Path)
    parser.add_argument("limit_client", type=Path)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--n", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(options.server), "--port", str(port)], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        url, work = f"http://127.0.0.1:{port}", (options.examples, options.n, options.concurrency)
        mine, most = [], []
        for _ in range(options.rounds):
            most.append(limit(options.limit_client, url, *work))
            measured = asyncio.run(ours(url, *work))
            mine.append(measured["examples_per_s"])
            print(f"limit {most[-1]:.0f} examples/s; ours", {name: round(value, 2) for name, value in measured.items()})
        ratio = sorted(mine)[len(mine) // 2] / sorted(most)[len(most) // 2]
        print(f"ours / limit, by the medians of {options.rounds} rounds: {ratio:.2f}")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
