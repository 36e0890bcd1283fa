"""Whether the first student is one that an engineer would accept: words and downloads alone, and with facts before them.

    python -m benchmarks.students [--show]

The 30 labelled tasks of tests/student_tasks.py, without a teacher, over the shipped catalog and over its entries that are written
by hand. The old rule: those that are written by hand and share a word first, by BM25 x log(downloads + 1). Prints Markdown.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence

from prompt2model_api.base import Architecture
from prompt2model_api.quantities import bytes_of
from prompt2model_stages.catalogs.catalog import models
from prompt2model_stages.catalogs.entries import Kind, ModelEntry
from prompt2model_stages.catalogs.opening import Entries, open_models
from prompt2model_stages.catalogs.search import LexicalIndex, MemoryIndex, open_lexical
from prompt2model_stages.catalogs.search.protocol import Scores
from prompt2model_stages.discover.student_facts import task_facts
from prompt2model_stages.discover.student_retrieval import CatalogStudentRetriever
from tests.student_tasks import StudentTask, student_tasks

BOTH, LARGEST = list(Architecture), bytes_of("3Gi")
First = Callable[[StudentTask], str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="the first student of each task")
    options = parser.parse_args()
    tasks, shipped = student_tasks(), open_models()
    # The entries that are written by hand with the facts that the hub's rows add.
    by_hand = [entry for entry in shipped.entries[: len(models())] if entry.hand_written]
    alone = Entries(Kind.MODELS, by_hand)
    print("| | tuned on (15) | held out (15) | refused first | CPU ms a task |\n|---|--:|--:|--:|--:|")
    for name, entries, index in (
        (f"shipped, {len(shipped.entries):,} models", shipped.entries, open_lexical(shipped)),
        (f"written by hand, {len(alone)} models", alone, MemoryIndex(alone.column("description"))),
    ):
        show(f"{name}: all by words x downloads", tasks, by_words(entries, index, False), options.show)
        show(f"{name}: old rule", tasks, by_words(entries, index, True), options.show)
        show(f"{name}: facts first", tasks, by_facts(entries, index), options.show)


def by_words(entries: Entries[ModelEntry], index: LexicalIndex, known_first: bool) -> First:
    """The rule without facts. known_first: entries that are written by hand and share a word come before all others."""
    by_hand, names = entries.column("hand_written"), entries.column("name")
    downloads = entries.column("downloads")
    texts = entries.column("description")
    known = [n for n, is_known in enumerate(by_hand) if is_known]
    own = MemoryIndex([texts[n] for n in known])
    rows = [
        n for n, (kind, size) in enumerate(zip(entries.column("architecture"), entries.column("size_bytes"), strict=True))
        if kind in BOTH and size <= LARGEST
    ]  # fmt: skip

    def best(numbers: Sequence[int], near: Mapping[int, float] | Scores) -> str:
        return str(names[min(numbers, key=lambda n: (-near[n] * math.log(downloads[n] + 1), -downloads[n], names[n]))])

    def first(task: StudentTask) -> str:
        near = dict(zip(known, own.scores(task.instruction), strict=True))
        written = [n for n in rows if near.get(n, 0.0) > 0]
        return best(written, near) if known_first and written else best(rows, index.scores(task.instruction))

    return first


def by_facts(entries: Entries[ModelEntry], index: LexicalIndex) -> First:
    """The rule of discover."""
    retriever = CatalogStudentRetriever(entries, index)

    def first(task: StudentTask) -> str:
        facts = task_facts(task.instruction, task.demonstrations)
        return retriever.retrieve(task.instruction, BOTH, LARGEST, facts)[0].name

    return first


def show(name: str, tasks: Sequence[StudentTask], first: First, each: bool) -> None:
    first(tasks[0])  # loads what is loaded once
    began = time.process_time()
    found = [first(task) for task in tasks]
    spent = 1000 * (time.process_time() - began) / len(tasks)
    right = [task.accepts(model) for task, model in zip(tasks, found, strict=True)]
    wrong = sum(task.refuses(model) for task, model in zip(tasks, found, strict=True))
    print(f"| {name} | {sum(right[::2])} | {sum(right[1::2])} | {wrong} | {spent:.0f} |", flush=True)
    for task, model, ok in zip(tasks, found, right, strict=True) if each else ():
        print(f"    {'  ' if ok else 'NO'} {task.name}: {model}")


if __name__ == "__main__":
    main()
