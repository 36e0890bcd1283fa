"""The unique inputs so far with all outputs that came with them: texts on the disk, hashes in memory.

An example takes about 200 bytes of memory, however long its texts are.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import overload

from prompt2model_stages.classes import ClosedSet
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.votes import winner
from prompt2model_stages.spool import Spool

HASH_BYTES = 16


@dataclass
class Candidate:
    """A unique input with all outputs that came with it, in the order in which they came."""

    input: str
    outputs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def hash_of(text: str) -> bytes:
    """What stands for a text where only sameness counts; of 2^64 texts two would be taken for one."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()


class Candidates(Sequence[Candidate]):
    """Unique inputs in the order in which they came. An input is given with its hash, that it is found by."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._by_question: dict[bytes, int] = {}
        self._texts = bytearray()
        self._first = array("Q")
        self._votes = array("I")
        self._more: dict[int, array[int]] = {}
        self._outputs = ClosedSet()
        self.on_vote: Callable[[int], None] = lambda at: None
        """Called with the place of an input after it got another output."""

    def __len__(self) -> int:
        return len(self._first)

    @overload
    def __getitem__(self, at: int) -> Candidate: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Candidate]: ...
    def __getitem__(self, at: int | slice) -> Candidate | Sequence[Candidate]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        text, output, key = marshal.loads(self._spool.read(self._first[at]))
        made = Candidate(text, [output], [key])
        for place in self._more.get(at % len(self), ()):
            output, key = marshal.loads(self._spool.read(place))
            made.outputs.append(output)
            if key not in made.requests:
                made.requests.append(key)
        return made

    def first(self, at: int) -> Pair:
        """An input with the output that came with it."""
        text, output, _key = marshal.loads(self._spool.read(self._first[at]))
        return Pair(text, output)

    def find(self, question: bytes) -> int | None:
        """The place of the input with this hash of its question; None where there is none."""
        return self._by_question.get(question)

    def text(self, at: int) -> bytes:
        """The hash of an input's text."""
        return bytes(self._texts[at * HASH_BYTES : (at + 1) * HASH_BYTES])

    def votes(self, at: int) -> int:
        """How many outputs an input has."""
        return self._votes[at]

    @property
    def are_labels(self) -> bool:
        """Whether the outputs that came first with each input are a closed set."""
        return self._outputs.are_labels

    def add(self, pair: Pair, text: bytes, question: bytes, key: str) -> None:
        """Adds an input that is not there yet, with the output that came with it.

        Args:
            pair: both.
            text, question: hashes of the input whatever its spaces, and of what it asks.
            key: of the request that gave it.
        """
        self._by_question[question] = len(self)
        self._texts += text
        self._first.append(self._spool.add(marshal.dumps((pair.input, pair.output, key))))
        self._votes.append(1)
        self._outputs.add(pair.output)

    def vote(self, at: int, output: str, key: str) -> None:
        """Notes another output of an input, and the request that gave it."""
        places = self._more.setdefault(at, array("Q"))
        places.append(self._spool.add(marshal.dumps((output, key))))
        self._votes[at] += 1
        self.on_vote(at)


class Leading(Sequence[Pair]):
    """The candidates as pairs, each with the output that leads; read when they are looked at."""

    def __init__(
        self, candidates: Sequence[Candidate], lead: Callable[[Sequence[str]], tuple[str, int]] = winner
    ) -> None:
        self._candidates, self._lead = candidates, lead

    def __len__(self) -> int:
        return len(self._candidates)

    def __getitem__(self, at: int) -> Pair:  # type: ignore[override]
        candidate = self._candidates[at]
        return Pair(candidate.input, self._lead(candidate.outputs)[0])
