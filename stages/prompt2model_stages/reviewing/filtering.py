"""Which rows a person wants to see, and in which order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from prompt2model_stages.classes import are_labels
from prompt2model_stages.examples import Example, Pair
from prompt2model_stages.prepare.families import families_of
from prompt2model_stages.prepare.near_duplicates import near_duplicates
from prompt2model_stages.reviewing.rows import Rows, Verdict


class Look(StrEnum):
    """Rows that are worth a look."""

    ALL = "all rows"
    DIFFERING = "votes differ"
    NEAR = "near-duplicates"


@dataclass(frozen=True)
class Wanted:
    """What is searched. text: in input or output, whatever its case; verdict, label: None for any."""

    text: str = ""
    verdict: Verdict | None = None
    label: str | None = None
    look: Look = Look.ALL


class Finder:
    """The rows that are wanted. What was found last is kept until rows change."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._last: tuple[Wanted, int, Sequence[int]] | None = None
        self._families: dict[int, int] | None = None
        generated = rows.generated
        self.labels: list[str] = (
            sorted({row.output for row in generated}) if are_labels(row.output for row in generated) else []
        )
        """The outputs where they are a closed set, else none."""
        self.differing = sum(row.votes < row.of for row in generated)
        """Rows whose votes differ."""

    def found(self, wanted: Wanted) -> Sequence[int]:
        """Places of rows, in their order; near-duplicates stand together."""
        if wanted == Wanted():
            return range(len(self._rows))
        if self._last is not None and self._last[:2] == (wanted, self._rows.changes):
            return self._last[2]
        places: Sequence[int] = [place for place in self._looked_at(wanted.look) if self._fits(place, wanted)]
        self._last = (wanted, self._rows.changes, places)
        return places

    def label_counts(self) -> Mapping[str, int]:
        """How many rows have each output now, those that are removed left out; those of other outputs than `labels` last."""
        rows = self._rows
        there = (place for place in range(len(rows)) if rows.verdict(place) is not Verdict.REMOVED)
        counts = Counter(rows.text(place, "output") for place in there)
        known = {label: counts.pop(label, 0) for label in self.labels}
        return {**known, **dict(sorted(counts.items()))}

    def family(self, place: int) -> int | None:
        """The number of a row's near-duplicates, from 1; None where it has none, or where nobody asked for them yet."""
        return (self._families or {}).get(place)

    def families(self) -> dict[int, int]:
        """The family of each row that has a near-duplicate, found among the texts as they were generated."""
        if self._families is None:
            self._families = _families(self._rows.generated)
        return self._families

    def _looked_at(self, look: Look) -> Sequence[int]:
        generated = self._rows.generated
        if look is Look.DIFFERING:
            return [place for place, row in enumerate(generated) if row.votes < row.of]
        if look is Look.NEAR:
            families = self.families()
            return sorted(families, key=lambda place: (families[place], place))
        return range(len(generated))

    def _fits(self, place: int, wanted: Wanted) -> bool:
        if wanted.verdict is not None and self._rows.verdict(place) is not wanted.verdict:
            return False
        output = self._rows.text(place, "output")
        if wanted.label is not None and output != wanted.label:
            return False
        text = wanted.text.casefold()
        return not text or text in self._rows.text(place, "input").casefold() or text in output.casefold()


def _families(pairs: Sequence[Pair]) -> dict[int, int]:
    examples = [Example(pair.input, pair.output, source="generated", origin="") for pair in pairs]
    ties: dict[str, list[str]] = defaultdict(list)
    for twins in near_duplicates(pairs):
        ties[examples[twins.one].group].append(examples[twins.other].group)
    names = families_of(examples, ties)
    members: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        members[names[example.group]].append(place)
    several = [places for places in members.values() if len(places) > 1]
    several.sort()
    return {place: number for number, places in enumerate(several, start=1) for place in places}
