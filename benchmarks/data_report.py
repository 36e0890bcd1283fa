"""What `p2m data` costs on many rows: the report, its page, and an export in each form.

    python benchmarks/data_report.py --rows 100000

Inputs are questions of 11 words and passages of 60, as prepare writes them in text-to-text form; outputs are five labels, or free.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "crds"), str(ROOT / "stages")]

from prompt2model_api.prompt2model import Prompt2ModelSpec  # noqa: E402
from prompt2model_api.results import StageOutputs  # noqa: E402
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec  # noqa: E402
from prompt2model_stages.data_report import DataSources, StageData, page_of, report_of  # noqa: E402
from prompt2model_stages.data_report.exporting import ALL, export  # noqa: E402
from prompt2model_stages.examples import Example  # noqa: E402
from prompt2model_stages.preprocessing import Preprocessing  # noqa: E402
from prompt2model_stages.splits import write_split  # noqa: E402
from prompt2model_stages.storage import Folder  # noqa: E402

SHARES = {"train": 0.8, "validation": 0.1, "test-retrieved": 0.08, "test-generated": 0.02}


def write_rows(folder: Folder, rows: int, labels: bool) -> None:
    """Splits as prepare writes them."""
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(2, 9))) for _ in range(20_000)]
    for name, share in SHARES.items():
        examples = []
        for number in range(round(share * rows)):
            question, passage = (" ".join(chance.choices(words, k=count)) for count in (11, 60))
            output = f"label {number % 5}" if labels else " ".join(chance.choices(words, k=3))
            source = "generated" if name == "test-generated" or number % 5 == 0 else "retrieved"
            text = f"question: {question}\ncontext: {passage}"
            examples.append(Example(text, output, source, f"made#{number}"))  # type: ignore[arg-type]
        write_split(folder, name, examples, Preprocessing("Answer the question."))


def measured(what: str, path: Path) -> None:
    """In a process of its own, so that its peak of memory is its own."""
    folder, began, cpu = Folder(str(path)), time.monotonic(), time.process_time()
    if what == "report and page":
        spec = StageRunSpec(resource="r", stage=Stage.PREPARE, digest="a" * 64, storage="/s")
        run = StageRun.model_validate({"metadata": {"name": "r-prepare"}, "spec": spec.dump()})
        data = StageData(run, folder, StageOutputs(), "done")
        page_of(report_of(DataSources("default/r", Prompt2ModelSpec(prompt="Answer."), {Stage.PREPARE: data}), 0))
    elif what != "imports":
        export(folder, "Answer the question.", path / f"out{what}", ALL, force=True)
    status = Path(
        "/proc/self/status"
    ).read_text()  # getrusage's figure is, after an exec, that of the process before it
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(f"| {what} | {time.monotonic() - began:.1f} | {time.process_time() - cpu:.1f} | {peak:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measured(options.one[0], Path(options.one[1]))
        return
    for labels in (True, False):
        with tempfile.TemporaryDirectory() as scratch:
            write_rows(Folder(scratch), options.rows, labels)
            size = sum(file.stat().st_size for file in Path(scratch).iterdir()) / 2**20
            print(f"{options.rows:,} rows, {'five labels' if labels else 'free outputs'}, {size:.0f} MiB of Parquet")
            print("| | s | CPU s | peak memory, MiB |\n|---|--:|--:|--:|", flush=True)
            for what in ("imports", "report and page", ".parquet", ".jsonl", ".chat.jsonl"):
                subprocess.run([sys.executable, __file__, "--one", what, scratch], check=True)


if __name__ == "__main__":
    main()
