"""evaluate: measures student, untrained student and teacher on the test splits, and writes the golden requests.

The student comes first and the teacher, which may be away, last: what was answered lies in the folder's `partial/` or
in the journal, and the next attempt goes on from there.

Writes predictions-<split>.parquet, errors.jsonl, golden.json and scores.json.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping
from typing import Any

from prompt2model_api.base import Metric
from prompt2model_api.results import StageOutputs
from prompt2model_stages.evaluate.differences import errors
from prompt2model_stages.evaluate.encoders import resolve_encoder
from prompt2model_stages.evaluate.golden import GOLDEN, golden_requests
from prompt2model_stages.evaluate.predictions import (
    STUDENT,
    TEACHER,
    UNTRAINED,
    Predictions,
    Row,
    read_rows,
    sampled_rows,
    write_lines,
    write_predictions,
)
from prompt2model_stages.stage_process import StageContext
from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

SCORES = "scores.json"
ERRORS = "errors.jsonl"
BATCH = 16


def run(context: StageContext) -> StageOutputs:
    """One attempt of evaluate.

    Raises: StageError of the student, the encoder or the teacher; an exhausted budget is none.
    """
    spec, folder = context.spec, context.folder
    prepared, trained = context.job.input("prepare"), context.job.input("train")
    metrics = list(spec.evaluation.metrics or Metric)
    # Resolved first: an encoder that cannot be had shall not be found out after everything is answered and paid for.
    encoder = resolve_encoder(spec.evaluation.encoder) if Metric.BERT_SCORE in metrics else None
    rows = sampled_rows(prepared, spec.evaluation.max_rows, spec.seed)
    bar = _Bar(context, 3 * len(rows))
    settings: Mapping[str, Any] = (trained / "model").read_json("student.json")
    max_tokens = int(settings["max_output_tokens"])

    student = _student_answers(trained, folder, rows, prepared, max_tokens, bar)
    untrained = _untrained_answers(trained, folder, rows, settings, bar)
    task = context.job.input("discover").read_json("task.json")
    taught = _teacher_answers(context, task, rows, max_tokens, bar)
    answers = {STUDENT: list(student), UNTRAINED: list(untrained), TEACHER: taught.answers}

    from prompt2model_stages.evaluate.scoring import score

    bar.say("scores")
    note = "The budget ended." if taught.budget_ended else ""
    loaded = encoder.load() if encoder is not None and rows else None
    scores = score(rows, answers, metrics, loaded, spec.seed, note)
    write_predictions(folder, rows, answers)
    write_lines(folder, ERRORS, errors(rows, answers))
    folder.write_json(SCORES, [score.dump() for score in scores])
    bar.full()
    return StageOutputs(scores=scores, golden_requests=len(folder.read_json(GOLDEN)), spent=taught.spent)


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
    predictions = Predictions(folder, STUDENT, [row.text for row in rows])
    progress = bar.of(STUDENT)
    if predictions.done and folder.exists(GOLDEN):
        return predictions.complete(_nothing, progress)
    from prompt2model_stages.student import Student

    with (trained / "model").as_local() as model:
        student = Student.from_folder(model)

    def answer(texts: list[str], batch_size: int) -> list[str]:
        return list(student.generate(texts, max_tokens, batch_size))

    answers = predictions.complete(lambda texts, told: student.generate(texts, max_tokens, BATCH, told), progress)
    candidates = rows or read_rows(prepared, "validation") or read_rows(prepared, "train")
    folder.write_json(GOLDEN, golden_requests(candidates, answer))
    return answers


def _untrained_answers(
    trained: Folder, folder: Folder, rows: list[Row], settings: Mapping[str, Any], bar: _Bar
) -> list[str]:
    """The answers of the student as it was before training, cut at the same lengths."""
    predictions = Predictions(folder, UNTRAINED, [row.text for row in rows])
    progress = bar.of(UNTRAINED)
    if predictions.done:
        return predictions.complete(_nothing, progress)
    from prompt2model_stages.student import Student

    gc.collect()  # the student's weights, before others are loaded beside them
    origin: Mapping[str, Any] = trained.read_json("untrained.json")
    limits = (int(settings["max_input_tokens"]), int(settings["max_output_tokens"]))
    untrained = Student.load(origin.get("path") or origin["name"], origin.get("revision"), *limits)
    return predictions.complete(lambda texts, told: untrained.generate(texts, limits[1], BATCH, told), progress)


def _teacher_answers(
    context: StageContext, task: Mapping[str, Any], rows: list[Row], max_tokens: int, bar: _Bar
) -> Any:
    from prompt2model_stages.evaluate.teaching import ask_teacher

    inputs = [row.input for row in rows]
    return asyncio.run(ask_teacher(context.job, task, inputs, teacher_tokens(rows, max_tokens), bar.of(TEACHER)))


def teacher_tokens(rows: list[Row], student_tokens: int) -> int:
    """The longest answer allowed to the teacher: its tokenizer may need more tokens than the student's for the same."""
    longest = max((len(row.output.encode()) for row in rows), default=0)
    return max(student_tokens, min(2 * student_tokens, longest + 8))


def _nothing(texts: list[str], told: Callable[[int], None]) -> list[str]:
    raise AssertionError(f"{len(texts)} texts are unanswered")
