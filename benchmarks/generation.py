"""How fast the generator writes 1,000 unique examples, beside what the endpoint allows.

    python benchmarks/generation.py --server fake_openai.py [--bare limit_client.py] [--ray] [--case 50]

The server is a script that takes --port and serves an OpenAI-compatible endpoint with POST /reset (sets its knobs,
zeroes its counters) and GET /stats: 0.5 ± 0.2 s an answer, 2 % 429, 3 % malformed, 15 % repeats, unless a case says
otherwise. Prints a Markdown table. Client, budget and journal are the real ones. The bare client is a script that does
nothing but send, called with the examples, the requests in flight, n and the knobs, and the endpoint in FAKE; it runs
before each case, and its CPU time is without that of its imports. CPU time is user and system. The rate is to the
last example that was wanted; the wall time has what is waited for afterwards, too, because it is paid for.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prompt2model_api.base import Metadata
from prompt2model_api.spec.teacher import Budget, Limits, TeacherSpec
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import StageError
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.actor import generate_here, generate_in_actor
from prompt2model_stages.generate.base import Order, Progress, Task
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.ray_session import ray_session
from prompt2model_stages.reporting import FileReporter

TASK = Task(
    "Answer the question with a few words out of the context.",
    (
        Pair("Question: What is the capital of Peru? Context: Lima is Peru's capital.", "Lima"),
        Pair("Question: Who wrote Emma? Context: Emma is a novel by Jane Austen of 1815.", "Jane Austen"),
    ),
)
USUAL = {"p429": 0.02, "pmalformed": 0.03, "fail_first": 0, "ptimeout": 0.0, "hang": 30.0, "rpm": 0, "retry_after": 1}
CASES: dict[str, tuple[int, dict[str, float]]] = {
    "5 in flight": (5, {}),
    "50 in flight": (50, {}),
    "200 in flight": (200, {}),
    "50 in flight, 30 % 429": (50, {"p429": 0.3}),
    "50 in flight, 30 % malformed": (50, {"pmalformed": 0.3}),
    "50 in flight, first 40 requests 429": (50, {"fail_first": 40}),
    "50 in flight, 5 % hang 30 s, then drop": (50, {"ptimeout": 0.05}),
}
FORMS = {"5 examples an answer": (5, 1), "1 example, n=5": (1, 5)}


def main() -> None:
    """Runs the cases and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", type=Path, required=True, help="the script of the endpoint")
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--case", default="", help="only cases that contain this")
    parser.add_argument("--bare", type=Path, help="the script of a client that does nothing but send")
    parser.add_argument("--ray", action="store_true", help="in a Ray actor, as the stage does it")
    options = parser.parse_args()
    print(f"{options.examples} unique examples, {'in a Ray actor' if options.ray else 'in this process'}\n")
    print("| endpoint | form | unique | wall s | examples/s | requests | served | most in flight | CPU ms a request |")
    print("|---|---|---|---|---|---|---|---|---|")
    empty = bare_cpu(["-c", "import asyncio, aiohttp, json"], "") if options.bare else 0.0
    with served(options.server) as url, tempfile.TemporaryDirectory() as scratch:
        with ray_session(context_of(url, 1, Path(scratch))) if options.ray else nothing():
            for name, (concurrency, knobs) in CASES.items():
                if options.case in name:
                    if options.bare:
                        print(
                            f"| {name} | a bare client, n=5 | {bare_row(url, options, concurrency, knobs, empty)} |",
                            flush=True,
                        )
                    for form, (in_one, completions) in FORMS.items():
                        post(f"{url}/reset", {**USUAL, **knobs, "seed": 1})
                        with tempfile.TemporaryDirectory() as folder:
                            job = context_of(url, concurrency, Path(folder)).job
                            order = Order(
                                options.examples, examples_per_answer=in_one, completions=completions, group="b"
                            )
                            print(f"| {name} | {form} | {row(url, job, order, options.ray)} |", flush=True)


def row(url: str, job: StageJob, order: Order, in_ray: bool) -> str:
    """One run's cells."""
    generate = generate_in_actor if in_ray else generate_here
    began, cpu, there = time.monotonic(), cpu_s(resource.RUSAGE_SELF), []

    def watch(progress: Progress) -> None:
        if progress.unique >= order.examples and not there:
            there.append(time.monotonic() - began)

    try:
        unique = str(len(generate(job, TASK, order, watch).examples))
    except StageError as error:
        unique = f"{error.failure.reason}: {error.failure.message}"
    wall = time.monotonic() - began
    cpu = cpu_s(resource.RUSAGE_SELF) - cpu
    stats = json.loads(urllib.request.urlopen(f"{url}/stats").read())
    speed = f"{int(unique) / there[0]:.0f}" if there else "-"
    used = "-" if in_ray else f"{1000 * cpu / stats['requests']:.2f}"
    return f"{unique} | {wall:.1f} | {speed} | {stats['requests']} | {stats['ok']} | {stats['max_inflight']} | {used}"


def bare_row(url: str, options: argparse.Namespace, concurrency: int, knobs: dict[str, float], empty: float) -> str:
    """The bare client's cells."""
    began, cpu = time.monotonic(), cpu_s(resource.RUSAGE_CHILDREN)
    given = [str(options.bare), str(options.examples), str(concurrency), "5", json.dumps({**USUAL, **knobs, "seed": 1})]
    said = subprocess.run(
        [sys.executable, *given], env=os.environ | {"FAKE": url}, capture_output=True, text=True, check=True
    )
    cpu = cpu_s(resource.RUSAGE_CHILDREN) - cpu - empty
    speed = re.search(r"'ex_per_s': ([\d.]+)", said.stdout)
    stats = json.loads(urllib.request.urlopen(f"{url}/stats").read())
    cells = [
        f"{float(speed[1]):.0f}" if speed else "-",
        str(stats["requests"]),
        str(stats["ok"]),
        str(stats["max_inflight"]),
    ]
    return f"{options.examples} | {time.monotonic() - began:.1f} | {' | '.join(cells)} | {1000 * cpu / stats['requests']:.2f}"


def bare_cpu(arguments: list[str], url: str) -> float:
    """CPU seconds of a Python process."""
    before = cpu_s(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=os.environ | {"FAKE": url}, check=True, capture_output=True)
    return cpu_s(resource.RUSAGE_CHILDREN) - before


def cpu_s(who: int) -> float:
    """CPU seconds of this process, or of its children that ended."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def context_of(url: str, concurrency: int, folder: Path) -> StageContext:
    """A stage context with that endpoint as its teacher and an empty journal."""
    spec = StageRunSpec(resource="benchmark", stage=Stage.GENERATE, digest="0" * 64, storage=str(folder))
    teacher = TeacherSpec(
        base_url=f"{url}/v1", model="fake", limits=Limits(concurrency=concurrency), budget=Budget(unlimited=True)
    )
    run = StageRun(metadata=Metadata(name="benchmark"), spec=spec)
    job = StageJob(stage_run=run, attempt=1, settings=StageSettings(teacher=teacher))
    return StageContext(job=job, reporter=FileReporter(own_folder(job), 1))


@contextmanager
def nothing() -> Iterator[None]:
    """No Ray."""
    yield


@contextmanager
def served(script: Path) -> Iterator[str]:
    """The endpoint on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(script), "--port", str(port)], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{url}/stats").close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def post(url: str, body: dict[str, Any]) -> None:
    """Posts JSON."""
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode())).close()


if __name__ == "__main__":
    main()
