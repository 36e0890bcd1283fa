"""Measures `p2m run` of an example: seconds and peak memory of each stage, tokens a second, and the runner's overhead.

    python benchmarks/local_run.py [FILE]

Runs FILE twice in a new folder: from nothing, and again with nothing changed. Overhead is the wall time less the stages' own
work, less the starts of Ray, of the embedded teacher and of the service. Prints Markdown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Runs and prints."""
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "examples/dates.yaml")
    with tempfile.TemporaryDirectory() as runs:
        first_s = run(file, Path(runs))
        first = timings(Path(runs))
        again_s = run(file, Path(runs))
        again = timings(Path(runs))
    print_stages(first)
    print_overhead("from nothing", first_s, first)
    print_overhead("again, nothing changed", again_s, again)


def run(file: Path, runs: Path) -> float:
    """One run; its wall seconds, from the shell's point of view."""
    began = time.monotonic()
    command = [sys.executable, "-m", "prompt2model_stages.cli.main", "run", str(file), "--runs", str(runs), "--exit"]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"the run ended with exit status {done.returncode}")
    return time.monotonic() - began


def timings(runs: Path) -> dict[str, Any]:
    """What the runner noted."""
    tree: dict[str, Any] = json.loads(next(runs.glob("*/*/last_run.json")).read_text())
    return tree


def print_stages(tree: dict[str, Any]) -> None:
    """A line a stage."""
    print("| stage | process, s | own work, s | Ray's start, s | peak memory, MiB | speed |")
    print("|---|---|---|---|---|---|")
    for name, stage in tree["stages"].items():
        ray = stage["starts"].get("ray")
        memory = stage["peak_memory_bytes"] / 2**20
        cells = [
            name,
            f"{stage['wall_s']:.1f}",
            f"{stage['seconds']:.1f}",
            f"{ray:.1f}" if ray else "-",
            f"{memory:.0f}",
        ]
        print("| " + " | ".join([*cells, speed(name, stage)]) + " |")


def speed(name: str, stage: dict[str, Any]) -> str:
    """Tokens a second, where the stage makes any."""
    outputs, spent = stage["outputs"], stage["outputs"]["spent"]
    if name == "train":
        return f"{outputs['trainTokensPerSecond']:.0f} training tokens/s"
    if spent["requests"] and stage["seconds"]:
        written, read = spent["completionTokens"] / stage["seconds"], spent["promptTokens"] / stage["seconds"]
        return f"teacher {written:.0f} tokens/s written, {read:.0f} read"
    return "-"


def print_overhead(title: str, wall_s: float, tree: dict[str, Any]) -> None:
    """The wall time and what it is made of."""
    own = sum(stage["seconds"] for stage in tree["stages"].values())
    ray = sum(stage["starts"].get("ray", 0.0) for stage in tree["stages"].values())
    teacher, service = tree["embedded_teacher_s"], tree["service_s"]
    rest = wall_s - own - ray - teacher - service
    print(
        f"\n{title}: {wall_s:.1f} s = {own:.1f} s of the stages' own work + {ray:.1f} s for Ray's starts + {teacher:.1f} s "
        f"for the embedded teacher's + {service:.1f} s for the service's + **{rest:.1f} s of overhead**"
    )


if __name__ == "__main__":
    main()
