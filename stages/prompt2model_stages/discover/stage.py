"""discover: takes the prompt apart and proposes datasets and students.

Reads prompt, instruction, demonstrations, datasets.enabled, datasets.topK, student.architectures, student.maxSize. What the
spec names (settings.named) is looked up first: a student that cannot be trained stops it before the teacher is asked.
Writes task.json (instruction in English and as written, language, demonstrations) and candidates.json.
A killed attempt starts over; what the teacher answered is in its journal and is not asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from prompt2model_api.candidates import dataset_shortlist, student_shortlist
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.quantities import bytes_of
from prompt2model_api.results import DatasetCandidate, Spent, StageOutputs, StudentCandidate
from prompt2model_api.stage_job import Named
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.discover.asking import Asks
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever, DatasetRetriever
from prompt2model_stages.discover.naming import check_own_data, named_dataset, named_student, usable_first, with_named
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt, PromptParser
from prompt2model_stages.discover.parsing import TeacherParser
from prompt2model_stages.discover.revisions import RevisionResolver
from prompt2model_stages.discover.student_retrieval import (
    MOST,
    CatalogStudentRetriever,
    HypotheticalCard,
    StudentRetriever,
    hypothetical_card,
)
from prompt2model_stages.discover.translating import EnglishInstruction, in_english
from prompt2model_stages.stage_files import Candidates, DiscoveredTask
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import open_teacher

SHOWN_INSTRUCTION = 8192
MOST_DATASETS = 100


@dataclass(frozen=True)
class Parts:
    """The stage's replaceable parts."""

    parser: Callable[[Asks], PromptParser] = TeacherParser
    datasets: Callable[[], DatasetRetriever] = CatalogDatasetRetriever
    students: Callable[[], StudentRetriever] = CatalogStudentRetriever
    revisions: Callable[[], RevisionResolver] = RevisionResolver


@dataclass(frozen=True)
class _Understood:
    parsed: ParsedPrompt
    english: EnglishInstruction
    card: HypotheticalCard
    spent: Spent

    @property
    def notes(self) -> list[str]:
        return [note for note in (*self.parsed.notes, self.english.note, self.card.note) if note]


def run(context: StageContext, parts: Parts | None = None) -> StageOutputs:
    """See the module. Raises: StageError of the teacher, and of what the spec names (Blocked)."""
    parts = parts or Parts()
    spec, named = context.spec, context.job.settings.named or Named()
    check_own_data(named)
    revisions, largest = parts.revisions(), bytes_of(spec.student.max_size)
    student, dataset = named_student(named, largest), named_dataset(named, revisions)
    understood = asyncio.run(_understand(context, parts))
    _write_task(context.folder, understood)
    context.reporter.progress(3, 5, "steps", "searching the catalogs")
    instruction, demonstrations = understood.english.text, understood.parsed.demonstrations
    dataset_candidates: list[DatasetCandidate] = []
    if spec.datasets.enabled:
        found = parts.datasets().retrieve(instruction, demonstrations, spec.datasets.top_k)
        dataset_candidates = revisions.of_datasets(found)
    dataset_candidates = with_named(dataset_candidates, dataset, MOST_DATASETS)
    query = f"{instruction}\n{understood.card.text}".strip()
    students = parts.students().retrieve(query, spec.student.architectures, largest)
    context.reporter.progress(4, 5, "steps", "resolving revisions")
    student_candidates = revisions.of_students(students)
    if student is None:
        student_candidates = usable_first(student_candidates, named)
    student_candidates = with_named(student_candidates, student, MOST)
    _write_candidates(context.folder, understood.card, dataset_candidates, student_candidates)
    context.reporter.progress(5, 5, "steps", "done")
    datasets, other_datasets = dataset_shortlist(dataset_candidates, dataset.name if dataset else None)
    best_students, other_students = student_shortlist(student_candidates, student.name if student else None)
    return StageOutputs(
        instruction=instruction[:SHOWN_INSTRUCTION],
        language=understood.english.language,
        demonstrations=len(demonstrations),
        dataset_candidates=datasets,
        student_candidates=best_students,
        other_datasets=other_datasets or None,
        other_students=other_students or None,
        spent=understood.spent,
    )


async def _understand(context: StageContext, parts: Parts) -> _Understood:
    """What needs the teacher: the parts of the prompt, the English instruction, the hypothetical model card."""
    report = context.reporter.progress
    async with open_teacher(context.job, stage="discover") as teacher:
        report(0, 5, "steps", "taking the prompt apart")
        parsed = _given(context.spec) or await parts.parser(teacher).parse(context.spec.prompt or "")
        report(1, 5, "steps", "finding its language")
        english = await in_english(teacher, parsed.instruction)
        report(2, 5, "steps", "describing the student")
        card = await hypothetical_card(teacher, english.text)
        return _Understood(parsed, english, card, teacher.spent)


def _given(spec: Prompt2ModelSpec) -> ParsedPrompt | None:
    """The prompt that comes in parts, as it is; None where it does not."""
    if spec.instruction is None:
        return None
    return ParsedPrompt(spec.instruction.strip(), tuple(spec.demonstrations), "given")


def _write_task(folder: Folder, understood: _Understood) -> None:
    parsed, english = understood.parsed, understood.english
    task = DiscoveredTask(
        instruction=english.text,
        original_instruction=parsed.instruction,
        language=english.language,
        demonstrations=list(parsed.demonstrations),
        parsed_by=parsed.parsed_by,
        language_by=english.detected_by,
        translated=english.translated,
        notes=understood.notes,
    )
    task.write(folder)


def _write_candidates(
    folder: Folder, card: HypotheticalCard, datasets: list[DatasetCandidate], students: list[StudentCandidate]
) -> None:
    Candidates(hypothetical_model_card=card.text, datasets=datasets, students=students).write(folder)
