"""discover: takes the prompt apart and proposes datasets and students.

Reads prompt, instruction, demonstrations, datasets.enabled, datasets.topK, datasets.licenses, student.architectures,
student.maxSize, student.licenses, parts. What the spec names (settings.named) is looked up first: a student that cannot be trained,
and a license that is not allowed, stop it before the teacher is asked.
The catalogs are those of settings.catalogs, else the shipped ones.
Writes task.json (instruction in English and as written, language, demonstrations) and candidates.json. The datasets that
matter are read at the hub, a few rows each, so that their columns are checked; without a hub the catalog's stay.
A killed attempt starts over; what the teacher answered is in its journal and is not asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prompt2model_api.candidates import dataset_shortlist, student_shortlist
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.quantities import bytes_of
from prompt2model_api.results import CatalogUsed, DatasetCandidate, Spent, StageOutputs
from prompt2model_api.stage_job import Named
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind, ModelEntry
from prompt2model_stages.catalogs.opening import Catalog, open_datasets, open_models
from prompt2model_stages.discover.asking import Asks
from prompt2model_stages.discover.columns.choosing import Asked, WithColumns, with_columns
from prompt2model_stages.discover.columns.named import Rows, check_named, read_named
from prompt2model_stages.discover.columns.reading import Reader
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever, DatasetRetriever
from prompt2model_stages.discover.licensed import licensed_datasets, licensed_students
from prompt2model_stages.discover.naming import (
    check_own_data,
    named_datasets,
    named_student,
    usable_first,
    with_license,
    with_named,
    with_named_datasets,
)
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt, PromptParser
from prompt2model_stages.discover.parsing import TeacherParser
from prompt2model_stages.discover.revisions import RevisionResolver
from prompt2model_stages.discover.searching import Found, Task, search
from prompt2model_stages.discover.student_retrieval import (
    MOST,
    CatalogStudentRetriever,
    HypotheticalCard,
    StudentRetriever,
    hypothetical_card,
)
from prompt2model_stages.discover.task_languages import task_languages
from prompt2model_stages.discover.translating import EnglishInstruction, in_english
from prompt2model_stages.hub_data import first_rows
from prompt2model_stages.parts import NamedPart, named_part, used
from prompt2model_stages.stage_files import Candidates, DiscoveredTask
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import open_teacher

SHOWN_INSTRUCTION = 8192
MOST_DATASETS = 100


@dataclass(frozen=True)
class Parts:
    """The stage's replaceable parts."""

    parser: Callable[[Asks], PromptParser] = TeacherParser
    datasets: Callable[[Catalog[DatasetEntry]], DatasetRetriever] = CatalogDatasetRetriever.of
    students: Callable[[Catalog[ModelEntry]], StudentRetriever] = CatalogStudentRetriever.of
    revisions: Callable[[], RevisionResolver] = RevisionResolver
    rows: Reader = first_rows
    named: tuple[NamedPart, ...] = ()
    """Those that the spec names."""

    @classmethod
    def of(cls, spec: Prompt2ModelSpec) -> Parts:
        """The built-in parts, but for those that the spec names. Raises: StageError PartMissing, Blocked."""
        parser = named_part("parser", spec.parts, PromptParser)
        datasets = named_part("datasets", spec.parts, DatasetRetriever)
        students = named_part("students", spec.parts, StudentRetriever)
        return cls(
            parser or cls.parser,
            datasets or cls.datasets,
            students or cls.students,
            named=tuple(part for part in (parser, datasets, students) if part is not None),
        )


@dataclass(frozen=True)
class _Understood:
    parsed: ParsedPrompt
    english: EnglishInstruction
    card: HypotheticalCard
    found: Found
    columns: WithColumns
    spent: Spent

    @property
    def notes(self) -> list[str]:
        notes = (*self.parsed.notes, self.english.note, self.card.note, *self.found.notes)
        return [note for note in notes if note]


@dataclass(frozen=True)
class _Catalogs:
    """What is searched. datasets: None where the spec wants none."""

    datasets: Catalog[DatasetEntry] | None
    models: Catalog[ModelEntry]

    @classmethod
    def of(cls, context: StageContext) -> _Catalogs:
        """Opened before the teacher is asked, so that a wrong one costs nothing. Raises: StageError, Blocked."""
        uri, wanted = context.job.settings.catalogs, context.spec.datasets.enabled
        return cls(open_datasets(uri) if wanted else None, open_models(uri))

    @property
    def used(self) -> list[CatalogUsed]:
        return [catalog.used for catalog in (self.datasets, self.models) if catalog is not None]


