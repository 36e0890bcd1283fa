"""Examples on their way out of the generator: on the disk, so that their number is no matter of memory."""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from prompt2model_stages.examples import VotedExample
from prompt2model_stages.spool import Spool

AT_ONCE = 500
"""Examples that go from process to process in one message."""


class ExamplesOnDisk(Sequence[VotedExample]):
    """Examples that are read one by one when they are looked at.

    Args:
        examples: all of them, in order; none is held.
    """

    def __init__(self, examples: Iterable[VotedExample] = ()) -> None:
        self._spool = Spool()
        self._places = array("Q")
        for one in examples:
            values = (one.input, one.output, one.requests, one.votes, one.of)
            self._places.append(self._spool.add(marshal.dumps(values)))

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[VotedExample]:
        return map(self._read, self._places)

    @overload
    def __getitem__(self, at: int) -> VotedExample: ...
    @overload
    def __getitem__(self, at: slice) -> list[VotedExample]: ...
    def __getitem__(self, at: int | slice) -> VotedExample | list[VotedExample]:
        if isinstance(at, slice):
            return [self._read(place) for place in self._places[at]]
        return self._read(self._places[at])

    def _read(self, place: int) -> VotedExample:
        return VotedExample(*marshal.loads(self._spool.read(place)))
