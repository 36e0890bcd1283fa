"""Tokens a second of one training step, its variants side by side, and what a checkpoint costs.

    python benchmarks/training.py [--steps 8] [--student embedded:SmolLM2-135M-Instruct] [--frozen 0 10 15 20]
    python benchmarks/training.py --memory

Trains on rows of the dataset "dates in words" that the repository ships. A token is one that the student reads or is to
write, padding left out. Each variant starts from the same weights and takes the same batches; the first step of each is
not counted.

With --frozen it measures frozen layers instead, in fp32 and in CPU seconds, which other work disturbs less. With --memory it
measures the peak memory of one step on 16 rows of 767 tokens, in parts as train makes them and as one part, each in a process
of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import prompt2model_stages
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.storage import Folder
from prompt2model_stages.student import Student
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.train.batches import epoch_batches
from prompt2model_stages.train.budget import TOKENS_CPU
from prompt2model_stages.train.checkpoints import Checkpoints, Position
from prompt2model_stages.train.freezing import freeze_lowest
from prompt2model_stages.train.micro_batches import parts
from prompt2model_stages.train.objective import Objective, low_precision, optimizer_of

DATES = Path(prompt2model_stages.__file__).parent / "catalogs" / "data" / "dates-in-words.jsonl"
INSTRUCTION = "Write the date in ISO form."
BATCH = 16
LONG_ROWS, LONG_ROW = 16, 767

VARIANTS: dict[str, tuple[bool, torch.dtype | None, bool]] = {
    "fp32, all places, order as shuffled": (False, None, False),
    "fp32, all places": (False, None, True),
    "fp32, target places": (True, None, True),
    "bf16, all places": (False, torch.bfloat16, True),
    "bf16, target places": (True, torch.bfloat16, True),
}
"""Places that the output layer computes, precision, and whether rows of like length stand together."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--student", default="embedded:SmolLM2-135M-Instruct")
    parser.add_argument("--frozen", type=int, nargs="+", help="numbers of frozen layers, one after the other")
    parser.add_argument("--memory", action="store_true", help="peak memory of one step, in parts and whole")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        memory(options.student)
        return
    if options.part:
        print(peak_of_a_step(options.student, options.part))
        return
    if options.frozen:
        frozen(options.student, options.frozen, options.steps)
        return
    print(f"{torch.get_num_threads()} threads, batches of {BATCH}, {options.steps} steps each\n")
    print(
        f"| {'variant':38} | tokens/s | s a step | loss at the end |\n|{'-' * 40}|---------:|---------:|----------------:|"
    )
    for name, variant in VARIANTS.items():
        student = Student.load(options.student)
        rate, seconds, loss = measure(student, variant, options.steps)
        print(f"| {name:38} | {rate:8.0f} | {seconds:8.2f} | {loss:15.3f} |", flush=True)
    checkpoint(student)


def frozen(name: str, layers: list[int], steps: int) -> None:
    """CPU seconds a step, target places alone, for so many frozen layers; the first step is counted in each."""
    print(f"| {'frozen layers':>13} | CPU s a step |\n|{'-' * 14}:|-------------:|")
    for count in layers:
        student = Student.load(name)
        freeze_lowest(student.model, count)
        began = time.process_time()
        measure(student, (True, None, True), steps)
        print(f"| {count:13} | {(time.process_time() - began) / (steps + 1):12.2f} |", flush=True)


def memory(name: str) -> None:
    """A line for each size of the parts."""
    print("| padded tokens at once | peak memory, GiB |\n|----------------------:|-----------------:|")
    for tokens in (TOKENS_CPU, LONG_ROWS * LONG_ROW):
        command = [sys.executable, __file__, "--part", str(tokens), "--student", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"| {tokens:21,} | {float(done.stdout.split()[-1]):16.1f} |", flush=True)


def peak_of_a_step(name: str, tokens: int) -> float:
    """GiB of this process at most, after one step of the optimizer on long rows in parts of so many padded tokens."""
    student = Student.load(name, None, LONG_ROW, LONG_ROW)
    row = Encoded(list(range(100, 100 + LONG_ROW - 64)), list(range(100, 164)))
    objective = Objective(student, student.batch([row]))
    optimizer, precision = optimizer_of(objective), low_precision(torch.device("cpu"))
    for part in parts([row] * LONG_ROWS, tokens):
        with torch.autocast("cpu", dtype=precision, enabled=precision is not None):
            loss = objective(student.batch(part))[0]
        loss.backward()
    optimizer.step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(student: Student, variant: tuple[bool, torch.dtype | None, bool], steps: int) -> tuple[float, float, float]:
    """Tokens a second, seconds a step, and the loss of the last step."""
    short, precision, grouped = variant
    rows = examples(student)
    objective = Objective(student, student.batch(rows[:1]))
    objective.short = short
    optimizer = optimizer_of(objective)
    for group in optimizer.param_groups:
        group["lr"] = 1e-4
    batches = epoch_batches([row.length if grouped else 1 for row in rows], BATCH, seed=0, epoch=0)
    tokens = 0
    began = time.perf_counter()
    for number, numbers in enumerate(batches[: steps + 1]):
        if number == 1:
            tokens, began = 0, time.perf_counter()
        batch = [rows[row] for row in numbers]
        with torch.autocast("cpu", dtype=precision, enabled=precision is not None):
            loss = objective(student.batch(batch))[0] / sum(len(row.target) for row in batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        tokens += sum(row.length for row in batch)
    seconds = time.perf_counter() - began
    return tokens / seconds, seconds / steps, float(loss.detach())


def examples(student: Student, most: int = 500) -> list[Encoded]:
    rows = [json.loads(line) for line in DATES.read_text("utf-8").splitlines()[:most]]
    preprocessing = Preprocessing(INSTRUCTION)
    return student.encode_training([preprocessing.text(row["text"]) for row in rows], [row["iso"] for row in rows])


def checkpoint(student: Student) -> None:
    """Seconds to write and to read one checkpoint, and its size."""
    rows = examples(student, 2)
    objective = Objective(student, student.batch(rows[:1]))
    optimizer = optimizer_of(objective)
    objective(student.batch(rows))[0].backward()
    optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Folder(folder))
        written = timed(lambda: checkpoints.save(Position(step=1), objective, optimizer))
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.safetensors"))
        read = timed(lambda: checkpoints.restore(objective, optimizer))
    print(f"\na checkpoint: {size / 2**20:.0f} MiB, written in {written:.1f} s, read in {read:.1f} s")


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
