"""The table of errors: what a person looks at to see how the student fails."""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_stages.differing_rows import DifferingRow
from prompt2model_stages.evaluate.answers import cleaned, cleaned_all
from prompt2model_stages.evaluate.predictions import SPLITS, STUDENT, TEACHER, UNTRAINED, Answers
from prompt2model_stages.splits import Row

ERRORS_SHOWN = 200


def errors(rows: Sequence[Row], answers: Answers) -> list[DifferingRow]:
    """Rows where the student is wrong or differs from the teacher: at most ERRORS_SHOWN, the student's errors first."""
    wrong, differing = [], []
    for i, row in enumerate(rows):
        student, teacher = answers[STUDENT][i], answers[TEACHER][i]
        entry = DifferingRow(SPLITS[row.split], row.input, row.output, student, answers[UNTRAINED][i], teacher)
        if cleaned(student or "") not in cleaned_all(row):
            wrong.append(entry)
        elif teacher is not None and cleaned(student or "") != cleaned(teacher):
            differing.append(entry)
    half = ERRORS_SHOWN // 2
    shown = wrong[: max(half, ERRORS_SHOWN - len(differing))]
    return shown + differing[: ERRORS_SHOWN - len(shown)]
