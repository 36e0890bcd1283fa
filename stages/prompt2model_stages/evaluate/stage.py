"""evaluate: measures student, untrained student and teacher on the test splits, and writes the golden requests.

The student comes first and the teacher, which may be away, last: what was answered lies in the folder's `partial/` or
in the journal, and the next attempt goes on from there.

Writes predictions-<split>.parquet, errors.jsonl, golden.json, card.json and scores.json.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from prompt2model_api.base import Metric, TeacherPrompt
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import PromptScore, Scores, StageOutputs
from prompt2model_api.texts import cut
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.differing_rows import ERRORS
from prompt2model_stages.evaluate.choosing import choose_metric
from prompt2model_stages.evaluate.differences import errors
from prompt2model_stages.evaluate.encoders import resolve_encoder
from prompt2model_stages.evaluate.golden import golden_requests
from prompt2model_stages.evaluate.predictions import (
    STUDENT,
    TEACHER,
    UNTRAINED,
    Answers,
    Predictions,
    sampled_rows,
    write_predictions,
)
from prompt2model_stages.golden_requests import GOLDEN, read_golden, write_golden
from prompt2model_stages.reviewed import sentence_on
from prompt2model_stages.splits import TRAIN, VALIDATION, Row, read_split
from prompt2model_stages.stage_files import DiscoveredTask, UntrainedStudent, json_lines
from prompt2model_stages.statistics_files import DataStatistics
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.encoding import StudentSettings
from prompt2model_stages.task_card import TaskCard

if TYPE_CHECKING:
    from prompt2model_stages.evaluate.metrics import RowMetric
    from prompt2model_stages.evaluate.teaching import TeacherAnswers

logger = logging.getLogger(__name__)

SCORES = "scores.json"
"""For people and other programs; the result has the same scores."""
BATCH = 16


def run(context: StageContext) -> StageOutputs:
    """One attempt of evaluate.

    Raises: StageError of the student, the encoder or the teacher; an exhausted budget is none.
    """
    from prompt2model_stages.student.devices import check_gpu

    spec, folder = context.spec, context.folder
    check_gpu(context.job.settings.resources.gpu, "evaluation.resources.gpu")
    prepared, trained = context.input("prepare"), context.input("train")
    rows = sampled_rows(prepared, spec.evaluation.max_rows, spec.seed)
    metrics, reason = _metrics(spec, rows, prepared)
    # Resolved first: an encoder that cannot be had must be found out before everything is answered and paid for.
    encoder = resolve_encoder(spec.evaluation.encoder) if Metric.BERT_SCORE in metrics else None
    bar = _Bar(context, 3 * len(rows))
    settings = StudentSettings.read(trained / "model")
    max_tokens = settings.max_output_tokens

    student = _student_answers(trained, folder, rows, prepared, max_tokens, bar)
    untrained = _untrained_answers(trained, folder, rows, settings, bar)
    load = cache(lambda: encoder.load() if encoder is not None and rows else None)
    taught, prompts = _teacher_answers(context, rows, max_tokens, bar, metrics[0], load)
    answers: Answers = {STUDENT: list(student), UNTRAINED: list(untrained), TEACHER: taught.answers}

    from prompt2model_stages.evaluate.scoring import score

    bar.say("scores")
    scores = score(rows, answers, metrics, load(), spec.seed, taught)
    write_predictions(folder, rows, answers)
    folder.write_bytes(ERRORS, json_lines(errors(rows, answers)))
    TaskCard.of(DiscoveredTask.read(context.input("discover")), _review(prepared)).write(folder)
    folder.write_json(SCORES, [score.dump() for score in scores])
    bar.full()
    return StageOutputs(
        scores=scores,
        metric_reason=reason,
        teacher_prompts=prompts or None,
        golden_requests=len(read_golden(folder)),
        notes=_notes(scores) or None,
        spent=taught.spent,
    )


def _review(prepared: Folder) -> str:
    """What a person made of the generated examples, in a sentence; empty where nothing, or where it cannot be read."""
    found = DataStatistics.read_if_whole(prepared)
    return sentence_on(found.review.counts) if found is not None and found.review is not None else ""


def _metrics(spec: Prompt2ModelSpec, rows: list[Row], prepared: Folder) -> tuple[list[Metric], str]:
    """What is measured, the metric that the gate compares unasked first, and why it does."""
    if spec.evaluation.metrics is not None:
        named = list(spec.evaluation.metrics)
        return named, f"The default metric is {named[0]}: evaluation.metrics names it first."
    training = [row.output for row in read_split(prepared, TRAIN)]
    most_telling = [row.output for row in rows if row.split == rows[0].split]
    first, why = choose_metric(most_telling, training)
    return [first, *(metric for metric in Metric if metric is not first)], why


def _notes(scores: list[Scores]) -> list[str]:
    """What a person should know beside the scores; a split says it once."""
    from prompt2model_stages.student.devices import computed, usable_device

    told = [cut(f"{score.split} test split: {score.note}", 512) for score in scores if score.note]
    if usable_device().type != "cpu":
        told.append(
            f"Student and untrained student answered on a GPU ({computed()}); on a CPU the service answers in float32."
        )
    return list(dict.fromkeys(told))


class _Bar:
    """One progress over the answers of all systems."""

    def __init__(self, context: StageContext, total: int) -> None:
        self._context, self._total, self._before, self._done = context, total, 0, 0

    def of(self, system: str) -> Callable[[int], None]:
        """Progress of one system, after those that are through."""
        self._before = self._done

        def progress(done: int) -> None:
            self._done = self._before + done
            self._context.reporter.progress(self._done, self._total, "predictions", system)

        progress(0)
        return progress

    def nothing(self, message: str) -> Callable[[int], None]:
        """Progress that counts for nothing, because these rows are counted already; it stays a sign of life."""
        return lambda done: self.say(f"{message}: {done}")

    def say(self, message: str) -> None:
        """What is being done beside answering."""
        self._context.reporter.progress(self._done, self._total, "predictions", message)

    def full(self) -> None:
        """All is done, answers that the budget did not allow included."""
        self._context.reporter.progress(self._total, self._total, "predictions", "done")


def _student_answers(
    trained: Folder, folder: Folder, rows: list[Row], prepared: Folder, max_tokens: int, bar: _Bar
) -> list[str]:
    """The student's answers; the golden requests are written on the way, while it is loaded."""
    from prompt2model_stages.student import Student
    from prompt2model_stages.student.devices import computed, usable_device

    predictions = Predictions(folder, STUDENT, [row.text for row in rows], computed())
    progress = bar.of(STUDENT)
    if predictions.done and folder.exists(GOLDEN):
        return predictions.complete(_nothing, progress)
    with (trained / "model").as_local() as model:
        student = Student.from_folder(model)
    student.put_on(usable_device())

    def answer(texts: list[str], batch_size: int) -> list[str]:
        return list(student.generate(texts, max_tokens, batch_size))

    if not folder.exists(GOLDEN):  # in fp32, on whatever device: a service on another one can then reproduce them
        candidates = rows or read_split(prepared, VALIDATION) or read_split(prepared, TRAIN)
        write_golden(folder, golden_requests(candidates, answer))
    student.lower_precision()
    return predictions.complete(lambda texts, told: student.generate(texts, max_tokens, BATCH, told), progress)


