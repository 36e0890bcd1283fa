"""From answers to scores."""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_api.base import Metric
from prompt2model_api.results import Interval, Scores
from prompt2model_stages.evaluate.answers import cleaned
from prompt2model_stages.evaluate.encoders import TextEncoder
from prompt2model_stages.evaluate.intervals import interval
from prompt2model_stages.evaluate.metrics import RowMetric, metric_of
from prompt2model_stages.evaluate.predictions import SPLITS, STUDENT, SYSTEMS, TEACHER, UNTRAINED, Answers, Row

TEACHER_MINIMUM = 10
"""With fewer answers than this (and fewer than the split has rows) the teacher is not measured."""


def score(
    rows: Sequence[Row],
    answers: Answers,
    metrics: Sequence[Metric],
    encoder: TextEncoder | None,
    seed: int,
    note: str = "",
) -> list[Scores]:
    """The scores of all systems on each test split.

    Where the teacher answered a part of a split, all systems are compared on that part, and the note says so.

    Args:
        rows: test rows.
        answers: by system, in the order of rows; none where a row was not asked.
        metrics: what to measure.
        encoder: BERTScore's.
        seed: of the bootstrap.
        note: why the teacher did not answer all.
    """
    measures = [(name, metric_of(name, encoder)) for name in metrics]
    scores = []
    for split in dict.fromkeys(row.split for row in rows):
        all_rows = [i for i, row in enumerate(rows) if row.split == split]
        answered = [i for i in all_rows if answers[TEACHER][i] is not None]
        partial = len(answered) < len(all_rows)
        with_teacher = bool(answered) and (not partial or len(answered) >= TEACHER_MINIMUM)
        used = answered if with_teacher else all_rows
        compared = SYSTEMS if with_teacher else (STUDENT, UNTRAINED)
        references = [cleaned(rows[i].output) for i in used]
        for name, metric in measures:
            values = {s: _interval(metric, [answers[s][i] or "" for i in used], references, seed) for s in compared}
            scores.append(
                Scores(
                    split=SPLITS[split],
                    metric=name,
                    rows=len(used),
                    student=values[STUDENT],
                    untrained=values[UNTRAINED],
                    teacher=values.get(TEACHER),
                    teacher_rows=len(used) if with_teacher else 0,
                    note=_note(note, len(answered), len(all_rows), with_teacher) if partial else "",
                )
            )
    return scores


def _note(why: str, answered: int, rows: int, with_teacher: bool) -> str:
    if with_teacher:
        return f"{why} All systems are compared on the {answered} of {rows} rows that the teacher answered."
    return f"{why} The teacher answered {answered} of {rows} rows and is not measured."


def _interval(metric: RowMetric, predictions: Sequence[str], references: Sequence[str], seed: int) -> Interval:
    computed = metric.compute(predictions=[cleaned(text) for text in predictions], references=list(references))
    return interval(computed["rows"], metric.aggregate, seed)
