"""Tokens a second of one training step, its variants side by side, and what a checkpoint costs.

    python benchmarks/training.py [--steps 8] [--student embedded:SmolLM2-135M-Instruct] [--frozen 0 10 15 20]
    python benchmarks/training.py --memory
    python benchmarks/training.py --kept

Trains on rows of the dataset "dates in words" that the repository ships. A token is one that the student reads or is to
write, padding left out. Each variant starts from the same weights and takes the same batches; the first step of each is
not counted.

With --frozen it measures frozen layers instead, in fp32 and in CPU seconds, which other work disturbs less. With --memory it
measures the peak memory of one step on 16 rows of 767 tokens, in parts as train makes them and as one part, each in a process
of its own. With --kept it compares what autograd keeps of a part, which the first budget is estimated from, with the memory that
the part takes at its peak.
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
from prompt2model_stages.memory import resident_memory
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.storage import Folder
from prompt2model_stages.student import Student
from prompt2model_stages.student.devices import low_precision
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.train.batches import epoch_batches
from prompt2model_stages.train.budget import TOKENS_CPU
from prompt2model_stages.train.checkpoints import Checkpoints, Position
from prompt2model_stages.train.estimate import kept_bytes
from prompt2model_stages.train.freezing import freeze_lowest
from prompt2model_stages.train.micro_batches import parts
from prompt2model_stages.train.objective import Objective, optimizer_of

DATES = Path(prompt2model_stages.__file__).parent / "catalogs" / "data" / "dates-in-words.jsonl"
INSTRUCTION = "Write the date in ISO form."
BATCH = 16
LONG_ROWS, LONG_ROW = 16, 767
KINDS = ((2, 703, 64), (10, 100, 100), (60, 30, 6))
"""Rows of a part, and their tokens of input and of output."""

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
    parser.add_argument("--kept", action="store_true", help="memory of a part beside what autograd keeps of it")
    parser.add_argument("--kind", type=int, nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        memory(options.student)
        return
    if options.kept:
        kept(options.student)
        return
    if options.kind:
        print(*peak_and_kept(options.student, *options.kind))
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


def kept(name: str) -> None:
    """MiB that autograd keeps of parts of several kinds, and MiB at the peak of their step, each in a process of its own."""
    print("| rows x (input + output) tokens | kept, MiB | at the peak, MiB | ratio |\n|---|--:|--:|--:|")
    for rows, source, target in KINDS:
        command = [sys.executable, __file__, "--student", name, "--kind", str(rows), str(source), str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak, held = (float(number) for number in done.stdout.split()[-2:])
        print(f"| {rows} x ({source} + {target}) | {held:,.0f} | {peak:,.0f} | {peak / held:.2f} |", flush=True)


def peak_and_kept(name: str, rows: int, source: int, target: int) -> tuple[float, float]:
    """MiB beyond those between steps at the peak of a step on one part, and MiB that autograd keeps of it."""
    student = Student.load(name, None, LONG_ROW, LONG_ROW)
    part = [Encoded(list(range(100, 100 + source)), list(range(100, 100 + target)))] * rows
    objective = Objective(student, student.batch(part[:1])).train()
    optimizer, precision = optimizer_of(objective), low_precision(torch.device("cpu"))

    def loss(rows: list[Encoded]) -> torch.Tensor:
        with torch.autocast("cpu", dtype=precision, enabled=precision is not None):
            return objective(student.batch(rows))[0]

    loss([Encoded([100] * 4, [100] * 2)]).backward()  # gradients and moments are there afterwards
    optimizer.step()
    before, _ = resident_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    loss(part).backward()
    _, peak = resident_memory()
    with torch.autocast("cpu", dtype=precision, enabled=precision is not None):
        held = kept_bytes(student, objective, part)
    return (peak - before) / 2**20, held / 2**20


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
