"""Searches the catalogs for a task. A teacher that is named helps: keyphrases before the search, an order after it.

The embedded teacher does not: its keyphrases and its order are no better than none, and each costs seconds of a first run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_api.quantities import bytes_of
from prompt2model_api.results import DatasetCandidate, StudentCandidate
from prompt2model_api.texts import cut
from prompt2model_stages.discover.asking import Asks
from prompt2model_stages.discover.dataset_retrieval import DatasetRetriever
from prompt2model_stages.discover.keyphrases import keyphrases
from prompt2model_stages.discover.reranking import reranked
from prompt2model_stages.discover.selecting import HubLicenses, nobody_asked, selected_datasets, selected_students
from prompt2model_stages.discover.student_facts import Fit, TaskFacts, task_facts
from prompt2model_stages.discover.student_retrieval import MOST, MOST_KNOWN, StudentRetriever
from prompt2model_stages.discover.verdicts import judged

DATASETS_RANKED = 25
"""The nearest ones, which the teacher orders; of students, the MOST_KNOWN first: the first one is used unasked."""

LOOKED_AT = 200
"""The nearest datasets, among which those of an allowed license are looked for where the spec lists licenses."""


@dataclass(frozen=True)
class Task:
    """What is searched for. instruction: in English. card: of a student that would fit, or empty."""

    instruction: str
    demonstrations: Sequence[Demonstration]
    card: str = ""


@dataclass(frozen=True)
class Found:
    """The candidates, best first, and what a person should know of how they were found."""

    datasets: list[DatasetCandidate]
    students: list[StudentCandidate]
    notes: list[str]


async def search(
    teacher: Asks,
    spec: Prompt2ModelSpec,
    task: Task,
    datasets: DatasetRetriever | None,
    students: StudentRetriever,
    hub: HubLicenses = nobody_asked,
) -> Found:
    """The datasets and students for a task.

    Args:
        teacher: the teacher.
        spec: what the user wrote.
        task: what is searched for.
        datasets: None where the spec wants none.
        students: what finds students.
        hub: asked for licenses, where the spec lists some.

    Raises: StageError of the teacher.
    """
    strong, notes = spec.teacher is not None, list[str]()
    found: list[DatasetCandidate] = []
    if datasets is not None:
        found = await _datasets(teacher if strong else None, spec, task, datasets, hub, notes)
    query, largest = f"{task.instruction}\n{task.card}".strip(), bytes_of(spec.student.max_size)
    facts = await asyncio.to_thread(task_facts, task.instruction, task.demonstrations)
    licenses = spec.student.licenses

    def retrieved(told: Mapping[str, str]) -> list[StudentCandidate]:
        students.hub_licenses = told
        return students.retrieve(query, spec.student.architectures, largest, facts, licenses)

    proposed = await asyncio.to_thread(selected_students, retrieved, licenses, MOST, hub)
    if strong:
        proposed = await _ordered_students(teacher, task, facts, students, proposed, notes)
    return Found(found, proposed, notes)


async def _datasets(
    teacher: Asks | None,
    spec: Prompt2ModelSpec,
    task: Task,
    retriever: DatasetRetriever,
    hub: HubLicenses,
    notes: list[str],
) -> list[DatasetCandidate]:
    """The datasets, with the help of a teacher where there is one to help."""
    phrases = ""
    if teacher is not None:
        asked = await keyphrases(teacher, task.instruction)
        phrases = asked.text
        notes += [asked.note] if asked.note else []
    most, licenses = spec.datasets.top_k, spec.datasets.licenses
    looked_at = most if licenses is None else max(most, LOOKED_AT)
    found = await asyncio.to_thread(retriever.retrieve, task.instruction, task.demonstrations, looked_at, phrases)
    found = await asyncio.to_thread(selected_datasets, found, licenses, most, hub)
    notes += retriever.notes
    if teacher is None:
        return found
    found, is_understood = await _ordered_datasets(teacher, task, retriever, found, notes)
    if not is_understood:  # who cannot put them in order in the form that is asked for is not asked for a yes or no
        return found
    shown = [shown_to_teacher(candidate, retriever) for candidate in found]
    permitted = await judged(teacher, task.instruction, task.demonstrations, found, shown)
    notes += [permitted.note] if permitted.note else []
    return permitted.candidates


def _shown(candidate: DatasetCandidate, retriever: DatasetRetriever) -> str:
    """Name and description, for the teacher."""
    config = f" ({candidate.config})" if candidate.config else ""
    return f"{candidate.name}{config}: {retriever.description(candidate)}"


def shown_to_teacher(candidate: DatasetCandidate, retriever: DatasetRetriever) -> str:
    """Name and description, and the direction of its rows where it is known."""
    shown = _shown(candidate, retriever)
    if candidate.output_column is None:
        return shown
    return f"{shown} ({', '.join(candidate.input_columns)} -> {candidate.output_column})"


async def _ordered_datasets(
    teacher: Asks, task: Task, retriever: DatasetRetriever, found: list[DatasetCandidate], notes: list[str]
) -> tuple[list[DatasetCandidate], bool]:
    """The nearest ones in the teacher's order, and whether its answer was understood."""
    head = found[:DATASETS_RANKED]
    shown = [_shown(candidate, retriever) for candidate in head]
    ranked = await reranked(teacher, "datasets", task.instruction, task.demonstrations, shown)
    notes += [ranked.note] if ranked.note else []
    ordered = [head[row] for row in ranked.order] + found[DATASETS_RANKED:]
    if ranked.named is None:
        return ordered, not ranked.note
    return [_after_ranking(candidate, row, ranked.named) for row, candidate in enumerate(ordered)], True


