"""What the journal's records add up to: answers, what was spent, what was sent."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from prompt2model_api.results import Spent
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.answers import Answers
from prompt2model_stages.teacher.batch_book import BatchBook
from prompt2model_stages.teacher.budget import Cost
from prompt2model_stages.teacher.lines import Lines
from prompt2model_stages.teacher.measuring import PromptShare
from prompt2model_stages.teacher.requests import TeacherAnswer
from prompt2model_stages.teacher.segment_files import lines_of

RECENT_S = 60.0


@dataclass
class _Reserved:
    """cost: the most that it can be."""

    run: str
    purpose: str
    cost: Cost


class Ledger:
    """The state that the records add up to. A record that comes twice is paid for once.

    Records come twice in the order in which they were written (see segment_files.merge), and the last one for a key holds. So an
    answer after a `void` stands again when both are read once more.

    Args:
        lines: where answers can be read again; None: answers are passed over.
    """

    def __init__(self, lines: Lines | None) -> None:
        self._lines = lines
        self.answers = Answers(lines)
        """By key; those of this process included."""
        self.batches = BatchBook()
        """Batches that are not over, and the lines that wait."""
        self.next_sample: Counter[str] = Counter()
        """Of each group the number after the highest sample that was sent, answered or not."""
        self._recent: dict[str, tuple[float, int]] = {}
        self._shares: defaultdict[tuple[str, str], PromptShare] = defaultdict(PromptShare)
        self._open: dict[str, _Reserved] = {}
        self._closed = _Ids()
        self._answered: dict[str, Spent] = {}
        self._since = time.time() - RECENT_S

    @property
    def recent(self) -> list[tuple[float, int]]:
        """When requests of the last minute were sent, and their tokens."""
        return list(self._recent.values())

    @classmethod
    def read(cls, folder: Folder, texts: bool = True) -> Ledger:
        """The ledger of a journal; empty where there is none. texts: False: what was spent alone, without any answer."""
        ledger = cls(Lines(folder.local) if texts else None)
        for segment, offset, line, record in lines_of(folder):
            ledger.add(record, segment, offset, line)
        return ledger

    def add(self, record: dict[str, Any], segment: str, offset: int, line: bytes) -> None:
        """Takes one record in, and where its line lies."""
        if "group" in record:
            group = record["group"]
            self.next_sample[group] = max(self.next_sample[group], record.get("sample", 0) + 1)
        self.batches.add(record, self._closed)
        match record["type"]:
            case "reserve":
                self._reserve(record)
            case "answer":
                self._answer(record, segment, offset, line)
            case "spend":
                self._spend(record)
            case "release":
                self._open.pop(record["id"], None)
                self._closed.add(record["id"])
            case "void":
                for key in record["keys"]:
                    self.answers.void(key)

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
            unsent = self.batches.is_unsent(identifier)
            if identifier not in skipped and not unsent and run in (None, reserved.run):
                total = total.plus(self.lost(identifier).as_spent())
        return total

    def at_most(self, run: str, purpose: str, cost: Cost) -> Cost:
        """What a request costs at most, by what others of its stage run and purpose cost.

        Args:
            run: folder of the stage run.
            purpose: of the request.
            cost: the most that it can be.
        """
        return self._shares[run, purpose].at_most(cost)

    def lost(self, identifier: str) -> Cost:
        """What a request costs at most that was sent and will not be answered any more."""
        reserved = self._open[identifier]
        return self.at_most(reserved.run, reserved.purpose, reserved.cost)

    def of_group(self, group: str) -> Sequence[tuple[int, TeacherAnswer]]:
        """Sample and answer of all that was answered for a group and is not void, in order; read one by one."""
        return self.answers.of_group(group)

    def close(self) -> None:
        """Closes what answers are read from."""
        if self._lines is not None:
            self._lines.close()

    def runs(self) -> set[str]:
        """Folders of the stage runs that asked anything."""
        return {*self._answered, *(reserved.run for reserved in self._open.values())}

    def _reserve(self, record: dict[str, Any]) -> None:
        if record["id"] in self._open or record["id"] in self._closed:
            return
        cost = Cost(record["prompt"], record["completion"], record["usd"], record.get("prompt_usd", 0.0))
        self._open[record["id"]] = _Reserved(record["run"], record.get("purpose", ""), cost)
        if record["at"] > self._since and "line" not in record:  # a line of a batch is outside the limits a minute
            while self._recent and (oldest := next(iter(self._recent.items())))[1][0] < record["at"] - RECENT_S:
                del self._recent[oldest[0]]
            self._recent[record["id"]] = (record["at"], cost.tokens)

    def _answer(self, record: dict[str, Any], segment: str, offset: int, line: bytes) -> None:
        identifier = record.get("id")
        again = identifier is not None and identifier in self._closed
        if self._lines is not None:
            number = self._lines.keep(segment, offset, line)
            if again:
                self.answers.stand(record["key"], number)
            else:
                self.answers.note(record, number)
        if identifier is not None and not again:
            self._book(identifier, record["run"], Cost(record["prompt"], record["completion"], record["usd"]))

    def _spend(self, record: dict[str, Any]) -> None:
        if record["id"] not in self._closed:
            self._book(record["id"], record["run"], Cost(record["prompt"], record["completion"], record["usd"]))

    def _book(self, identifier: str, run: str, cost: Cost) -> None:
        if (reserved := self._open.pop(identifier, None)) is not None:
            self._shares[reserved.run, reserved.purpose].learn(reserved.cost, cost)
        if identifier in self._recent:
            self._recent[identifier] = (self._recent[identifier][0], cost.tokens)
        self._closed.add(identifier)
        self._answered[run] = self._answered.get(run, Spent()).plus(cost.as_spent())


class _Ids:
    """A set of ids of requests. Those of one process differ by a number, so that each takes a bit."""

    def __init__(self) -> None:
        self._bits: dict[str, bytearray] = {}
        self._others: set[str] = set()

    def add(self, identifier: str) -> None:
        token, number = self._parts(identifier)
        if number < 0:
            self._others.add(identifier)
            return
        bits = self._bits.setdefault(token, bytearray())
        if (missing := number // 8 + 1 - len(bits)) > 0:
            bits.extend(bytes(missing))
        bits[number // 8] |= 1 << number % 8

    def __contains__(self, identifier: str) -> bool:
        token, number = self._parts(identifier)
        if number < 0:
            return identifier in self._others
        bits = self._bits.get(token, b"")
        return number // 8 < len(bits) and bool(bits[number // 8] & 1 << number % 8)

    @staticmethod
    def _parts(identifier: str) -> tuple[str, int]:
        """Token and number; -1 for an id of another form."""
        token, _, number = identifier.rpartition("-")
        plain = number.isascii() and number.isdigit() and len(number) < 9 and (number == "0" or number[0] != "0")
        return token, int(number) if plain else -1


def spent_by_run(teacher_folder: Folder) -> dict[str, Spent]:
    """What each stage run spent, by the name of its folder; those that ended without a result included."""
    ledger = Ledger.read(teacher_folder, texts=False)
    return {run: ledger.spent(run) for run in sorted(ledger.runs())}
