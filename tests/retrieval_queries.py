"""Labelled queries for retrieval: task prompts with what serves them in the starter catalog, judged by hand.

tests/data/retrieval_queries.jsonl has a line a task: the instruction (query); keyphrases, the description of a dataset and the card
of a model as a strong teacher would write them, written before any search was run; the datasets that serve (name, or
name:configuration) and, for some, the students that an engineer would take first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "data" / "retrieval_queries.jsonl"


@dataclass(frozen=True)
class LabelledQuery:
    """A task and what serves it. students, card: empty where nobody judged them."""

    name: str
    query: str
    keyphrases: str
    description: str
    card: str
    datasets: frozenset[str]
    students: frozenset[str]


def labelled_queries() -> list[LabelledQuery]:
    """All of them, in the file's order."""
    lines = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
    return [
        LabelledQuery(**line | {"datasets": frozenset(line["datasets"]), "students": frozenset(line["students"])})
        for line in lines
    ]
