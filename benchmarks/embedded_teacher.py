"""What the embedded teacher's examples cost: CPU seconds for 24 of them, by threads and by completions of one prompt.

    python benchmarks/embedded_teacher.py [--threads 1 2] [--completions 1 4]

Asks a real llama.cpp server for examples of dates, as generate does. Prints Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.prompts import ONE, ask_one
from prompt2model_stages.teacher.embedded import MODEL, SLOTS, EmbeddedTeacher

EXAMPLES = 24
DEMONSTRATIONS = (
    Pair("the day after 30 April 2019", "2019-05-01"),
    Pair("the 2nd of June 1999", "1999-06-02"),
    Pair("5/17/2030", "2030-05-17"),
    Pair("the last day of February 1996", "1996-02-29"),
)
EARLIER = [
    Pair(f"the {day}th of {name} {year}", f"{year}-{month:02d}-{day:02d}")
    for month, name in ((1, "January"), (3, "March"), (5, "May"))
    for day in (11, 12, 19)
    for year in (1987, 2004)
]
TASK = Task("Write the date in ISO format.", DEMONSTRATIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--completions", type=int, nargs="+", default=[1, SLOTS])
    options = parser.parse_args()
    print("| threads | completions of a prompt | wall s | CPU s | different texts | load |\n|--:|--:|--:|--:|--:|--:|")
    for threads in options.threads:
        for completions in options.completions:
            measure(threads, completions)


def measure(threads: int, completions: int) -> None:
    with tempfile.TemporaryDirectory() as folder, EmbeddedTeacher() as teacher:
        url = teacher.start(Path(folder), threads=threads)
        process = psutil.Process(teacher.pid)
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        texts = asyncio.run(ask(url, completions))
        wall, cpu = time.monotonic() - began, sum(process.cpu_times()[:2]) - before
    load = os.getloadavg()[0]
    print(
        f"| {threads} | {completions} | {wall:.1f} | {cpu:.1f} | {len(set(texts))} of {len(texts)} | {load:.1f} |",
        flush=True,
    )


async def ask(url: str, completions: int) -> list[str]:
    texts: list[str] = []
    form = {"type": "json_schema", "json_schema": {"name": "example", "schema": ONE}}
    slots = asyncio.Semaphore(max(1, SLOTS // completions))
    async with httpx.AsyncClient(timeout=300, trust_env=False) as client:

        async def one(number: int) -> None:
            messages = ask_one(TASK, EARLIER, random.Random(number))
            body = {"model": MODEL, "messages": messages, "max_tokens": 70, "temperature": 0.8, "n": completions}
            async with slots:
                answer = await client.post(f"{url}/chat/completions", json=body | {"response_format": form})
            texts.extend(choice["message"]["content"] for choice in answer.json()["choices"])

        await asyncio.gather(*(one(number) for number in range(EXAMPLES // completions)))
    return texts


if __name__ == "__main__":
    main()
