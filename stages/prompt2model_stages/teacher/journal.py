"""What was asked, answered and spent, so that nothing is paid for twice.

Records, one a line:
    reserve  written before a request is sent: id, key, run, stage, purpose, at, group, sample, and the most it can cost
    answer   the answer to it: id, key, texts, and what it cost. Without an id: put together from others, at no cost
    spend    what came is of no use and is asked for again: id, run, and what it cost
    release  it was not served and cost nothing
    void     keys whose answers are of no use; they stay paid for, and may be asked again
    batch    what is new of a batch; see batch_book.py, also for what the reserve of a line has besides
A reserve that nothing follows counts as spent: the process was killed while the request was in flight. Its completion counts in
full, its prompt as far as those of other requests tell (measuring.py).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from prompt2model_api.results import Spent
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.budget import Cost
from prompt2model_stages.teacher.ledger import Ledger, spent_by_run
from prompt2model_stages.teacher.requests import TeacherAnswer
from prompt2model_stages.teacher.segments import Segment, open_segment

__all__ = ["Journal", "Ledger", "spent_by_run"]


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

    async def reserve(
        self,
        key: str,
        purpose: str,
        cost: Cost,
        group: str = "",
        sample: int = 0,
        line: Mapping[str, Any] | None = None,
    ) -> str:
        """Notes a request that is about to be sent; line: of a batch, see batch_book. Returns: its id. Raises: OSError."""
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
                    **({"prompt_usd": round(cost.prompt_usd, 9)} if cost.prompt_usd else {}),
                    **_place(group, sample),
                    **({"line": dict(line)} if line is not None else {}),
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
        run: str = "",
    ) -> TeacherAnswer:
        """Notes the answer to a request, or one put together from the answers to others. Raises: OSError.

        Args:
            group, sample: the request's; none where the answer was put together, because its parts have them.
            cut: see TeacherAnswer.
            run: the stage run that bears the cost; by default this one.
        """
        record: dict[str, Any] = {"type": "answer", "key": key, "stage": self._stage, "run": run or self._run}
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

    async def spend(self, identifier: str, cost: Cost, run: str = "") -> None:
        """Notes what a request cost whose answer is of no use; run: see answer. Raises: OSError."""
        self.in_flight.discard(identifier)
        await self._write({"type": "spend", "id": identifier, "run": run or self._run, **_amounts(cost)})

    async def release(self, identifier: str) -> None:
        """Notes that a request was not served."""
        self.in_flight.discard(identifier)
        await self._write({"type": "release", "id": identifier})

    def lost(self, identifier: str) -> Cost:
        """Counts a request as spent: it was sent, and nobody knows what became of it. Returns: at what it is booked."""
        self.in_flight.discard(identifier)
        return self.ledger.lost(identifier)

    def likely(self, purpose: str, cost: Cost) -> Cost:
        """What a request of this stage run costs at most, by what was learnt so far; cost: the most that it can be."""
        return self.ledger.at_most(self._run, purpose, cost)

    async def void(self, keys: Sequence[str]) -> None:
        """Notes that answers are of no use."""
        await self._write({"type": "void", "keys": list(keys)})

    async def note_batch(self, name: str, **news: Any) -> None:
        """Notes what is new of a batch, durably: it is on the disk when this returns. Raises: OSError."""
        await self._write({"type": "batch", "name": name, **news})
        await self._segment.sync()

    def new_batch(self) -> str:
        """A name for a batch that no other has, of this resource or another one."""
        return f"p2m-{self._segment.token}-{uuid.uuid4().hex}"

    def spent(self) -> Spent:
        """By this stage run, earlier attempts included, without what is in flight."""
        return self.ledger.spent(self._run, self.in_flight)

    async def close(self) -> None:
        """Brings everything to the disk; no answer is read afterwards."""
        try:
            await self._segment.close()
        finally:
            self.ledger.close()

    async def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        offset = await self._segment.write(line)
        self.ledger.add(record, self._segment.name, offset, line)


def _place(group: str, sample: int) -> dict[str, Any]:
    return {"group": group, "sample": sample} if group else {}


def _amounts(cost: Cost) -> dict[str, Any]:
    return {"prompt": cost.prompt, "completion": cost.completion, "usd": round(cost.usd, 9)}
