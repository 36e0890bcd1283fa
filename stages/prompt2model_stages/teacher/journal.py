"""What was asked, answered and spent, so that nothing is paid for twice.

Records, one a line:
    reserve  written before a request is sent: id, key, run, stage, purpose, at, group, sample, and the most it can cost
    answer   the answer to it: id, key, texts, and what it cost. Without an id: put together from others, at no cost
    spend    what came is of no use and is asked for again: id, run, and what it cost
    release  it was not served and cost nothing
    void     keys whose answers are of no use; they stay paid for, and may be asked again
A reserve that nothing follows counts as spent in full: the process was killed while the request was in flight.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from prompt2model_api.results import Spent
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.budget import Cost
from prompt2model_stages.teacher.requests import TeacherAnswer
from prompt2model_stages.teacher.segments import Segment, open_segment, records


@dataclass
class _Reserved:
    run: str
    cost: Cost


class Ledger:
    """The state that the records add up to. A record that comes twice counts once."""

    def __init__(self, texts: bool = True) -> None:
        self._texts = texts
        self.answers: dict[str, TeacherAnswer] = {}
        """By key; those of this process included."""
        self.groups: dict[str, dict[str, int]] = {}
        """Of each group the keys of what was answered, in order, each with its sample."""
        self.next_sample: Counter[str] = Counter()
        """Of each group the number after the highest sample that was sent, answered or not."""
        self.recent: list[tuple[float, int]] = []
        """When requests of the last minute were sent, and their tokens."""
        self._open: dict[str, _Reserved] = {}
        self._closed: set[str] = set()
        self._answered: dict[str, Spent] = {}
        self._since = time.time() - 60

    @classmethod
    def read(cls, folder: Folder, texts: bool = True) -> Ledger:
        """The ledger of a journal; empty where there is none. texts: False: what was spent alone, without any answer."""
        ledger = cls(texts)
        for record in records(folder):
            ledger.add(record)
        return ledger

    def add(self, record: dict[str, Any]) -> None:
        """Takes one record in."""
        if "group" in record:
            group = record["group"]
            self.next_sample[group] = max(self.next_sample[group], record.get("sample", 0) + 1)
        match record["type"]:
            case "reserve":
                self._reserve(record)
            case "answer":
                self._answer(record)
            case "spend":
                self._spend(record)
            case "release":
                self._open.pop(record["id"], None)
                self._closed.add(record["id"])
            case "void":
                for key in record["keys"]:
                    self.answers.pop(key, None)

    def spent(self, run: str | None = None, in_flight: Iterable[str] = ()) -> Spent:
        """What a stage run spent, or all of them.

        Args:
            run: folder of the stage run; None: all.
            in_flight: ids that do not count yet.
        """
        total = Spent()
        for name, spent in self._answered.items():
            if run in (None, name):
                total = total.plus(spent)
        skipped = set(in_flight)
        for identifier, reserved in self._open.items():
            if identifier not in skipped and run in (None, reserved.run):
                total = total.plus(reserved.cost.as_spent())
        return total

    def of_group(self, group: str) -> list[tuple[int, TeacherAnswer]]:
        """Sample and answer of all that was answered for a group and is not void, in order."""
        samples = self.groups.get(group, {})
        return [(sample, self.answers[key]) for key, sample in samples.items() if key in self.answers]

    def runs(self) -> set[str]:
        """Folders of the stage runs that asked anything."""
        return {*self._answered, *(reserved.run for reserved in self._open.values())}

    def _reserve(self, record: dict[str, Any]) -> None:
        if record["id"] in self._open or record["id"] in self._closed:
            return
        cost = Cost(record["prompt"], record["completion"], record["usd"])
        self._open[record["id"]] = _Reserved(record["run"], cost)
        if record["at"] > self._since:
            self.recent.append((record["at"], cost.tokens))

    def _answer(self, record: dict[str, Any]) -> None:
        identifier = record.get("id")
        if identifier is not None and identifier in self._closed:
            return
        cost = Cost(record["prompt"], record["completion"], record["usd"])
        if self._texts:
            self._keep(record, cost)
        if identifier is not None:
            self._book(identifier, record["run"], cost)

    def _keep(self, record: dict[str, Any], cost: Cost) -> None:
        self.answers[record["key"]] = TeacherAnswer(
            texts=tuple(record["texts"]),
            key=record["key"],
            cached=True,
            refused=record.get("refused", False),
            prompt_tokens=cost.prompt,
            completion_tokens=cost.completion,
            usd=cost.usd,
            cut=record.get("cut", False),
        )
        if "group" in record:
            self.groups.setdefault(record["group"], {}).setdefault(record["key"], record.get("sample", 0))

    def _spend(self, record: dict[str, Any]) -> None:
        if record["id"] not in self._closed:
            self._book(record["id"], record["run"], Cost(record["prompt"], record["completion"], record["usd"]))

    def _book(self, identifier: str, run: str, cost: Cost) -> None:
        self._open.pop(identifier, None)
        self._closed.add(identifier)
        self._answered[run] = self._answered.get(run, Spent()).plus(cost.as_spent())


def spent_by_run(teacher_folder: Folder) -> dict[str, Spent]:
    """What each stage run spent, by the name of its folder; those that ended without a result included."""
    ledger = Ledger.read(teacher_folder, texts=False)
    return {run: ledger.spent(run) for run in sorted(ledger.runs())}


class Journal:
    """The journal as one process writes it."""

    def __init__(self, ledger: Ledger, segment: Segment, stage: str, run: str) -> None:
        self.ledger = ledger
        self.in_flight: set[str] = set()
        self._segment = segment
        self._stage = stage
        self._run = run
        self._count = 0

    @classmethod
    async def open(cls, folder: Folder, stage: str, run: str) -> Journal:
        """Opens the journal in a folder and reads what it holds.

        Raises: StageError, Retrying, where another process writes it; OSError.
        """
        segment = await open_segment(folder)
        try:
            return cls(Ledger.read(folder), segment, stage, run)
        except BaseException:
            await segment.close()
            raise

    async def reserve(self, key: str, purpose: str, cost: Cost, group: str = "", sample: int = 0) -> str:
        """Notes a request that is about to be sent. Returns: its id. Raises: OSError."""
        self._count += 1
        identifier = f"{self._segment.token}-{self._count}"
        self.in_flight.add(identifier)
        try:
            await self._write(
                {
                    "type": "reserve",
                    "id": identifier,
                    "key": key,
                    "stage": self._stage,
                    "run": self._run,
                    "purpose": purpose,
                    "at": round(time.time(), 3),
                    "tokens": cost.tokens,
                    **_amounts(cost),
                    **_place(group, sample),
                }
            )
        except BaseException:
            self.in_flight.discard(identifier)
            raise
        return identifier

    async def answer(
        self,
        identifier: str | None,
        key: str,
        texts: Sequence[str],
        cost: Cost,
        refused: bool = False,
        group: str = "",
        sample: int = 0,
        cut: bool = False,
    ) -> TeacherAnswer:
        """Notes the answer to a request, or one put together from the answers to others. Raises: OSError.

        Args:
            group, sample: the request's; none where the answer was put together, because its parts have them.
            cut: see TeacherAnswer.
        """
        record: dict[str, Any] = {"type": "answer", "key": key, "stage": self._stage, "run": self._run}
        if identifier is not None:
            record["id"] = identifier
            self.in_flight.discard(identifier)
        record |= {"texts": list(texts), **_amounts(cost)}
        if refused:
            record["refused"] = True
        if cut:
            record["cut"] = True
        record |= _place(group, sample)
        await self._write(record)
        return TeacherAnswer(tuple(texts), key, False, refused, cost.prompt, cost.completion, cost.usd, cut)

    async def spend(self, identifier: str, cost: Cost) -> None:
        """Notes what a request cost whose answer is of no use. Raises: OSError."""
        self.in_flight.discard(identifier)
        await self._write({"type": "spend", "id": identifier, "run": self._run, **_amounts(cost)})

    async def release(self, identifier: str) -> None:
        """Notes that a request was not served."""
        self.in_flight.discard(identifier)
        await self._write({"type": "release", "id": identifier})

    def lost(self, identifier: str) -> None:
        """Counts a request as spent in full: it was sent, and nobody knows what became of it."""
        self.in_flight.discard(identifier)

    async def void(self, keys: Sequence[str]) -> None:
        """Notes that answers are of no use."""
        await self._write({"type": "void", "keys": list(keys)})

    def spent(self) -> Spent:
        """By this stage run, earlier attempts included, without what is in flight."""
        return self.ledger.spent(self._run, self.in_flight)

    async def close(self) -> None:
        """Brings everything to the disk."""
        await self._segment.close()

    async def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        await self._segment.write(line)
        self.ledger.add(record)


def _place(group: str, sample: int) -> dict[str, Any]:
    return {"group": group, "sample": sample} if group else {}


def _amounts(cost: Cost) -> dict[str, Any]:
    return {"prompt": cost.prompt, "completion": cost.completion, "usd": round(cost.usd, 9)}
