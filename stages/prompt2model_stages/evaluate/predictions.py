"""Test rows, and what each system answered: kept in small files as it comes, so that a killed attempt loses little."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from prompt2model_stages.splits import Row, parquet, read_split, test_split
from prompt2model_stages.storage import Folder

SplitName = Literal["Own", "Retrieved", "Transformed", "Generated"]
SPLITS: dict[str, SplitName] = {
    test_split("own"): "Own",
    test_split("retrieved"): "Retrieved",
    test_split("transformed"): "Transformed",
    test_split("generated"): "Generated",
}
"""prepare's name of the split, and its name in Scores; the most telling evidence first."""

STUDENT, UNTRAINED, TEACHER = "student", "untrained", "teacher"
SYSTEMS = (STUDENT, UNTRAINED, TEACHER)
Answers = dict[str, list[str | None]]
"""By system, in the order of the test rows; none where a row was not asked."""

Generate = Callable[[list[str], Callable[[int], None]], list[str]]

_TEXTS = TypeAdapter(list[str])

CHUNK = 64
"""Answers a file: so many are lost at most when an attempt is killed."""


def sampled_rows(prepared: Folder, most: int, seed: int) -> list[Row]:
    """The test splits' rows, at most so many of each; drawn with the seed, each row alike. The user's own split first."""
    rows: list[Row] = []
    for name in SPLITS:
        found = read_split(prepared, name)
        drawn: Sequence[int] = range(len(found))
        if len(found) > most:
            # As they come: rows added for seldom labels would make the score another than the split's.
            drawn = sorted(random.Random(f"{seed}:{name}").sample(drawn, most))
        rows += [found[i] for i in drawn]
    return rows


class Predictions:
    """One system's answers to the texts, in their order, filled in pieces.

    computed: on which device and in which precision; answers of an attempt that had another are not mixed with these.
    """

    def __init__(self, folder: Folder, system: str, texts: Sequence[str], computed: str = "") -> None:
        self._folder = folder / "partial"
        self._system = system
        self._texts = texts
        self._key = hashlib.sha256(json.dumps([*texts, computed]).encode()).hexdigest()[:8]

    def complete(self, generate: Generate, progress: Callable[[int], None]) -> list[str]:
        """Answers to all texts: those of earlier attempts, and `generate`'s, written a chunk at a time.

        Args:
            generate: answers to some texts; it tells how many of them it has.
            progress: told how many are there.
        """
        answers: list[str] = []
        for name, chunk in self._chunks():
            if (kept := self._kept(name, chunk)) is not None:
                answers += kept
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
        return all(self._kept(name, chunk) is not None for name, chunk in self._chunks())

    def _chunks(self) -> Iterator[tuple[str, list[str]]]:
        """The texts that share a file, with its name."""
        for start in range(0, len(self._texts), CHUNK):
            yield f"{self._system}-{self._key}-{start:06d}.json", list(self._texts[start : start + CHUNK])

    def _kept(self, name: str, chunk: Sequence[str]) -> list[str] | None:
        """The chunk's answers of an earlier attempt; None where there are none, or the file is not whole."""
        try:
            found = _TEXTS.validate_json(self._folder.read_bytes(name))
        except (FileNotFoundError, ValidationError):
            return None
        return found if len(found) == len(chunk) else None


def write_predictions(folder: Folder, rows: Sequence[Row], answers: Answers) -> None:
    """Writes predictions-<split>.parquet: input, reference and the systems' answers, null where one was not asked."""
    for name in dict.fromkeys(row.split for row in rows):
        wanted = [i for i, row in enumerate(rows) if row.split == name]
        columns: dict[str, list[str | None]] = {
            "input": [rows[i].input for i in wanted],
            "reference": [rows[i].output for i in wanted],
            **{system: [answers[system][i] for i in wanted] for system in SYSTEMS},
        }
        folder.write_bytes(f"predictions-{name}.parquet", parquet(columns))
