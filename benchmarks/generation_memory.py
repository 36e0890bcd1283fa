"""How much memory journal and generator take for each 1,000 examples, and for a journal that is opened.

    python -m benchmarks.generation_memory --server fake_openai.py [--examples 10000] [--journal 100000]

The server is that of benchmarks/generation.py, without delays. Memory is the process' resident set: what it grows by
between the first 1,000 examples and the last, then until the result is handed over; and what opening a journal of so many answers
of 1,000 characters adds. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.generation import TASK, USUAL, context_of, post, served
from prompt2model_stages.generate.actor import generate_here
from prompt2model_stages.generate.base import Order, Progress
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.journal import Journal

FIRST = 1000


def main() -> None:
    """Measures each in a process of its own and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", type=Path, required=True, help="the script of the endpoint")
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--journal", type=int, default=100_000)
    options = parser.parse_args()
    print("| what | MB | |\n|---|--:|---|")
    with served(options.server) as url, tempfile.TemporaryDirectory() as scratch:
        post(f"{url}/reset", {**USUAL, "latency": 0.0, "jitter": 0.0, "p429": 0.0, "seed": 1})
        grown, result = in_process(generating, url, options.examples, scratch)
        print(
            f"| {options.examples:,} examples, once {FIRST:,} are there | {grown:.1f} | {rate(grown, options.examples - FIRST)} |"
        )
        print(f"| the same, with the result | {result:.1f} | {rate(result, options.examples - FIRST)} |")
        again, _ = in_process(generating, url, options.examples, scratch)
        print(f"| the same from the journal, whole | {again:.1f} | {rate(again, options.examples)} |")
        folder = Path(scratch) / "journal"
        write_journal(folder, options.journal)
        opened, _ = in_process(opening, str(folder))
        each = f"{opened / options.journal * 1e6:.0f} bytes an answer"
        print(f"| a journal of {options.journal:,} answers opened | {opened:.1f} | {each} |")


def rate(grown: float, examples: int) -> str:
    """Megabytes for 1,000 examples."""
    return f"{grown / examples * 1000:.2f} MB for 1,000 examples"


def resident() -> float:
    """Megabytes."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


def generating(url: str, examples: int, scratch: str) -> tuple[float, float]:
    """What the process grows by, without and with the result."""
    job = context_of(url, 50, Path(scratch)).job
    at: list[float] = []
    last: list[float] = []

    def watch(progress: Progress) -> None:
        if not at and progress.unique >= FIRST:
            at.append(resident())
        if progress.unique >= examples and not last:
            last.append(resident())

    before = resident()
    generated = generate_here(job, TASK, Order(examples, group="m"), watch)
    after = resident()
    assert len(generated.examples) == examples
    return (last[0] - at[0], after - at[0]) if at[0] != last[0] else (last[0] - before, after - before)


def opening(folder: str) -> tuple[float, float]:
    """What the process grows by when a journal is opened."""

    async def open_it() -> float:
        before = resident()
        journal = await Journal.open(Folder(folder), "generate", "generate-1")
        grown = resident() - before
        await journal.close()
        return grown

    return asyncio.run(open_it()), 0.0


def write_journal(folder: Path, answers: int) -> None:
    """A journal of answers of 1,000 characters."""
    folder.mkdir()
    amounts = {"prompt": 100, "completion": 250, "usd": 0.0}
    common = {"stage": "generate", "run": "generate-1", "group": "g"}
    with (folder / "000001.jsonl").open("w") as stream:
        for i in range(answers):
            place = {"id": f"000001-{i}", "key": f"{i:064x}", **common, "sample": i, **amounts}
            reserve = {"type": "reserve", "purpose": "generate", "at": 0.0, "tokens": 350}
            answer = {"type": "answer", "texts": [f"{i} ".ljust(1000, "x")]}
            stream.write(json.dumps({**reserve, **place}) + "\n" + json.dumps({**answer, **place}) + "\n")


def in_process(measure: Callable[..., tuple[float, float]], *given: object) -> tuple[float, float]:
    """Runs a measurement in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, given)


if __name__ == "__main__":
    main()