def _untrained_answers(
    trained: Folder, folder: Folder, rows: list[Row], settings: StudentSettings, bar: _Bar
) -> list[str]:
    """The answers of the student as it was before training, cut at the same lengths."""
    from prompt2model_stages.student import Student
    from prompt2model_stages.student.devices import computed, usable_device

    predictions = Predictions(folder, UNTRAINED, [row.text for row in rows], computed())
    progress = bar.of(UNTRAINED)
    if predictions.done:
        return predictions.complete(_nothing, progress)
    gc.collect()  # the student's weights, before others are loaded beside them
    origin = UntrainedStudent.read(trained)
    limits = (settings.max_input_tokens, settings.max_output_tokens)
    untrained = Student.load(origin.path or origin.name, origin.revision, *limits)
    untrained.put_on(usable_device())
    untrained.lower_precision()
    return predictions.complete(lambda texts, told: untrained.generate(texts, limits[1], BATCH, told), progress)


def _teacher_answers(
    context: StageContext, rows: list[Row], max_tokens: int, bar: _Bar, name: Metric, load: Callable[[], Any]
) -> tuple[TeacherAnswers, list[PromptScore]]:
    """The teacher's answers in the better of the ways to ask it, and how the ways compare."""
    from prompt2model_stages.evaluate.metrics import metric_of
    from prompt2model_stages.evaluate.prompting import better_answers, ways
    from prompt2model_stages.evaluate.teaching import ask_teacher

    task = DiscoveredTask.read(context.input("discover"))
    inputs, room = [row.input for row in rows], teacher_tokens(rows, max_tokens)
    progress = bar.of(TEACHER)

    def ask(prompt: TeacherPrompt, wanted: Sequence[int] | None) -> TeacherAnswers:
        told = progress if wanted is None else bar.nothing(f"{TEACHER}, {prompt}")
        return asyncio.run(ask_teacher(context.job, task, inputs, room, told, prompt, wanted, bar.say))

    def measure() -> RowMetric:
        return metric_of(name, load() if name is Metric.BERT_SCORE else None)

    return better_answers(rows, ways(context.spec, task), ask, name, measure, context.spec.seed)


LEAST_ROOM = 64
"""Tokens of the shortest limit: a short answer with a word too many is not cut, and so stays an answer."""


def teacher_tokens(rows: list[Row], student_tokens: int) -> int:
    """The longest answer allowed to the teacher: room for the longest reference in any tokenizer.

    A token has at least one byte; in a long text it has two on average, in every language and tokenizer that are used.
    """
    longest = max((len(row.output.encode()) for row in rows), default=0)
    return max(LEAST_ROOM, student_tokens, min(longest, 256 + longest // 2) + 32)


def _nothing(texts: list[str], told: Callable[[int], None]) -> list[str]:
    raise AssertionError(f"{len(texts)} texts are unanswered")
