"""What it costs to look for near-duplicates while examples are collected: CPU time and memory, by the number of examples.

    python -m benchmarks.near_duplicates [--examples 100000]

Questions of about 60 characters out of a vocabulary of 5,000 words, a tenth of them near an earlier one; outputs are six labels, or
texts of their own. Each is read from the disk when it is compared, as in generate. Prints a Markdown table: CPU milliseconds for an
example on the way to so many, and what the process' resident set grew by, divided by the thousands of examples.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import random
import time
from collections.abc import Iterator

import psutil

from benchmarks.splits import WAYS, changed
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.collecting import Collection
from prompt2model_stages.teacher import TeacherAnswer

LABELS = ("billing", "bug", "praise", "return", "delivery", "other")
POINTS = 5


def main() -> None:
    """Measures each case in a process of its own and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100_000)
    options = parser.parse_args()
    print(
        "| outputs | near-duplicates | examples | left out | CPU ms an example | MB for 1,000 |\n|---|---|--:|--:|--:|--:|"
    )
    for labels in (True, False):
        for drop in (False, True):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                for row in pool.apply(measured, (options.examples, labels, drop)):
                    print(f"| {'labels' if labels else 'texts'} | {'dropped' if drop else 'kept'} | {row}", flush=True)


def measured(examples: int, labels: bool, drop: bool) -> list[str]:
    """The rows of one case."""
    collection = Collection(Task("Answer."), examples, drop)
    rows, spent, done, chance = [], 0.0, 0, random.Random(2)
    for number, content in enumerate(written(examples, labels, chance)):
        if number == 1000:
            first = resident()
        began = time.process_time()
        collection.take(TeacherAnswer((content,), f"{number:064x}"))
        spent, done = spent + time.process_time() - began, done + 1
        if (number + 1) % (examples // POINTS) == 0:
            left, grown = collection.counts.near_duplicates, resident() - first
            cells = (
                f"{number + 1:,}",
                f"{left:,}",
                f"{1000 * spent / done:.2f}",
                f"{1000 * grown / (number - 999):.2f}",
            )
            rows.append(" | ".join(cells) + " |")
            spent, done = 0.0, 0
    return rows


def written(examples: int, labels: bool, chance: random.Random) -> Iterator[str]:
    """Completions with an example each."""
    syllables = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
    words = ["".join(chance.choices(syllables, k=chance.choice((1, 2, 2, 3)))) for _ in range(5000)]
    recent: list[tuple[str, str]] = []
    for number in range(examples):
        if recent and chance.random() < 0.1:
            text, output = chance.choice(recent)
            text = changed(text, chance.choice(WAYS), chance) or text
        else:
            text = " ".join(chance.choices(words, k=chance.randrange(7, 14)))
            output = chance.choice(LABELS) if labels else f"{chance.choice(words)} {chance.choice(words)} {number}"
            if len(recent) < 10_000:
                recent.append((text, output))
        yield json.dumps({"input": text, "output": output})


def resident() -> float:
    """Megabytes."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


if __name__ == "__main__":
    main()
