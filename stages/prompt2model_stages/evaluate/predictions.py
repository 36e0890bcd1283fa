"""Test rows, and what each system answered: kept in small files as it comes, so that a killed attempt loses little."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from prompt2model_stages.examples import Pair
from prompt2model_stages.storage import Folder

SplitName = Literal["Own", "Retrieved", "Generated"]
SPLITS: dict[str, SplitName] = {f"test-{name.lower()}": name for name in get_args(SplitName)}
"""File name in prepare's folder, and the split's name in Scores; the most telling evidence first."""

STUDENT, UNTRAINED, TEACHER = "student", "untrained", "teacher"
SYSTEMS = (STUDENT, UNTRAINED, TEACHER)
Answers = dict[str, list[str | None]]
"""By system, in the order of the test rows; none where a row was not asked."""

Generate = Callable[[list[str], Callable[[int], None]], list[str]]

CHUNK = 64
"""Answers a file: so many are lost at most when an attempt is killed."""


@dataclass(frozen=True, kw_only=True)
class Row(Pair):
    """A row of a test split.

    text: the input as the student is given it.
    """

    split: str
    text: str


def sampled_rows(prepared: Folder, most: int, seed: int) -> list[Row]:
    """The test splits' rows, at most so many of each, drawn with the seed; the user's own split first."""
    rows: list[Row] = []
    for name in SPLITS:
        if prepared.exists(f"{name}.parquet"):
            found = read_rows(prepared, name)
            drawn = range(len(found))
            if len(found) > most:
                drawn = sorted(random.Random(f"{seed}:{name}").sample(drawn, most))  # type: ignore[assignment]
            rows += [found[i] for i in drawn]
    return rows


def read_rows(prepared: Folder, split: str) -> list[Row]:
    """All rows of one of prepare's splits, in its order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = prepared.read_bytes(f"{split}.parquet")
    table = pq.read_table(pa.BufferReader(content), columns=["input", "text", "output"])
    return [Row(row["input"], row["output"], split=split, text=row["text"]) for row in table.to_pylist()]


class Predictions:
    """One system's answers to the texts, in their order, filled in pieces."""

    def __init__(self, folder: Folder, system: str, texts: Sequence[str]) -> None:
        self._folder = folder / "partial"
        self._system = system
        self._texts = texts
        self._key = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()[:8]

    def complete(self, generate: Generate, progress: Callable[[int], None]) -> list[str]:
        """Answers to all texts: those of earlier attempts, and `generate`'s, written a chunk at a time.

        Args:
            generate: answers to some texts; it tells how many of them it has.
            progress: told how many are there.
        """
        answers: list[str] = []
        for start in range(0, len(self._texts), CHUNK):
            chunk = list(self._texts[start : start + CHUNK])
            name = f"{self._system}-{self._key}-{start:06d}.json"
            if self._folder.exists(name):
                answers += self._folder.read_json(name)
            else:
                before = len(answers)
                made = generate(chunk, lambda done, before=before: progress(before + done))  # type: ignore[misc]
                self._folder.write_json(name, made)
                answers += made
            progress(len(answers))
        return answers

    @property
    def done(self) -> bool:
        """Whether nothing is left to generate."""
        names = (f"{self._system}-{self._key}-{start:06d}.json" for start in range(0, len(self._texts), CHUNK))
        return all(self._folder.exists(name) for name in names)


def write_predictions(folder: Folder, rows: Sequence[Row], answers: Answers) -> None:
    """Writes predictions-<split>.parquet: input, reference and the systems' answers, null where one was not asked."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in dict.fromkeys(row.split for row in rows):
        wanted = [i for i, row in enumerate(rows) if row.split == name]
        columns: dict[str, list[Any]] = {
            "input": [rows[i].input for i in wanted],
            "reference": [rows[i].output for i in wanted],
            **{system: [answers[system][i] for i in wanted] for system in SYSTEMS},
        }
        table = pa.table(columns, schema=pa.schema([(column, pa.string()) for column in columns]))
        sink = io.BytesIO()
        pq.write_table(table, sink)
        folder.write_bytes(f"predictions-{name}.parquet", sink.getvalue())


def write_lines(folder: Folder, name: str, rows: Iterable[dict[str, Any]]) -> None:
    """Writes JSON lines."""
    folder.write_bytes(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
