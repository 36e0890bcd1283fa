"""Labelled tasks for the choice of a student, judged by hand before the rule was run on them.

tests/unit/data/student_tasks.jsonl has a line a task: instruction, demonstrations, and regular expressions over names of models:
those that an engineer would accept as the first student, and those that may not come first. Rows 1, 3, 5, … are there to tune
the rule on; rows 2, 4, 6, … are held out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from prompt2model_api.prompt2model import Demonstration

FILE = Path(__file__).parent / "unit" / "data" / "student_tasks.jsonl"


@dataclass(frozen=True)
class StudentTask:
    """A task and which first students are right."""

    name: str
    instruction: str
    demonstrations: tuple[Demonstration, ...]
    accepted: str
    refused: str

    def accepts(self, model: str) -> bool:
        """Whether an engineer would accept the model as the first student."""
        return bool(re.search(self.accepted, model)) and not self.refuses(model)

    def refuses(self, model: str) -> bool:
        """Whether the model is one that may not come first."""
        return bool(re.search(self.refused, model))


def student_tasks() -> list[StudentTask]:
    """All of them, in the file's order."""
    lines = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
    return [
        StudentTask(
            **line | {"demonstrations": tuple(Demonstration(input=i, output=o) for i, o in line["demonstrations"])}
        )
        for line in lines
    ]
