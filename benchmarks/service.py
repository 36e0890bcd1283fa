"""How fast the service answers: requests a second and latencies with so many clients, and how long it takes to start.

    python benchmarks/service.py runs/default/dates            # a run that `make run` left
    python benchmarks/service.py runs/default/dates --requests 64 --clients 1 32

It starts the service of the newest finished run in that folder, sends it inputs of the test splits, one text a request,
and prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

CLIENTS = (1, 16)
START_LIMIT_S = 120.0


@dataclass(frozen=True)
class Measured:
    """What so many clients saw."""

    clients: int
    per_second: float
    p50_ms: float
    p95_ms: float
    failures: int
    batch: float


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a resource's folder: <runs>/<namespace>/<name>")
    parser.add_argument("--requests", type=int, default=100, help="for each number of clients")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS, help="at once, one number after the other")
    options = parser.parse_args()
    texts = _texts(options.folder)
    with _service(options.folder) as (url, start_s, memory_mb):
        _load(url, texts, 1, min(10, options.requests))  # BentoML learns from its first requests how long a batch takes
        rows = [_load(url, texts, clients, options.requests) for clients in options.clients]
    print(f"start to /readyz 200: {start_s:.1f} s; resident memory: {memory_mb:.0f} MB; {os.cpu_count()} cores\n")
    print("| clients | requests/s | p50 ms | p95 ms | requests a batch | failures |\n|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.clients} | {row.per_second:.1f} | {row.p50_ms:.0f} | {row.p95_ms:.0f} "
            f"| {row.batch:.1f} | {row.failures} |"
        )


def _load(url: str, texts: list[str], clients: int, requests: int) -> Measured:
    seconds: list[float] = []
    failures = [0]
    lock = threading.Lock()
    with httpx.Client(base_url=url, timeout=120, limits=httpx.Limits(max_connections=clients)) as client:

        def ask(number: int) -> None:
            began = time.perf_counter()
            response = client.post("/predict", json={"text": texts[number % len(texts)]})
            took = time.perf_counter() - began
            with lock:
                seconds.append(took)
                failures[0] += response.status_code != 200

        before = _batches(client)
        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(ask, range(requests)))
        took = time.perf_counter() - began
        after = _batches(client)
    batch = (after[0] - before[0]) / max(after[1] - before[1], 1)
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return Measured(clients, requests / took, 1000 * statistics.median(seconds), 1000 * cuts[18], failures[0], batch)


def _batches(client: httpx.Client) -> tuple[float, float]:
    """Requests so far, and the batches they went in."""
    name = "bentoml_service_adaptive_batch_size"
    lines = client.get("/metrics").text.splitlines()
    values = [sum(float(x.rsplit(" ", 1)[1]) for x in lines if x.startswith(f"{name}_{k}{{")) for k in ("sum", "count")]
    return values[0], values[1]


def _texts(folder: Path) -> list[str]:
    import pyarrow.parquet as pq

    files = sorted(folder.glob("prepare-*/test-*.parquet"))
    texts = [str(text) for file in files for text in pq.read_table(file, columns=["input"])["input"].to_pylist()]
    if not texts:
        sys.exit(f"{folder} has no test splits: run something first with p2m run FILE.")
    return texts


@contextmanager
def _service(folder: Path) -> Iterator[tuple[str, float, float]]:
    """The service's address, the seconds it took to be ready, and its memory in MB."""
    import psutil

    results = sorted(folder.glob("train-*/result.json"), key=lambda path: path.stat().st_mtime)
    golden = sorted(folder.glob("evaluate-*/golden.json"), key=lambda path: path.stat().st_mtime)
    if not results or not golden:
        sys.exit(f"{folder} has no finished run: run something first with p2m run FILE.")
    sha256 = json.loads(results[-1].read_text())["outputs"]["modelSha256"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prompt2model_stages.service", "--port", str(port), "--sha256", sha256]
    command += ["--model", str(results[-1].parent / "model"), "--golden", str(golden[-1])]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_ready(url, process)
        took = time.perf_counter() - began
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        yield url, took, sum(one.memory_info().rss for one in family) / 1e6
    finally:
        process.terminate()
        process.wait(30)


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit:
        if process.poll() is not None:
            sys.exit("The service ended; its message stands above.")
        try:
            response = httpx.get(f"{url}/readyz", timeout=5)
        except httpx.HTTPError:
            time.sleep(0.05)
            continue
        if response.status_code == 200:
            return
        if response.status_code == 500:
            sys.exit(f"The service is never ready: {response.text}")
        time.sleep(0.05)
    sys.exit(f"The service was not ready after {START_LIMIT_S:.0f} s.")


if __name__ == "__main__":
    main()
