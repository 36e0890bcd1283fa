"""What a teacher's yes or no adds to permission.py, with simulated teachers: an oracle, one that errs, a coin, and others.

They answer the real request of verdicts.py, whose list they read. Where chance plays a part, SEEDS runs are averaged.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import DatasetCandidate
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever
from prompt2model_stages.discover.searching import shown_to_teacher
from prompt2model_stages.discover.verdicts import AGREED, judged
from prompt2model_stages.teacher.requests import TeacherAnswer, TeacherRequest

SEEDS = 50
_LINE = re.compile(r"^(\d+)\. ([^\s:]+)(?: \((\S+)\))?: ", re.MULTILINE)
KNOWN = {"task-examples": True, "records-1": False, "records-2": False}
"""The lines whose answers are known."""

Says = Callable[[bool, bool, random.Random], bool]
"""What a teacher says, from the right answer and whether its line is one of KNOWN."""
TEACHERS: dict[str, Says] = {
    "oracle": lambda right, known, rng: right,
    "oracle that errs in 10 %": lambda right, known, rng: right != (rng.random() < 0.1),
    "coin": lambda right, known, rng: rng.random() < 0.5,
    "coin, if form were enough": lambda right, known, rng: right if known else rng.random() < 0.5,
    "always yes": lambda right, known, rng: True,
    "always no": lambda right, known, rng: False,
}
USES = ("is told", "decides where others are about as near")


@dataclass
class Simulated:
    """A teacher that answers requests of verdicts.py about one case."""

    case: dict[str, Any]
    says: Says
    rng: random.Random

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        """One verdict for each line of the list."""
        told = []
        for number, name, config in _LINE.findall(str(request.messages[0]["content"])):
            right = KNOWN.get(name, bool({name, f"{name}/{config}"} & set(self.case["accepted"])))
            told.append({"dataset": int(number), "reason": "", "serves": self.says(right, name in KNOWN, self.rng)})
        return TeacherAnswer((json.dumps({"verdicts": told}),), "simulated")


def simulate(rule: str, retriever: CatalogDatasetRetriever, cases: list[dict[str, Any]]) -> None:
    """Prints a line for each teacher and each use of a yes."""
    found = [_Found.of(retriever, case) for case in cases]
    _print(rule, "none", "-", [one.outcome(one.candidates, USES[0]) for one in found], 1)
    for teacher, says in TEACHERS.items():
        seeds = 1 if teacher in ("oracle", "always yes", "always no") else SEEDS
        told = [
            (one, asyncio.run(one.judged(Simulated(one.case, says, random.Random(f"{seed} {row}")))))
            for seed in range(seeds)
            for row, one in enumerate(found)
        ]
        for use in USES:
            _print(rule, teacher, use, [one.outcome(candidates, use) for one, candidates in told], seeds)


@dataclass(frozen=True)
class _Found:
    """What is found for a case."""

    case: dict[str, Any]
    candidates: list[DatasetCandidate]
    shown: list[str]

    @classmethod
    def of(cls, retriever: CatalogDatasetRetriever, case: dict[str, Any]) -> _Found:
        candidates = retriever.retrieve(case["instruction"], demonstrations_of(case), 25)
        return cls(case, candidates, [shown_to_teacher(one, retriever) for one in candidates])

    async def judged(self, teacher: Simulated) -> list[DatasetCandidate]:
        """The candidates after the teacher's word."""
        arguments = self.case["instruction"], demonstrations_of(self.case), self.candidates, self.shown
        return (await judged(teacher, *arguments)).candidates

    def outcome(self, candidates: list[DatasetCandidate], use: str) -> str:
        """right, wrong or none."""
        best = next((one for one in candidates if one.recommended), None)
        if use == USES[1] and not any(one.recommended for one in self.candidates):
            best = next((one for one in candidates if one.combinable and AGREED in one.reason), None)
        return outcome(self.case, best)[0]


def outcome(case: dict[str, Any], best: DatasetCandidate | None) -> tuple[str, str]:
    """right, wrong or none, and the dataset that is chosen."""
    if best is None:
        return "none", ""
    names = {best.name, f"{best.name}/{best.config}"}
    return ("right" if names & set(case["accepted"]) else "wrong"), f"{best.name}/{best.config}"


def demonstrations_of(case: dict[str, Any]) -> list[Demonstration]:
    """A case's pairs."""
    return [Demonstration(input=given, output=output) for given, output in case["pairs"]]


def _print(rule: str, teacher: str, use: str, outcomes: list[str], runs: int) -> None:
    count = Counter(outcomes)
    told = " | ".join(f"{count[kind] / runs:.1f}".removesuffix(".0") for kind in ("right", "wrong", "none"))
    print(f"| {rule} | {teacher} | {use} | {told} |")