def run(context: StageContext, parts: Parts | None = None) -> StageOutputs:
    """See the module. Raises: StageError of the teacher, and of what the spec names (Blocked)."""
    spec, named = context.spec, context.job.settings.named or Named()
    parts = parts or Parts.of(spec)
    check_own_data(named)
    revisions, largest = parts.revisions(), bytes_of(spec.student.max_size)
    uri = context.job.settings.catalogs
    student, chosen = named_student(named, largest), named_datasets(named, revisions, uri)
    student = with_license(student, Kind.MODELS, spec.student.licenses, uri)
    licensed = (with_license(one, Kind.DATASETS, spec.datasets.licenses, uri) for one in chosen)
    chosen = [one for one in licensed if one is not None]
    catalogs = _Catalogs.of(context)
    rows = read_named(chosen, named.dataset, parts.rows)

    def pinned(found: Sequence[DatasetCandidate]) -> list[DatasetCandidate]:
        candidates = licensed_datasets(revisions.of_datasets(found), spec.datasets.licenses)
        return with_named_datasets(candidates, chosen, MOST_DATASETS)

    understood = asyncio.run(_understand(context, catalogs, parts, revisions, pinned, rows))
    _write_task(context.folder, understood)
    dataset_candidates = understood.columns.candidates
    check_named(dataset_candidates, named.dataset, rows)
    students, forbidden = licensed_students(revisions.of_students(understood.found.students), spec.student.licenses)
    if student is None:
        students = usable_first(students, named)
    student_candidates = with_named([*students, *forbidden], student, MOST)
    Candidates(
        hypothetical_model_card=understood.card.text,
        datasets=dataset_candidates,
        students=student_candidates,
        catalogs=catalogs.used,
        datasets_read=understood.columns.reads,
    ).write(context.folder)
    context.reporter.progress(5, 5, "steps", "done")
    datasets, other_datasets = dataset_shortlist(dataset_candidates, named.dataset.datasets() if named.dataset else [])
    best_students, other_students = student_shortlist(student_candidates, student.name if student else None)
    return StageOutputs(
        instruction=understood.english.text[:SHOWN_INSTRUCTION],
        language=understood.english.language,
        demonstrations=len(understood.parsed.demonstrations),
        dataset_candidates=datasets,
        student_candidates=best_students,
        other_datasets=other_datasets or None,
        other_students=other_students or None,
        catalogs=catalogs.used,
        parts=used(parts.named),
        spent=understood.spent,
    )


async def _understand(
    context: StageContext,
    catalogs: _Catalogs,
    parts: Parts,
    revisions: RevisionResolver,
    pinned: Callable[[Sequence[DatasetCandidate]], list[DatasetCandidate]],
    rows: Rows,
) -> _Understood:
    """What needs the teacher: the prompt's parts, the English instruction, the model card, the candidates, their columns.

    Args:
        pinned: gives datasets their revisions, and adds those that the spec names.
        rows: of the datasets that the spec names.
    """
    report = context.reporter.progress
    async with open_teacher(context.job, stage="discover") as teacher:
        report(0, 5, "steps", "taking the prompt apart")
        parsed = _given(context.spec) or await parts.parser(teacher).parse(context.spec.prompt or "")
        report(1, 5, "steps", "finding its language")
        english = await in_english(teacher, parsed.instruction)
        report(2, 5, "steps", "describing the student")
        card = await hypothetical_card(teacher, english.text)
        report(3, 5, "steps", "searching the catalogs")
        task = Task(english.text, parsed.demonstrations, card.text)
        datasets = None if catalogs.datasets is None else parts.datasets(catalogs.datasets)
        students = parts.students(catalogs.models)
        found = await search(teacher, context.spec, task, datasets, students, revisions.licenses_of)
        report(4, 5, "steps", "reading datasets")
        candidates = await asyncio.to_thread(pinned, found.datasets)
        helping, named = teacher if context.spec.teacher is not None else None, context.job.settings.named or Named()
        licenses = context.spec.datasets.licenses
        asked = Asked(helping, english.text, parsed.demonstrations, named.dataset, rows, licenses)
        columns = await with_columns(asked, candidates, parts.rows)
        return _Understood(parsed, english, card, found, columns, teacher.spent)


def _given(spec: Prompt2ModelSpec) -> ParsedPrompt | None:
    """The prompt that comes in parts, as it is; None where it does not."""
    if spec.instruction is None:
        return None
    return ParsedPrompt(spec.instruction.strip(), tuple(spec.demonstrations), "given")


def _write_task(folder: Folder, understood: _Understood) -> None:
    parsed, english = understood.parsed, understood.english
    spoken = task_languages(english.text, english.language, parsed.demonstrations)
    task = DiscoveredTask(
        instruction=english.text,
        original_instruction=parsed.instruction,
        language=english.language,
        input_language=spoken.inputs,
        output_language=spoken.outputs,
        demonstrations=list(parsed.demonstrations),
        parsed_by=parsed.parsed_by,
        language_by=english.detected_by,
        translated=english.translated,
        notes=understood.notes,
    )
    task.write(folder)
