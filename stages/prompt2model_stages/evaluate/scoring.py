"""From answers to scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prompt2model_api.base import Metric
from prompt2model_api.results import AnswerCounts, Interval, Scores
from prompt2model_stages.evaluate.answers import cleaned, cleaned_all
from prompt2model_stages.evaluate.encoders import TextEncoder
from prompt2model_stages.evaluate.intervals import difference, interval
from prompt2model_stages.evaluate.metrics import RowMetric, metric_of
from prompt2model_stages.evaluate.predictions import SPLITS, STUDENT, SYSTEMS, TEACHER, UNTRAINED, Answers
from prompt2model_stages.evaluate.teaching import Outcome, TeacherAnswers
from prompt2model_stages.splits import Row

TEACHER_MINIMUM = 10
"""With fewer answers than this (and fewer than the split has rows) the teacher is not measured."""
COUNTED = {"cut": Outcome.CUT, "refused": Outcome.REFUSED, "too_long": Outcome.TOO_LONG}


@dataclass(frozen=True)
class _Split:
    """One test split as it is scored.

    all_rows: places of its rows.
    used: those on which the systems are compared: of a teacher that is measured, those that it answered.
    """

    name: str
    all_rows: list[int]
    used: list[int]
    with_teacher: bool
    counts: AnswerCounts | None
    note: str

    @property
    def partial(self) -> bool:
        """Whether the teacher answered a part alone, and is measured on it."""
        return self.with_teacher and len(self.used) < len(self.all_rows)


def score(
    rows: Sequence[Row],
    answers: Answers,
    metrics: Sequence[Metric],
    encoder: TextEncoder | None,
    seed: int,
    taught: TeacherAnswers | None = None,
) -> list[Scores]:
    """The scores of all systems on each test split.

    Where the teacher answered a part of a split, all systems are compared on that part, and the note says so.

    Args:
        rows: test rows.
        answers: by system, in the order of rows; none where a row has no answer.
        metrics: what to measure.
        encoder: BERTScore's.
        seed: of the bootstrap.
        taught: what came of the teacher's rows, where it was asked.
    """
    measures = {name: metric_of(name, encoder) for name in metrics}
    made = []
    for split_name in dict.fromkeys(row.split for row in rows):
        split = _split(split_name, rows, answers, taught)
        references = [cleaned(rows[i].output) for i in split.all_rows]
        given = {s: [cleaned(answers[s][i] or "") for i in split.all_rows] for s in SYSTEMS}
        same = _same(given[STUDENT]) and not _same(references)
        for name, metric in measures.items():
            found = _measured(metric, split, given, [cleaned_all(rows[i]) for i in split.all_rows], seed)
            made.append(
                Scores(
                    split=SPLITS[split_name],
                    metric=name,
                    rows=len(split.used),
                    teacher_rows=len(split.used) if split.with_teacher else 0,
                    teacher_prompt=taught.prompt if taught and split.with_teacher else None,
                    teacher_answers=split.counts,
                    student_same=same,
                    note=split.note,
                    **found,
                )
            )
    return made


def _measured(
    metric: RowMetric, split: _Split, given: Mapping[str, list[str]], references: Sequence[Sequence[str]], seed: int
) -> dict[str, Interval]:
    """Each system's interval on the rows used, by its field in Scores, with the paired difference to the teacher."""
    places = {row: place for place, row in enumerate(split.all_rows)}
    used = [places[row] for row in split.used]
    compared = SYSTEMS if split.with_teacher else (STUDENT, UNTRAINED)
    # The student's rows beside those used are scored in the same go, so that each text is encoded once.
    figures = metric.best_rows_of({system: given[system] for system in compared}, references)
    found = {system: interval(figures[system][used], metric.aggregate, seed) for system in compared}
    if split.with_teacher:
        found["difference"] = difference(figures[STUDENT][used], figures[TEACHER][used], metric.aggregate, seed)
    if split.partial:
        found["student_all"] = interval(figures[STUDENT], metric.aggregate, seed)
    return found


def _split(name: str, rows: Sequence[Row], answers: Answers, taught: TeacherAnswers | None) -> _Split:
    all_rows = [i for i, row in enumerate(rows) if row.split == name]
    answered = [i for i in all_rows if answers[TEACHER][i] is not None]
    partial = len(answered) < len(all_rows)
    with_teacher = bool(answered) and (not partial or len(answered) >= TEACHER_MINIMUM)
    counts = _counts(rows, all_rows, taught) if taught else None
    note = _note(counts, len(answered), len(all_rows), with_teacher, taught) if partial else ""
    return _Split(name, all_rows, answered if with_teacher else all_rows, with_teacher, counts, note)


def _counts(rows: Sequence[Row], places: Sequence[int], taught: TeacherAnswers) -> AnswerCounts:
    outcomes = Counter(taught.outcomes[i] for i in places)
    said = [cleaned(taught.answers[i] or "") for i in places if taught.answers[i] is not None]
    references = [cleaned(rows[i].output) for i in places]
    most_frequent = Counter(references).most_common(1)[0][0]
    return AnswerCounts(
        asked=len(places) - outcomes[Outcome.UNASKED],
        empty=said.count(""),
        same=_same(said) and not _same(references) and said[0] not in ("", most_frequent),
        **{field: outcomes[outcome] for field, outcome in COUNTED.items()},
    )


def _same(texts: Sequence[str]) -> bool:
    """Whether at least two texts are there, and all of them are the same."""
    return len(texts) > 1 and len(set(texts)) == 1


def _note(
    counts: AnswerCounts | None, answered: int, rows: int, with_teacher: bool, taught: TeacherAnswers | None
) -> str:
    why = "The budget ended. " if taught and taught.budget_ended else ""
    if counts is not None:
        kinds = {"cut at the limit of tokens": counts.cut, "refused": counts.refused, "too long": counts.too_long}
        lost = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
        why += f"Of the teacher's answers, not measured: {lost}. " if lost else ""
    if with_teacher:
        return f"{why}All systems are compared on the {answered} of {rows} rows that the teacher answered."
    return f"{why}The teacher answered {answered} of {rows} rows and is not measured."
