"""Student candidates: BM25 x log(downloads + 1) against a hypothetical model card that the teacher writes (HyDE), behind facts.

How far a model fits by its facts (student_facts) goes before that score.

Source: Viswanathan et al., Prompt2Model (2023), section 3.4; Gao et al., Precise Zero-Shot Dense Retrieval (2022).
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prompt2model_api.base import Architecture
from prompt2model_api.licenses import license_objection
from prompt2model_api.results import StudentCandidate
from prompt2model_api.texts import cut
from prompt2model_stages.catalogs.entries import ModelEntry
from prompt2model_stages.catalogs.opening import Catalog, Entries
from prompt2model_stages.catalogs.search import LexicalIndex, MemoryIndex, open_lexical
from prompt2model_stages.catalogs.search.protocol import Scores
from prompt2model_stages.discover.asking import Asks, asked
from prompt2model_stages.discover.licensed import SHOWN
from prompt2model_stages.discover.student_facts import Fit, Judged, TaskFacts, judge, marks, task_facts
from prompt2model_stages.teacher.requests import TeacherRequest

MOST = 25
MOST_KNOWN = 5
"""So many entries that are written by hand come first, where their facts do not speak against them."""
JUDGED = 500
"""So many of the highest score are judged by their facts, beside those that are written by hand."""
FEWEST_WORDS = 12
LEAST_VARIETY = 0.35
"""Different words over words: below it, the teacher went round in circles."""

_SHOWN_TASK = "Translate a sentence from English into German."
_SHOWN_CARD = (
    "This model translates English text into German. It is a sequence-to-sequence transformer, pretrained on parallel "
    "corpora and fine-tuned for machine translation of sentences."
)


@dataclass(frozen=True)
class HypotheticalCard:
    """The description of a model that would fit. note: why it is empty, where it is."""

    text: str
    note: str = ""


class StudentRetriever(ABC):
    """Proposes students."""

    hub_licenses: Mapping[str, str] = {}
    """What the hub says of licenses today, by the names of models: set before retrieve is called again, where a list is given."""

    @abstractmethod
    def retrieve(
        self,
        query: str,
        architectures: Sequence[Architecture],
        max_bytes: int,
        task: TaskFacts | None = None,
        licenses: Sequence[str] | None = None,
    ) -> list[StudentCandidate]:
        """Candidates of these architectures within the size, best first.

        Args:
            query: the instruction in English, and a hypothetical model card.
            architectures: the families.
            max_bytes: of the weights.
            task: None to read it off the query.
            licenses: SPDX identifiers of those that may be used, for enough of them to be proposed; None: any.
        """

    def description(self, candidate: StudentCandidate) -> str:
        """The description of a candidate, for the teacher; empty where there is none."""
        return ""

    def standing(self, candidate: StudentCandidate, task: TaskFacts) -> tuple[Fit, bool]:
        """How far a candidate fits by its facts, and whether it is written by hand: the teacher orders only among equals."""
        return Fit.UNKNOWN_TASK, False


class CatalogStudentRetriever(StudentRetriever):
    """BM25 over the searched texts of a catalog, weighted by downloads.

    The first candidate is used unasked, so the first ones are entries that are written by hand.
    """

    def __init__(self, entries: Entries[ModelEntry], index: LexicalIndex) -> None:
        self._entries, self._index = entries, index
        self._downloads, self._names = entries.column("downloads"), entries.column("name")
        self._architectures, self._sizes = entries.column("architecture"), entries.column("size_bytes")
        texts, by_hand = entries.column("description"), entries.column("hand_written")
        self._known = [number for number, is_known in enumerate(by_hand) if is_known]
        self._known_index = MemoryIndex([texts[number] for number in self._known])

    @classmethod
    def of(cls, catalog: Catalog[ModelEntry]) -> CatalogStudentRetriever:
        """The retriever of a catalog."""
        return cls(catalog.entries, open_lexical(catalog))

    def retrieve(
        self,
        query: str,
        architectures: Sequence[Architecture],
        max_bytes: int,
        task: TaskFacts | None = None,
        licenses: Sequence[str] | None = None,
    ) -> list[StudentCandidate]:
        """See StudentRetriever. Where nothing shares a word with the query, the most downloaded of those that fit come first."""
        near, task = self._index.scores(query), task or task_facts(query)
        known = dict(zip(self._known, self._known_index.scores(query), strict=True))
        fitting = [
            number
            for number, (architecture, size) in enumerate(zip(self._architectures, self._sizes, strict=True))
            if architecture in architectures and size <= max_bytes
        ]
        known_as = self._entries.column("license") if licenses is not None else []
        forbidden = {
            number
            for number in fitting
            if known_as
            and license_objection(self.hub_licenses.get(self._names[number], known_as[number]), licenses, "")
        }
        allowed = self._best([number for number in fitting if number not in forbidden], near, known, task)
        shown = (
            self._best([number for number in fitting if number in forbidden], near, known, task) if forbidden else []
        )
        few = max(SHOWN, MOST - len(allowed))
        order = [*allowed[: MOST - len(shown[:few])], *shown[:few]]
        return [self._candidate(query, self._score(n, near), n, judged) for n, judged in order]

    def _best(
        self, fitting: Sequence[int], near: Scores, known: Mapping[int, float], task: TaskFacts
    ) -> list[tuple[int, Judged]]:
        """The first MOST of these entries."""
        by_hand = self._ordered([number for number in fitting if number in known], known)
        judged = {
            number: judge(task, self._entries[number]) for number in {*by_hand, *self._ordered(fitting, near)[:JUDGED]}
        }
        first = sorted(by_hand, key=lambda n: judged[n].fit)[:MOST_KNOWN]
        best = [number for number in first if judged[number].fit <= Fit.UNKNOWN_TASK]
        others = [number for number in self._ordered(judged, near) if number not in best]
        order = [*best, *sorted(others, key=lambda n: judged[n].fit)]
        return [(n, judged[n]) for n in order[:MOST]]

    def description(self, candidate: StudentCandidate) -> str:
        """See StudentRetriever."""
        return self._entry(candidate).description

    def standing(self, candidate: StudentCandidate, task: TaskFacts) -> tuple[Fit, bool]:
        """See StudentRetriever."""
        entry = self._entry(candidate)
        return judge(task, entry).fit, entry.hand_written

    def _entry(self, candidate: StudentCandidate) -> ModelEntry:
        return self._entries[self._names.index(candidate.name)]

    def _ordered(self, numbers: Iterable[int], near: Mapping[int, float] | Scores) -> list[int]:
        return sorted(numbers, key=lambda n: (-self._score(n, near), -self._downloads[n], self._names[n]))

    def _score(self, number: int, near: Mapping[int, float] | Scores) -> float:
        return float(near[number]) * math.log(self._downloads[number] + 1)

    def _candidate(self, query: str, score: float, number: int, judged: Judged) -> StudentCandidate:
        entry = self._entries[number]
        shared = self._index.shown(query, number)
        why = f"Its description shares {shared} with the task" if shared else "It shares no word with the task"
        return StudentCandidate(
            name=entry.name,
            architecture=entry.architecture,
            size_bytes=entry.size_bytes,
            license=entry.license,
            downloads=entry.downloads,
            score=round(score, 3),
            reason=cut(f"{why}; {judged.why}; the hub counted {entry.downloads:,} downloads.{marks(entry)}", 512),
        )


async def hypothetical_card(teacher: Asks, instruction: str) -> HypotheticalCard:
    """The card of a model that would do the task. Raises: StageError of the teacher."""
    messages = [
        {"role": "system", "content": "Describe, in two sentences, the pretrained model that would do the task best."},
        {"role": "user", "content": _SHOWN_TASK},
        {"role": "assistant", "content": _SHOWN_CARD},
        {"role": "user", "content": instruction[:2000]},
    ]
    request = TeacherRequest(purpose="model-card", messages=messages, temperature=0.0, max_tokens=96)
    try:
        text = await asked(teacher, request)
        against = _useless(text)
    except ValueError as error:
        text, against = "", str(error)
    note = f"The teacher's model card is not used: {against}." if against else ""
    return HypotheticalCard("" if against else text, note)


def _useless(text: str) -> str:
    words = re.findall(r"\w+", text.lower())
    if len(words) < FEWEST_WORDS:
        return "too short"
    if len(set(words)) < LEAST_VARIETY * len(words):
        return "it repeats itself"
    return "it repeats the example" if text.startswith(_SHOWN_CARD[:40]) else ""
