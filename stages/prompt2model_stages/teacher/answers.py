"""All that was answered, by key and by group: what is held of each is a hash and a place on the disk."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from prompt2model_stages.teacher.lines import Lines
from prompt2model_stages.teacher.requests import TeacherAnswer

_VOID = 2**64 - 1


@dataclass
class _Group:
    """What was answered for a group: the rows of the answers, in order, and the sample of each."""

    rows: array[int] = field(default_factory=lambda: array("Q"))
    samples: array[int] = field(default_factory=lambda: array("q"))


class Answers(Mapping[str, TeacherAnswer]):
    """The answers that are of use, by key. A row is a key that was ever answered; it has the number of a line, or none.

    Args:
        lines: hold the records; None where no answer is ever noted.
    """

    def __init__(self, lines: Lines | None) -> None:
        self._lines = lines
        self._rows: dict[bytes | str, int] = {}
        self._numbers = array("Q")
        self._groups: dict[str, _Group] = {}
        self._void = 0

    def __len__(self) -> int:
        return len(self._numbers) - self._void

    def __contains__(self, key: object) -> bool:
        row = self._rows.get(_packed(key)) if isinstance(key, str) else None
        return row is not None and self._numbers[row] != _VOID

    def __iter__(self) -> Iterator[str]:
        for key, row in self._rows.items():
            if self._numbers[row] != _VOID:
                yield key if isinstance(key, str) else key.hex()

    def __getitem__(self, key: str) -> TeacherAnswer:
        row = self._rows[_packed(key)]
        if self._numbers[row] == _VOID:
            raise KeyError(key)
        return self.at(row)

    def at(self, row: int) -> TeacherAnswer:
        """The answer of a row that is of use. Raises: OSError."""
        assert self._lines is not None
        return answer_of(json.loads(self._lines.read(self._numbers[row])))

    def note(self, record: Mapping[str, Any], number: int) -> None:
        """Takes in a record of an answer, whose line has this number."""
        key = _packed(record["key"])
        row = self._rows.setdefault(key, len(self._numbers))
        known = row < len(self._numbers)
        if not known:
            self._numbers.append(number)
        else:
            self.stand(record["key"], number)
        if "group" in record:
            group = self._groups.setdefault(record["group"], _Group())
            if not known or row not in group.rows:
                group.rows.append(row)
                group.samples.append(record.get("sample", 0))

    def stand(self, key: str, number: int) -> None:
        """Notes that the answer in the line with this number is the one to a key, where that was ever answered."""
        if (row := self._rows.get(_packed(key))) is not None:
            self._void -= self._numbers[row] == _VOID
            self._numbers[row] = number

    def void(self, key: str) -> None:
        """Notes that an answer is of no use."""
        if key in self:
            self._numbers[self._rows[_packed(key)]] = _VOID
            self._void += 1

    def of_group(self, name: str) -> Sequence[tuple[int, TeacherAnswer]]:
        """Sample and answer of all that was answered for a group by now and is not void, in order; read one by one."""
        group = self._groups.get(name, _Group())
        used = [at for at, row in enumerate(group.rows) if self._numbers[row] != _VOID]
        rows, samples = array("Q", (group.rows[at] for at in used)), array("q", (group.samples[at] for at in used))
        return _OfGroup(self, rows, samples)


class _OfGroup(Sequence[tuple[int, TeacherAnswer]]):
    """Samples and answers, each read when it is looked at."""

    def __init__(self, answers: Answers, rows: array[int], samples: array[int]) -> None:
        self._answers, self._rows, self._samples = answers, rows, samples

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> tuple[int, TeacherAnswer]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[tuple[int, TeacherAnswer]]: ...
    def __getitem__(self, at: int | slice) -> tuple[int, TeacherAnswer] | Sequence[tuple[int, TeacherAnswer]]:
        if isinstance(at, slice):
            return _OfGroup(self._answers, self._rows[at], self._samples[at])
        return self._samples[at], self._answers.at(self._rows[at])


def answer_of(record: Mapping[str, Any]) -> TeacherAnswer:
    """The answer in a record of the journal."""
    return TeacherAnswer(
        texts=tuple(record["texts"]),
        key=record["key"],
        cached=True,
        refused=record.get("refused", False),
        prompt_tokens=record["prompt"],
        completion_tokens=record["completion"],
        usd=record["usd"],
        cut=record.get("cut", False),
    )


def _packed(key: str) -> bytes | str:
    """A key as it is held: 64 hexadecimal digits take half as much as bytes."""
    try:
        packed = bytes.fromhex(key)
    except ValueError:
        return key
    return packed if packed.hex() == key else key
