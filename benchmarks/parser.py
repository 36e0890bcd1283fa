"""How many prompts the parser takes apart rightly, by their layout alone and with a teacher that answers rightly.

    python benchmarks/parser.py                           # 48 tasks of many kinds and languages, in 17 layouts
    python benchmarks/parser.py --tasks FILE              # other tasks: JSON lines of instruction and pairs
    python benchmarks/parser.py --shown 10                # and the first ten prompts that are not taken apart rightly

The teacher is an oracle: it answers with the right parts in JSON, numbers, booleans and objects as such. "wrong" are
prompts of which a demonstration is believed that is not one of the task's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "crds"), str(ROOT / "stages")]

from prompt2model_stages.discover.believing.judging import understood  # noqa: E402
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt, squeezed  # noqa: E402
from prompt2model_stages.discover.segmenting import segment  # noqa: E402
from tests.unit.prompt_layouts import LAYOUTS, Layout, Task, shipped_tasks  # noqa: E402


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, help="JSON lines with instruction and pairs (input, output)")
    parser.add_argument("--shown", type=int, default=0, help="so many of the prompts that are not right")
    options = parser.parse_args()
    tasks = _read(options.tasks) if options.tasks else shipped_tasks()
    total: Counter[str] = Counter()
    shown: list[str] = []
    print("| layout | layout alone: right | none | wrong | with the oracle: right | refused, by layout | wrong |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for layout in LAYOUTS:
        counts = Counter[str]()
        for task in tasks:
            results = {"alone": _alone(layout, task), "oracle": _oracle(layout, task)}
            counts.update(f"{by} {result}" for by, result in results.items())
            shown += [f"{layout.name}, {task.name}: {by} {r}" for by, r in results.items() if not r.startswith("right")]
        total += counts
        print(_row(layout.name, counts))
    print(_row(f"**of {len(tasks) * len(LAYOUTS)}**", total))
    print("\n".join(shown[: options.shown]))


def _row(name: str, counts: Counter[str]) -> str:
    columns = ("alone right", "alone none", "alone wrong", "oracle right", "oracle refused", "oracle wrong")
    return f"| {name} | " + " | ".join(str(counts[column]) for column in columns) + " |"


def _alone(layout: Layout, task: Task) -> str:
    return _judged(segment(layout.write(task)), task)


def _oracle(layout: Layout, task: Task) -> str:
    pairs = [{"input": given, "output": _typed(output)} for given, output in task.pairs]
    answer = json.dumps({"instruction": task.instruction, "demonstrations": pairs}, ensure_ascii=False)
    try:
        return _judged(understood(answer, layout.write(task)), task)
    except ValueError:
        return "refused"


def _typed(text: str) -> Any:
    """A text as a model writes it that answers in JSON: a number, boolean, null or object where it looks like one."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _judged(parsed: ParsedPrompt, task: Task) -> str:
    found = [(squeezed(d.input), squeezed(d.output)) for d in parsed.demonstrations]
    right = [(squeezed(given), squeezed(output)) for given, output in task.pairs]
    if found == right and "".join(parsed.instruction.split()) == "".join(task.instruction.split()):
        return "right"
    return "wrong" if set(found) - set(right) else "none"


def _read(path: Path) -> list[Task]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [Task(f"{n}", row["instruction"], tuple((i, o) for i, o in row["pairs"])) for n, row in enumerate(rows)]


if __name__ == "__main__":
    main()
