"""Datasets as the hub would send them, candidates, and discover's decision on their columns."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import Choice, DatasetCandidate
from prompt2model_stages.discover.columns.choosing import Asked, WithColumns, with_columns
from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.hub_data.first_rows import media_columns
from tests.unit.discover_cases import FakeTeacher

TEXT = {"dtype": "string", "_type": "Value"}
NUMBER = {"dtype": "int64", "_type": "Value"}
LABEL = {"names": ["bad", "good"], "_type": "ClassLabel"}
ANSWERS = {"text": {"feature": TEXT, "_type": "List"}, "start": {"feature": NUMBER, "_type": "List"}}
QA = {"id": TEXT, "question": TEXT, "context": TEXT, "answers": ANSWERS}
REVIEWS = {"review_id": TEXT, "text": TEXT, "label": LABEL}
GOOD = [Demonstration(input="I liked it a lot", output="good")]


def rows_of(features: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], **other: Any) -> FirstRows:
    told = {"config": None, "split": "train", "revision": "c1", "splits": {"train": len(rows)}}
    return FirstRows(name="o/d", features=features, rows=rows, left_out=media_columns(features), **{**told, **other})


def reviews(count: int = 12, **features: Any) -> FirstRows:
    rows = [{"review_id": f"r{n}", "text": f"film {n} was fine", "label": n % 2} for n in range(count)]
    return rows_of({**REVIEWS, **features}, rows)


def questions(count: int = 12) -> FirstRows:
    rows = [
        {"id": f"{n}a", "question": f"Who is {n}?", "context": f"Ann{n} is {n}.", "answers": {"text": [f"Ann{n}"]}}
        for n in range(count)
    ]
    return rows_of(QA, rows)


def candidate(**fields: Any) -> DatasetCandidate:
    told = {"name": "o/d", "revision": "c1", "score": 1.0, "reason": "Near."}
    return DatasetCandidate.model_validate({**told, **fields})


def hand_written(**fields: Any) -> DatasetCandidate:
    return candidate(**{"recommended": True, "input_columns": ["text"], "output_column": "label", **fields})


def decided(
    found: FirstRows | Exception | Mapping[Any, Any],
    *candidates: DatasetCandidate,
    teacher: FakeTeacher | None = None,
    demonstrations: Sequence[Demonstration] = GOOD,
    named: Choice | None = None,
) -> WithColumns:
    """found: the same answer to every question, or one by (config, split)."""

    def read(
        name: str, config: str | None, split: str | None, revision: str | None, rows: int, left: float
    ) -> FirstRows:
        answer = found[config, split] if isinstance(found, Mapping) else found
        if isinstance(answer, Exception):
            raise answer
        return answer

    asked = Asked(teacher, "Is the review good?", demonstrations, named)
    return asyncio.run(with_columns(asked, candidates or (hand_written(),), read))
