"""errors.jsonl: test rows where the systems differ. evaluate writes it; the report and MLflow show it."""

from __future__ import annotations

from dataclasses import dataclass

ERRORS = "errors.jsonl"


@dataclass(frozen=True)
class DifferingRow:
    """A test row with what each system answered; none where it was not asked."""

    split: str
    input: str
    reference: str
    student: str | None
    untrained: str | None
    teacher: str | None
