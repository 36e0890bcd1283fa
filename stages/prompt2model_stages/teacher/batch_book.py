"""What the journal's records say of batches: which there are, what became of each, and which lines are still open.

Records, beside those of journal.py:
    reserve  of a line has a field `line`: what reading its answer needs, in whatever process that comes
    batch    name, and what is new of it: `lines` and `endpoint` (about to be uploaded), `file`, `batch` (the ids at the endpoint),
             or `over`: "done", "dropped" or "unknown"
A line that no batch has was never sent, and counts for nothing. One in a batch that is not over counts with the most that it can
cost. In a batch that is done, what has no answer was not served; one that was dropped never came to be. Of one that is unknown (the
endpoint does not find it any more) every open line stays counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from prompt2model_stages.teacher.budget import Cost

DONE, DROPPED, UNKNOWN = "done", "dropped", "unknown"


@dataclass(frozen=True)
class OpenLine:
    """A request that is reserved as a line of a batch and not answered yet.

    run, purpose: of the stage run that asked.
    cost: the most that it can be.
    n: answers wanted; parts: the keys of each by itself, where there are several.
    asked, room: tokens that each answer was to have, and may have.
    partial: see TeacherRequest.
    """

    identifier: str
    key: str
    run: str
    purpose: str
    cost: Cost
    group: str = ""
    sample: int = 0
    n: int = 1
    asked: int = 0
    room: int = 0
    partial: bool = False
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> OpenLine:
        """The line in a record of a reservation."""
        line = record["line"]
        return cls(
            identifier=record["id"],
            key=record["key"],
            run=record["run"],
            purpose=record["purpose"],
            cost=Cost(record["prompt"], record["completion"], record["usd"], record.get("prompt_usd", 0.0)),
            group=record.get("group", ""),
            sample=record.get("sample", 0),
            n=line.get("n", 1),
            asked=line["asked"],
            room=line["room"],
            partial=line.get("partial", False),
            parts=tuple(line.get("parts", ())),
        )


@dataclass
class NotedBatch:
    """A batch as the journal knows it.

    name: ours, also in the batch's metadata; it tells batches of all resources apart.
    endpoint: the base URL.
    lines: the ids of its lines, in their order.
    file, batch: the endpoint's ids; "" while they are not known.
    over: see the module; "" while it is not.
    """

    name: str
    endpoint: str = ""
    lines: tuple[str, ...] = ()
    file: str = ""
    batch: str = ""
    over: str = ""


@dataclass
class BatchBook:
    """The state that the records add up to."""

    batches: dict[str, NotedBatch] = field(default_factory=dict)
    """Those that are not over, by name, in their order."""
    lines: dict[str, OpenLine] = field(default_factory=dict)
    """Those without an answer, by id."""
    made: int = 0
    """Batches that there ever were."""
    _batch_of: dict[str, str] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any], closed: Collection[str] | Any) -> None:
        """Takes one record in; closed: ids that had an answer before."""
        match record["type"]:
            case "reserve" if "line" in record and record["id"] not in closed:
                self.lines.setdefault(record["id"], OpenLine.of(record))
            case "answer" | "spend" | "release":
                self.lines.pop(record.get("id", ""), None)
            case "batch":
                self._note(record)

    def open_lines(self, name: str) -> list[OpenLine]:
        """The lines of a batch that are not answered."""
        batch = self.batches.get(name)
        return [self.lines[one] for one in batch.lines if one in self.lines] if batch is not None else []

    def is_unsent(self, identifier: str) -> bool:
        """Whether it is a line that was not sent, or was not served."""
        return identifier in self.lines and identifier not in self._batch_of

    def _note(self, record: Mapping[str, Any]) -> None:
        name = record["name"]
        if "lines" in record:
            self.made += 1
            self.batches[name] = NotedBatch(name, record["endpoint"], tuple(record["lines"]))
            self._batch_of.update(dict.fromkeys(record["lines"], name))
        if (batch := self.batches.get(name)) is None:
            return
        batch.file = record.get("file", batch.file)
        batch.batch = record.get("batch", batch.batch)
        batch.over = record.get("over", "")
        if batch.over:
            del self.batches[name]
            if batch.over != UNKNOWN:
                for line in batch.lines:
                    self._batch_of.pop(line, None)
