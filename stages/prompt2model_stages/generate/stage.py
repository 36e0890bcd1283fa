"""generate: lets the teacher write as many unique, labelled examples as the spec wants.

Reads task.json of discover. Writes examples.jsonl and statistics.json. What the teacher answered lies in the journal,
so a killed attempt needs nothing in this folder to go on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, replace

from prompt2model_api.results import StageOutputs
from prompt2model_api.spec.teacher import TeacherSpec, changing_answers
from prompt2model_api.stage_run import STARTING_RAY
from prompt2model_api.texts import cut
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.catalogs.language_names import NAMES
from prompt2model_stages.examples import EXAMPLES, Pair, VotedExample
from prompt2model_stages.generate.actor import generate_in_actor
from prompt2model_stages.generate.base import LEAST_YIELD, Counts, DatasetGenerator, Generated, Order, Progress, Task
from prompt2model_stages.generate.validating import told
from prompt2model_stages.parts import NamedPart, named_part
from prompt2model_stages.ray_session import ray_session
from prompt2model_stages.reporting import so_far
from prompt2model_stages.stage_files import DiscoveredTask, json_line
from prompt2model_stages.statistics_files import GenerationStatistics

EMBEDDED_COMPLETIONS = 4
"""Of one prompt, in parallel: reading a prompt costs the embedded teacher three times as much as writing an example."""
CURVE_POINTS = 100
ENGLISH = "en"
LONGEST_NOTE = 512
"""Characters of a note in a result."""


def run(context: StageContext) -> StageOutputs:
    """One attempt of generate.

    Raises: StageError of the teacher; Blocked, TeacherAnswersGarbage, where it gives next to no examples.
    """
    part = named_part("generator", context.spec.parts, DatasetGenerator)  # before Ray is started
    in_languages = context.spec.generation.language == "Auto"
    task = task_of(DiscoveredTask.read(context.input("discover")), in_languages)
    order = order_of(context, task, part)
    done, _ = so_far(context.folder, "examples", order.examples)
    context.reporter.progress(done, order.examples, "examples", STARTING_RAY)
    with ray_session(context):
        context.reporter.progress(done, order.examples, "examples", "asking the teacher")
        generated = generate_in_actor(context.job, task, order, _Watch(context))
    return write(context, generated)


def task_of(task: DiscoveredTask, in_languages: bool = False) -> Task:
    """The task as discover left it.

    Args:
        task: as in task.json.
        in_languages: whether the teacher is shown the instruction as it was written, and told the languages to write in. Older
            files name none; for tasks in English nothing is different.
    """
    made = Task(task.instruction, tuple(Pair(shown.input, shown.output) for shown in task.demonstrations))
    if not in_languages or task.input_language is None or task.output_language is None:
        return made
    foreign = bool(task.original_instruction) and task.language in NAMES and task.language != ENGLISH
    return replace(
        made,
        written=task.original_instruction if foreign else "",
        written_in=NAMES[task.language] if foreign else "",
        inputs_in=NAMES.get(task.input_language, ""),
        outputs_in=NAMES.get(task.output_language, ""),
    )


def order_of(context: StageContext, task: Task, part: NamedPart | None) -> Order:
    """What the spec orders. The embedded teacher writes one example a completion: it is too weak for more.

    Args:
        part: what writes in place of the built-in generator. Its answers are kept apart from those of its other versions.
    """
    generation, teacher = context.spec.generation, context.spec.teacher
    strong = {} if teacher is not None else {"examples_per_answer": 1, "completions": EMBEDDED_COMPLETIONS}
    return Order(
        examples=generation.examples,
        coolest=generation.temperature.from_,
        hottest=generation.temperature.to,
        outputs_per_input=generation.outputs_per_input,
        on_disagreement=generation.further_outputs == "OnDisagreement",
        drop_near_duplicates=generation.near_duplicates == "Drop",
        least_yield=LEAST_YIELD if generation.least_yield is None else generation.least_yield,
        validate=generation.validate_ == "Auto",
        seed=context.spec.seed,
        group=task.group(_named(teacher) + (f" {part.pinned}" if part is not None else "")),
        **strong,
    )


def _named(teacher: TeacherSpec | None) -> str:
    """The teacher with all that changes its answers."""
    if teacher is None:
        return "embedded"
    extra = changing_answers(teacher)
    name = f"{teacher.base_url} {teacher.model}"
    return f"{name} {json.dumps(extra, sort_keys=True)}" if extra else name


def write(context: StageContext, generated: Generated) -> StageOutputs:
    """Writes both files and sums them up. The same journal gives the same examples.jsonl, byte by byte."""
    whole, agreement = hashlib.sha256(), Counter[str]()
    with context.folder.writing(EXAMPLES) as stream:
        for example in generated.examples:
            line = json_line(example)
            whole.update(line)
            stream.write(line)
            agreement[_agreement(example)] += 1
    GenerationStatistics(
        **asdict(generated.counts),
        unique=len(generated.examples),
        wanted=context.spec.generation.examples,
        shortfall=generated.shortfall,
        **agreement,
        duplicates_over_time=list(generated.duplicates_over_time),
    ).write(context.folder)
    return StageOutputs(
        examples=len(generated.examples),
        examples_sha256=whole.hexdigest(),
        duplicates=generated.counts.duplicates,
        notes=_notes(generated) or None,
        parts={"generator": generated.part} if generated.part is not None else None,
        spent=generated.spent,
    )


def _notes(generated: Generated) -> list[str]:
    """What a person should know of the examples, a sentence each."""
    counts = generated.counts
    notes = [generated.shortfall] if generated.shortfall else []
    if counts.invalid:
        notes.append(
            f"{sum(counts.invalid.values()):,} of {counts.written:,} examples that the teacher wrote were left out as no examples "
            f"of the task ({told(counts.invalid)}): statistics.json shows one of each kind."
        )
    return [cut(note, LONGEST_NOTE) for note in notes]


def _agreement(example: VotedExample) -> str:
    """The field of the statistics that counts an example by the votes for its output."""
    if example.votes == example.of:
        return "unanimous"
    return "by_majority" if 2 * example.votes > example.of else "no_majority"


def _said(counts: Counts) -> str:
    """What became of the teacher's answers so far, in a line."""
    said = f"{counts.duplicates} duplicates, {counts.malformed} unreadable"
    if counts.invalid:
        said += f", {sum(counts.invalid.values())} invalid"
    if counts.near_duplicates:
        said += f", {100 * counts.near_duplicates / counts.written:.1f} % near-duplicates dropped"
    return said


class _Watch:
    """Hands progress on to the reporter, and the curves in at most CURVE_POINTS points."""

    def __init__(self, context: StageContext) -> None:
        self._reporter = context.reporter
        self._last = -1

    def __call__(self, progress: Progress) -> None:
        counts = progress.counts
        message = progress.message or _said(counts)
        if progress.waiting and not progress.message:
            message = f"{progress.waiting}; {message}"
        self._reporter.progress(progress.done, progress.total, "examples", message)
        ended = progress.unique >= progress.total or bool(progress.message)
        due = counts.answers >= self._last + max(1, progress.total // CURVE_POINTS) or ended
        if counts.answers > max(self._last, 0) and due:
            self._last = counts.answers
            curves = {"generate/unique": float(progress.unique), "generate/duplicates": float(counts.duplicates)}
            self._reporter.metrics(counts.answers, curves)
