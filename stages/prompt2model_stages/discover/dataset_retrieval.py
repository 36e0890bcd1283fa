"""Dataset candidates for an instruction, and which of them may be used without a person.

A wrong dataset does more harm than none, so one is recommended only where all of this holds: its description names at
least SHARED_WORDS of the instruction's words and COVERAGE of their weight, it is MARGIN times as near as the next one,
and permission.py has no objection: it holds the user's demonstrations against what is known of the dataset's rows.
tests/unit/test_discover_datasets.py measures it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import DatasetCandidate
from prompt2model_api.texts import cut
from prompt2model_stages.catalogs.entries import DatasetEntry
from prompt2model_stages.catalogs.opening import Catalog, Entries
from prompt2model_stages.catalogs.search import (
    DenseIndex,
    EncoderUnusable,
    FusedIndex,
    IndexUnusable,
    LexicalIndex,
    MemoryIndex,
    open_lexical,
)
from prompt2model_stages.catalogs.search.protocol import Scores, nearest
from prompt2model_stages.catalogs.shipped_vectors import open_dense
from prompt2model_stages.discover.permission import differs_in_form_alone, objection

SHARED_WORDS = 2
COVERAGE = 0.35
MARGIN = 1.2
TIED = 100
"""The nearest rows, which are put in order by their downloads where they are equally near."""


class DatasetRetriever(ABC):
    """Proposes datasets."""

    notes: Sequence[str] = ()
    """What a person should know of how it searches."""

    @abstractmethod
    def retrieve(
        self, instruction: str, demonstrations: Sequence[Demonstration], most: int, keyphrases: str = ""
    ) -> list[DatasetCandidate]:
        """At most so many candidates, nearest first.

        Args:
            instruction: in English.
            demonstrations: of the task.
            most: candidates.
            keyphrases: what the task and its data are, in a few words; empty where nobody knows them.
        """

    def description(self, candidate: DatasetCandidate) -> str:
        """The description of a candidate, for the teacher; empty where there is none."""
        return ""


class CatalogDatasetRetriever(DatasetRetriever):
    """Searches the texts of a catalog: by words, and by meaning where the catalog has vectors.

    Only an entry that is written by hand may be used unasked. Whether one may is decided among these alone, so that what a
    larger catalog lists beside them changes nothing; where one is near enough, it stands first.
    """

    def __init__(
        self,
        entries: Entries[DatasetEntry],
        index: LexicalIndex,
        dense: DenseIndex | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self._entries, self._index, self._dense, self.notes = entries, index, dense, notes
        self._rows: dict[tuple[str, str | None], int] = {}
        texts, by_hand = entries.column("description"), entries.column("hand_written")
        self._downloads, self._names = entries.column("downloads"), entries.column("name")
        self._known = [number for number, is_known in enumerate(by_hand) if is_known]
        self._known_index = MemoryIndex([texts[number] for number in self._known])

    @classmethod
    def of(cls, catalog: Catalog[DatasetEntry]) -> CatalogDatasetRetriever:
        """The retriever of a catalog. Vectors that do not serve are left out, with a note."""
        lexical = open_lexical(catalog)
        try:
            return cls(catalog.entries, lexical, open_dense(catalog))
        except (IndexUnusable, EncoderUnusable) as error:
            return cls(catalog.entries, lexical, notes=[f"The datasets are searched by words alone: {error}"])

    def retrieve(
        self, instruction: str, demonstrations: Sequence[Demonstration], most: int, keyphrases: str = ""
    ) -> list[DatasetCandidate]:
        """See DatasetRetriever. By words alone, what shares no word with the instruction or the keyphrases is left out."""
        if self._dense is None and not keyphrases:
            scores = self._index.scores(instruction)
        else:
            scores = FusedIndex(self._index, self._dense).scores(instruction, keyphrases)
        if self._dense is None:  # a fused score is relative to the others: it does not tell whether a word is shared
            rows = sorted({*self._sharing(instruction), *self._sharing(keyphrases)})
        else:
            rows = [hit.row for hit in nearest(scores, max(most, TIED))]
        near = self._ordered(rows, scores)
        best = self._best_known(instruction)
        if best is not None and not best.against:
            near = [best.number, *(number for number in near if number != best.number)]
        found = [
            self._candidate(
                number, float(scores[number]), instruction, self._verdict(number, rank, best, demonstrations)
            )
            for rank, number in enumerate(near[:most])
        ]
        if found and best is not None and self._is_another_form(near[0], best, demonstrations):
            found[0] = found[0].model_copy(update={"transformable": True})
        for rank, number in enumerate(near[:most]):
            if self._is_combinable(number, instruction, demonstrations):
                found[rank] = found[rank].model_copy(update={"combinable": True})
        return found

    def description(self, candidate: DatasetCandidate) -> str:
        """See DatasetRetriever."""
        return self._entries[self._rows[candidate.name, candidate.config]].description

    def _sharing(self, text: str) -> list[int]:
        return [number for number, score in enumerate(self._index.scores(text)) if score > 0] if text else []

    def _ordered(self, numbers: list[int], scores: Mapping[int, float] | Scores) -> list[int]:
        return sorted(numbers, key=lambda n: (-scores[n], -self._downloads[n], self._names[n]))

    def _best_known(self, instruction: str) -> _Nearness | None:
        """How near the nearest entry is that is written by hand; None where none shares a word."""
        found = self._known_index.scores(instruction)
        scores = dict(zip(self._known, found, strict=True))
        order = self._ordered([number for number, score in scores.items() if score > 0], scores)
        if not order:
            return None
        best, row = order[0], self._known.index(order[0])
        next_score = scores[order[1]] if len(order) > 1 else 0.0
        return _Nearness(
            number=best,
            words=len(self._known_index.shared(instruction, row)),
            coverage=self._known_index.coverage(instruction, row),
            margin=scores[best] / next_score if next_score else float("inf"),
        )

    def _verdict(
        self, number: int, rank: int, best: _Nearness | None, demonstrations: Sequence[Demonstration]
    ) -> str | None:
        """What speaks against using an entry unasked; empty where nothing does; None where another one is nearer."""
        if rank:
            return None
        entry = self._entries[number]
        if not entry.hand_written or best is None or best.number != number:
            return "no one has checked its columns, and what its outputs look like"
        return best.against or objection(entry, demonstrations)

    def _is_combinable(self, number: int, instruction: str, demonstrations: Sequence[Demonstration]) -> bool:
        """Whether an entry may be used beside another one: near enough, and nothing speaks against it but that neighbour."""
        if number not in self._known:
            return False
        row = self._known.index(number)
        shares = len(self._known_index.shared(instruction, row)) >= SHARED_WORDS
        covers = shares and self._known_index.coverage(instruction, row) >= COVERAGE
        return covers and not objection(self._entries[number], demonstrations)

    def _is_another_form(self, number: int, best: _Nearness, demonstrations: Sequence[Demonstration]) -> bool:
        """Whether an entry is near enough to be used, and nothing but its form speaks against it."""
        return (
            best.number == number and not best.against and differs_in_form_alone(self._entries[number], demonstrations)
        )

    def _candidate(self, number: int, score: float, instruction: str, against: str | None) -> DatasetCandidate:
        entry = self._entries[number]
        self._rows[entry.name, entry.config] = number
        words = self._shown(instruction, number)
        shared = f"Its description shares {words} with your task" if words else "Its description is near your task"
        if against is None:
            reason = f"{shared}; another one is nearer."
        elif against:
            reason = f"{shared}, more than any other's does, but it is not used unasked: {against}."
        else:
            reason = f"{shared}, more than any other's does, and your examples fit it."
        return DatasetCandidate(
            name=entry.name,
            config=entry.config,
            split=entry.split,
            input_columns=entry.input_columns,
            output_column=entry.output_column,
            license=entry.license,
            score=round(score, 3),
            recommended=against == "",
            reason=cut(reason, 512),
        )

    def _shown(self, instruction: str, number: int) -> str:
        if number in self._known and (words := self._known_index.shown(instruction, self._known.index(number))):
            return words
        return self._index.shown(instruction, number)


@dataclass(frozen=True)
class _Nearness:
    """How near the nearest is: its row, shared words, share of the instruction's weight, score over the next one's."""

    number: int
    words: int
    coverage: float
    margin: float

    @property
    def against(self) -> str:
        """What speaks against using it unasked; empty where nothing does."""
        if self.words < SHARED_WORDS or self.coverage < COVERAGE:
            return f"too much of your task ({1 - self.coverage:.0%}) is missing from it"
        return "the next one is about as near" if self.margin < MARGIN else ""
