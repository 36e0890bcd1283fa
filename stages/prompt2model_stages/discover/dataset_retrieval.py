"""Dataset candidates for an instruction, and which of them may be used without a person.

A wrong dataset does more harm than none, so one is recommended only where all of this holds: its description names at
least SHARED_WORDS of the instruction's words and COVERAGE of their weight, it is MARGIN times as near as the next one,
the user's demonstrations look like its rows, and its columns can be read.
tests/unit/test_discover_datasets.py measures it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import DatasetCandidate
from prompt2model_stages.catalogs.bm25 import Index
from prompt2model_stages.catalogs.catalog import DatasetEntry, datasets

SHARED_WORDS = 2
COVERAGE = 0.35
MARGIN = 1.2


class DatasetRetriever(ABC):
    """Proposes datasets."""

    @abstractmethod
    def retrieve(self, instruction: str, demonstrations: Sequence[Demonstration], most: int) -> list[DatasetCandidate]:
        """At most so many candidates, nearest first. The instruction is in English."""


class CatalogDatasetRetriever(DatasetRetriever):
    """BM25 over the descriptions of a catalog."""

    def __init__(self, entries: Sequence[DatasetEntry] | None = None) -> None:
        self._entries = list(datasets() if entries is None else entries)
        self._index = Index([entry.description for entry in self._entries])

    def retrieve(self, instruction: str, demonstrations: Sequence[Demonstration], most: int) -> list[DatasetCandidate]:
        """See DatasetRetriever. What shares no word with the instruction is left out."""
        scores = self._index.scores(instruction)
        order = sorted(
            range(len(scores)), key=lambda n: (-scores[n], -self._entries[n].downloads, self._entries[n].name)
        )
        near = [number for number in order if scores[number] > 0]
        first = self._nearness(instruction, near, scores) if near else None
        return [
            self._candidate(number, scores[number], rank, instruction, demonstrations, first)
            for rank, number in enumerate(near[:most])
        ]

    def _candidate(
        self,
        number: int,
        score: float,
        rank: int,
        instruction: str,
        demonstrations: Sequence[Demonstration],
        first: _Nearness | None,
    ) -> DatasetCandidate:
        entry = self._entries[number]
        shared = f"shares {', '.join(self._index.shared(instruction, number)[:4])}"
        if rank or first is None:
            recommended, reason = False, f"{shared}; not the nearest."
        else:
            against = first.against or _form(entry, demonstrations) or entry.usable
            recommended = not against
            verdict = f"not used unasked: {against}" if against else "near enough, and of the demonstrations' form"
            reason = f"{shared} ({first}); {verdict}."
        return DatasetCandidate(
            name=entry.name,
            config=entry.config,
            split=entry.split,
            input_columns=entry.input_columns,
            output_column=entry.output_column,
            license=entry.license,
            score=round(score, 3),
            recommended=recommended,
            reason=reason[:512],
        )

    def _nearness(self, instruction: str, near: list[int], scores: list[float]) -> _Nearness:
        best = near[0]
        next_score = scores[near[1]] if len(near) > 1 else 0.0
        return _Nearness(
            words=len(self._index.shared(instruction, best)),
            coverage=self._index.coverage(instruction, best),
            margin=scores[best] / next_score if next_score else float("inf"),
        )


@dataclass(frozen=True)
class _Nearness:
    """How near the nearest is: shared words, share of the instruction's weight, score over the next one's."""

    words: int
    coverage: float
    margin: float

    def __str__(self) -> str:
        ahead = "alone" if self.margin == float("inf") else f"{self.margin:.1f} times the next"
        return f"{self.coverage:.0%} of the instruction, {ahead}"

    @property
    def against(self) -> str:
        """What speaks against using it unasked; empty where nothing does."""
        if self.words < SHARED_WORDS or self.coverage < COVERAGE:
            return f"too little in common, {COVERAGE:.0%} and {SHARED_WORDS} words are needed"
        return f"another is about as near, {MARGIN} times is needed" if self.margin < MARGIN else ""


def _form(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """What the demonstrations say against the dataset's outputs; empty where nothing."""
    if not demonstrations:
        return "without demonstrations nobody knows whether its outputs are wanted"
    if (other := next((d.output for d in demonstrations if not entry.answers_like(d.output)), None)) is not None:
        return f"its outputs do not look like {other[:40]!r}"
    strange = [d.input for d in demonstrations if not entry.asks_like(d.input)]
    if len(strange) * 2 > len(demonstrations):  # people vary their inputs more than a dataset does
        return f"its inputs do not look like {strange[0][:40]!r}"
    return ""
