"""Dataset candidates for an instruction, and which of them may be used without a person.

A wrong dataset does more harm than none, so one is recommended only where all of this holds: its description names at
least SHARED_WORDS of the instruction's words and COVERAGE of their weight, it is MARGIN times as near as the next one,
the user's demonstrations look like its rows (in both languages, where it translates), and its columns can be read.
tests/unit/test_discover_datasets.py measures it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import DatasetCandidate
from prompt2model_api.texts import cut
from prompt2model_stages.catalogs.catalog import datasets
from prompt2model_stages.catalogs.entries import DatasetEntry
from prompt2model_stages.catalogs.search import MemoryIndex
from prompt2model_stages.discover.languages import NAMES, detect

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
        self._index = MemoryIndex([entry.description for entry in self._entries])

    def retrieve(self, instruction: str, demonstrations: Sequence[Demonstration], most: int) -> list[DatasetCandidate]:
        """See DatasetRetriever. What shares no word with the instruction is left out."""
        scores = self._index.scores(instruction).tolist()
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
        shared = f"Its description shares {self._index.shown(instruction, number)} with your task"
        if rank or first is None:
            recommended, reason = False, f"{shared}; another one is nearer."
        else:
            against = first.against or _form(entry, demonstrations) or entry.usable
            recommended = not against
            near = "more than any other's does"
            fits = f"{shared}, {near}, and your examples fit it."
            reason = f"{shared}, {near}, but it is not used unasked: {against}." if against else fits
        return DatasetCandidate(
            name=entry.name,
            config=entry.config,
            split=entry.split,
            input_columns=entry.input_columns,
            output_column=entry.output_column,
            license=entry.license,
            score=round(score, 3),
            recommended=recommended,
            reason=cut(reason, 512),
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

    @property
    def against(self) -> str:
        """What speaks against using it unasked; empty where nothing does."""
        if self.words < SHARED_WORDS or self.coverage < COVERAGE:
            return f"too much of your task ({1 - self.coverage:.0%}) is missing from it"
        return "the next one is about as near" if self.margin < MARGIN else ""


def _form(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """What the demonstrations say against the dataset's outputs; empty where nothing."""
    if not demonstrations:
        return "without demonstrations in the prompt, nobody can tell whether its outputs are what you want"
    if (other := next((d.output for d in demonstrations if not entry.answers_like(d.output)), None)) is not None:
        return f"its outputs do not look like {other[:40]!r}"
    if (
        entry.extractive
        and (new := next((d.output for d in demonstrations if d.output not in d.input), None)) is not None
    ):
        return f"its outputs are parts of their inputs, and {new[:40]!r} is none"
    strange = [d.input for d in demonstrations if not entry.asks_like(d.input)]
    if len(strange) * 2 > len(demonstrations):  # people vary their inputs more than a dataset does
        return f"its inputs do not look like {strange[0][:40]!r}"
    return _direction(entry, demonstrations) if entry.translates else ""


def _direction(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """What the demonstrations' languages say against a translation dataset: words alone do not tell from and into."""
    assert entry.translates is not None
    texts = "\n".join(d.input for d in demonstrations), "\n".join(d.output for d in demonstrations)
    sure = [(detect(text), wanted) for text, wanted in zip(texts, entry.translates, strict=True)]
    if all(found.sure and found.code == wanted for found, wanted in sure):
        return ""
    from_, into = (NAMES.get(code, code) for code in entry.translates)
    return f"it translates from {from_} into {into}, and your demonstrations do not plainly do that"