def _after_ranking(candidate: DatasetCandidate, row: int, named: int) -> DatasetCandidate:
    """A candidate after the teacher has put it into this row, and said of so many that they would serve."""
    if candidate.combinable and row >= named:
        candidate = candidate.model_copy(update={"combinable": None})
    if candidate.transformable and named and row:
        return candidate.model_copy(update={"transformable": None})
    return _doubted(candidate) if candidate.recommended and not (named and row == 0) else candidate


def _doubted(candidate: DatasetCandidate) -> DatasetCandidate:
    """A candidate that is not used unasked, because the teacher does not put it first."""
    reason = f"{candidate.reason.removesuffix('.')}, but it is not used unasked: the teacher does not put it first."
    return candidate.model_copy(update={"recommended": False, "reason": cut(reason, 512)})


async def _ordered_students(
    teacher: Asks,
    task: Task,
    facts: TaskFacts,
    retriever: StudentRetriever,
    found: list[StudentCandidate],
    notes: list[str],
) -> list[StudentCandidate]:
    """The first ones in the teacher's order, but only among neighbours that fit equally by their facts."""
    head = found[:MOST_KNOWN]
    shown = [f"{c.name}: {retriever.description(c)}" for c in head]
    ranked = await reranked(teacher, "students", task.instruction, task.demonstrations, shown)
    notes += [ranked.note] if ranked.note else []
    steps = _steps([retriever.standing(candidate, facts) for candidate in head])
    order = sorted(ranked.order, key=lambda row: steps[row])
    if ranked.named and order[0] != ranked.order[0]:
        wanted, first = head[ranked.order[0]].name, head[order[0]].name
        why = "its facts fit the task better, or its entry is written by hand"
        notes.append(f"The teacher would take the student {wanted} first, but {first} stays before it: {why}.")
    return [head[row] for row in order] + found[MOST_KNOWN:]


def _steps(standings: Sequence[tuple[Fit, bool]]) -> list[int]:
    """For each candidate, how often the standing changed before it."""
    changes = [int(one != other) for one, other in pairwise(standings)]
    return list(accumulate(changes, initial=0))
