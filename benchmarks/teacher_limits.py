"""How the teacher client keeps to an endpoint's limits, as the endpoint counts, and what it books after a kill.

    python benchmarks/teacher_limits.py pace [--seconds 130] [--processes 1 2]    # requestsPerMinute: 60 in the spec
    python benchmarks/teacher_limits.py headers [--seconds 60] [--processes 2]    # 120 a minute at the endpoint, none in the spec
    python benchmarks/teacher_limits.py kill                                      # SIGKILL with 50 requests in flight

The endpoint is a thread of this process on 127.0.0.1 and counts by arrival; each client is a process of its own with a
resource of its own. For `headers` the processes share no disk: each has a cache folder of its own. Prints Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "crds"), str(ROOT / "stages"), str(ROOT)]

from prompt2model_api.stage_job import StageJob  # noqa: E402
from prompt2model_stages.examples import Pair  # noqa: E402
from prompt2model_stages.generate.base import Task  # noqa: E402
from prompt2model_stages.generate.prompts import SEVERAL, ask_several  # noqa: E402
from prompt2model_stages.storage import Folder  # noqa: E402
from prompt2model_stages.teacher import TeacherRequest, open_teacher, spent_by_run  # noqa: E402
from tests.fake_teacher import serving  # noqa: E402
from tests.limited_teacher import LimitedTeacher  # noqa: E402

SENTENCE = "the invoice of March was charged twice and nobody answers my letters about the second payment since then"


def job(storage: Path, url: str, limits: dict[str, int]) -> StageJob:
    """A generate job that asks the endpoint."""
    spec = {"resource": storage.name, "stage": "generate", "digest": "0" * 64, "storage": str(storage)}
    teacher = {"baseURL": url, "model": "fake", "limits": limits}
    stage_run = {"metadata": {"name": storage.name}, "spec": spec}
    return StageJob.model_validate({"stageRun": stage_run, "attempt": 1, "settings": {"teacher": teacher}})


def request(number: int) -> TeacherRequest:
    """A request for examples as generate sends it."""
    rng = random.Random(number)
    shown = [
        Pair(" ".join(rng.choices(SENTENCE.split(), k=30)), rng.choice(["billing", "bug", "other"])) for _ in range(40)
    ]
    task = Task("Say whether a support ticket is about billing, a bug or something else.", tuple(shown[:4]))
    messages = ask_several(task, shown, 5, rng)
    return TeacherRequest("generate", messages, max_tokens=600, schema=SEVERAL, sample=number, partial=True)


async def client(storage: Path, url: str, limit: int, count: int) -> None:
    """Asks until it is killed, or has all answers."""
    limits = {"concurrency": 50} | ({"requestsPerMinute": limit} if limit else {})
    async with open_teacher(job(storage, url, limits), "generate") as teacher:
        await asyncio.gather(*(teacher.ask(request(i)) for i in range(count)))


def start(folder: Path, url: str, number: int, limit: int, count: int, own_cache: bool) -> subprocess.Popen[bytes]:
    """A client in a process of its own."""
    cache = folder / (f"cache-{number}" if own_cache else "cache")
    cache.mkdir(exist_ok=True)
    command = [sys.executable, __file__, "client", "--storage", str(folder / f"resource-{number}"), "--url", url]
    command += ["--limit", str(limit), "--count", str(count)]
    return subprocess.Popen(command, env=os.environ | {"P2M_CACHE": str(cache)})


def run(served: LimitedTeacher, processes: int, limit: int, seconds: float, own_cache: bool) -> None:
    """Lets so many clients ask for so many seconds."""
    with tempfile.TemporaryDirectory() as name, serving(served):
        clients = [start(Path(name), served.url, i, limit, 1_000, own_cache) for i in range(processes)]
        while not served.arrivals:
            time.sleep(0.05)
        time.sleep(seconds)
        for one in clients:
            one.kill()
            one.wait()


def pace(options: argparse.Namespace) -> None:
    """A limit in the spec."""
    print("| clients | requests in the densest 60 s | in the densest 6 s | in all, a minute |\n|--:|--:|--:|--:|")
    for processes in options.processes:
        served = LimitedTeacher(latency_s=0.5)
        run(served, processes, 60, options.seconds, own_cache=False)
        whole = 60 * len(served.arrivals) / options.seconds
        print(f"| {processes} | {served.most_in(60)} | {served.most_in(6)} | {whole:.0f} |", flush=True)


def headers(options: argparse.Namespace) -> None:
    """A limit that the endpoint alone knows."""
    print("| endpoint | clients | requests | of these 429 | served a minute |\n|---|--:|--:|--:|--:|")
    for kind, speaks in (("bucket", True), ("window", True), ("bucket", False), ("window", False)):
        for processes in options.processes:
            served = LimitedTeacher(latency_s=0.5, limit=120, kind=kind, speaks=speaks)
            run(served, processes, 0, options.seconds, own_cache=True)
            asked, refused = len(served.arrivals), len(served.refused)
            said = kind + ("" if speaks else ", no headers but Retry-After")
            rate = 60 * (asked - refused) / options.seconds
            print(f"| {said} | {processes} | {asked} | {refused} ({refused / asked:.0%}) | {rate:.0f} |", flush=True)


def kill(options: argparse.Namespace) -> None:
    """Killed with 50 requests in flight, after 100 answers; then what is booked against what was served."""
    print("| | used | booked | over |\n|---|--:|--:|--:|")
    served = LimitedTeacher(latency_s=1.0)
    with tempfile.TemporaryDirectory() as name, serving(served):
        one = start(Path(name), served.url, 0, 0, 1000, own_cache=True)
        while len(served.arrivals) < options.answers + 50:
            time.sleep(0.01)
        time.sleep(0.3)
        one.send_signal(signal.SIGKILL)
        one.wait()
        time.sleep(3)
        (spent,) = spent_by_run(Folder(str(Path(name) / "resource-0" / "teacher"))).values()
    for what, used, booked in (
        ("prompt tokens", served.prompt_tokens, spent.prompt_tokens),
        ("completion tokens", served.completion_tokens, spent.completion_tokens),
    ):
        print(f"| {what} | {used:,} | {booked:,} | {booked / used - 1:+.1%} |")


def main() -> None:
    """Runs one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["pace", "headers", "kill", "client"])
    parser.add_argument("--seconds", type=float, default=130)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--answers", type=int, default=100)
    parser.add_argument("--storage", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "client":
        asyncio.run(client(options.storage, options.url, options.limit, options.count))
        return
    {"pace": pace, "headers": headers, "kill": kill}[options.what](options)


if __name__ == "__main__":
    main()
