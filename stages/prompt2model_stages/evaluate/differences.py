"""The table of errors: what a person looks at to see how the student fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prompt2model_stages.evaluate.answers import cleaned
from prompt2model_stages.evaluate.predictions import SPLITS, STUDENT, SYSTEMS, TEACHER, Answers, Row

ERRORS_SHOWN = 200


def errors(rows: Sequence[Row], answers: Answers) -> list[dict[str, Any]]:
    """Rows where the student is wrong or differs from the teacher: at most ERRORS_SHOWN, the student's errors first."""
    wrong, differing = [], []
    for i, row in enumerate(rows):
        given = {system: answers[system][i] for system in SYSTEMS}
        student, teacher = cleaned(given[STUDENT] or ""), given[TEACHER]
        entry = {"split": SPLITS[row.split], "input": row.input, "reference": row.output, **given}
        if student != cleaned(row.output):
            wrong.append(entry)
        elif teacher is not None and student != cleaned(teacher):
            differing.append(entry)
    half = ERRORS_SHOWN // 2
    shown = wrong[: max(half, ERRORS_SHOWN - len(differing))]
    return shown + differing[: ERRORS_SHOWN - len(shown)]
