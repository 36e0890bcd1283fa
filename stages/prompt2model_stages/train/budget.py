"""How many padded tokens a part of a batch may have, kept in micro_batches.json for the attempts to come.

Where an allocator has no more, an error says so. A kernel that kills a process for its memory says nothing: so an attempt
leaves a mark in the file as long as it computes, and one that finds a mark was preceded by one that was killed. It takes half,
unless the mark says that there was room to spare: then the kill had another reason, and the parts stay what they were.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from prompt2model_stages.memory import Memory, resident_memory, usable_memory
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.train.micro_batches import padded, parts

logger = logging.getLogger(__name__)

TOKENS_CPU = 4096
TOKENS_GPU = 16384
"""Padded tokens at once, at most: enough for full speed. One of SmolLM2-135M takes about 0.9 MiB on a CPU (docs/benchmarks.md)."""
FEW = TOKENS_CPU // 4
"""A first budget below this is slow enough to be said."""
BUDGET = "micro_batches.json"
SPARE = 0.1
"""With more than this share of the limit left at its peak, an attempt was not killed for its memory."""
LEAST_UNSEEN = 512
"""A kill before any part was begun says nothing of their size: it halves the budget down to this and no further."""
SAME = 0.1
"""Limits that differ by less are the same: nodes of one kind do not have the same number of bytes."""


@dataclass(frozen=True)
class Mark:
    """What an attempt was at.

    tokens, rows: of the largest part that was trained on or begun; 0 before the first step.
    spare: bytes that were left at the peak so far; None while a part is computed that is larger than all before it.
    """

    tokens: int = 0
    rows: int = 0
    spare: int | None = None


@dataclass(frozen=True)
class Kept:
    """micro_batches.json.

    tokens: the budget.
    limit: bytes of memory under which it was found.
    shortages: how many times it was halved.
    mark: of an attempt that computes, or was killed; None after an orderly end.
    sharing: how many workers of one machine share the memory.
    """

    tokens: int
    limit: int
    shortages: int = 0
    mark: Mark | None = None
    sharing: int = 1

    @classmethod
    def read(cls, folder: Folder) -> Kept | None:
        """What an earlier attempt kept; None where there is nothing, or nothing that can be used."""
        try:
            tree = folder.read_json(BUDGET)
            mark = tree.get("mark")
            return cls(
                **{**tree, "tokens": max(1, int(tree["tokens"])), "mark": None if mark is None else Mark(**mark)}
            )
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("%s cannot be read and is not used: %s", BUDGET, error)
            return None

    def write(self, folder: Folder) -> None:
        """Writes the file, whole or not at all. Raises: OSError."""
        folder.write_json(BUDGET, asdict(self))

    def note(self) -> list[str]:
        """What a person should know at the training's end."""
        if not self.shortages and self.tokens >= FEW:
            return []
        if not self.shortages:
            return [
                f"Little memory was free when the training began (limit {_gib(self.limit)}): it computed parts of at most "
                f"{self.tokens:,} padded tokens. More memory (spec.training.resources.memory) makes it faster."
            ]
        return [
            f"The training was killed in mid-step or got no more memory {self.shortages} time(s), with a limit of "
            f"{_gib(self.limit)}: in the end it computed parts of at most {self.tokens:,} padded tokens. More memory "
            "(spec.training.resources.memory) makes it faster."
        ]


class Budget:
    """The budget of one worker. All have that of rank 0, which alone keeps the mark; on a GPU there is none, since its
    allocator gives an error.

    Args:
        folder: the stage run's.
        device: where the model is.
        rank: of this worker.
        workers, local_workers: how many there are, and on this machine.
    """

    def __init__(
        self, folder: Folder, device: torch.device, rank: int = 0, workers: int = 1, local_workers: int = 1
    ) -> None:
        self._folder, self._device = folder, device
        self._rank, self._workers, self._local_workers = rank, workers, local_workers
        self._kept = Kept(TOKENS_GPU if device.type == "cuda" else TOKENS_CPU, memory_of(device).limit)

    @property
    def tokens(self) -> int:
        """Padded tokens of a part, at most."""
        return self._kept.tokens

    @property
    def shortages(self) -> int:
        """How many times it was halved, in all attempts under this limit."""
        return self._kept.shortages

    def begin(self, estimate: Callable[[int], int]) -> None:
        """Finds the budget and sets the mark, before the first batch; all workers at once.

        Args:
            estimate: how many padded tokens have room in so many bytes.
        """
        if self._rank == 0:
            memory = memory_of(self._device)
            sharing = 1 if self._device.type == "cuda" else self._local_workers
            kept = Kept.read(self._folder)
            found = first_budget(kept, memory, self.tokens, lambda: estimate(memory.free // sharing), sharing)
            self._kept = replace(found, mark=Mark() if self._device.type == "cpu" else None)
            self._kept.write(self._folder)
        if self._workers > 1:
            numbers = torch.tensor([self._kept.tokens, self._kept.limit, self._kept.shortages], device=self._device)
            torch.distributed.broadcast(numbers, src=0)
            tokens, limit, shortages = (int(number) for number in numbers)
            self._kept = replace(self._kept, tokens=tokens, limit=limit, shortages=shortages)

    def entering(self, groups: Sequence[Sequence[Encoded]]) -> None:
        """Before a batch in these parts is trained on: the mark names the largest."""
        largest = max(groups, key=padded)
        if (mark := self._kept.mark) is not None and padded(largest) > mark.tokens:
            self._keep(replace(self._kept, mark=Mark(padded(largest), len(largest))))

    def passed(self) -> None:
        """After a step: the mark says how much was left, where it does not yet."""
        if (mark := self._kept.mark) is not None and mark.spare is None:
            self.measure()

    def measure(self) -> None:
        """The mark says how much memory was left at the peak so far."""
        if (mark := self._kept.mark) is not None:
            now, most = resident_memory()
            spare = memory_of(self._device).free - self._local_workers * (most - now)
            self._keep(replace(self._kept, mark=replace(mark, spare=spare)))

    def halve(self, rows: Sequence[Encoded]) -> bool:
        """Halves it after these rows, one part each or several, had no room; False where a row is left alone."""
        largest = max(parts(rows, self.tokens), key=padded)
        if all(len(part) == 1 for part in parts(rows, self.tokens)):
            return False
        tokens = max(1, min(self.tokens, padded(largest)) // 2)
        self._keep(replace(self._kept, tokens=tokens, shortages=self.shortages + 1))
        return True

    def close(self) -> None:
        """At an orderly end: the mark goes."""
        if self._rank == 0:
            close(self._folder)

    def _keep(self, kept: Kept) -> None:
        """Writes what was found; another worker's halving stays, and the mark is rank 0's alone."""
        there = Kept.read(self._folder) if self._workers > 1 else None
        if there is not None:
            kept = replace(
                kept,
                tokens=min(kept.tokens, there.tokens),
                shortages=max(kept.shortages, there.shortages),
                sharing=there.sharing,  # only rank 0 knows it
                mark=kept.mark if self._rank == 0 else there.mark,
            )
        self._kept = kept if self._rank == 0 else replace(kept, mark=None)
        kept.write(self._folder)


def memory_of(device: torch.device) -> Memory:
    """The memory that training allocates in: the GPU's, or this process's."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return Memory(total, free)
    return usable_memory()


def first_budget(kept: Kept | None, memory: Memory, most: int, estimate: Callable[[], int], sharing: int = 1) -> Kept:
    """What a new attempt begins with.

    Args:
        kept: what the last attempt left.
        memory: of this one.
        most: padded tokens.
        estimate: how many padded tokens have room; asked where the memory is another than before.
        sharing: workers of this machine that share the memory.
    """
    if kept is None or memory.limit > (1 + SAME) * kept.limit:
        return Kept(max(1, min(most, estimate())), memory.limit, sharing=sharing)
    if kept.mark is not None:
        kept = _after_kill(kept, kept.mark)
    if memory.limit < (1 - SAME) * kept.limit or sharing > kept.sharing:
        kept = replace(kept, tokens=max(1, min(kept.tokens, estimate())), limit=memory.limit, sharing=sharing)
    return replace(kept, tokens=min(kept.tokens, most))  # a GPU's budget is larger than a CPU's


def _after_kill(kept: Kept, mark: Mark) -> Kept:
    """Half, unless the killed attempt had room to spare or computed a single row."""
    if mark.spare is not None and mark.spare > SPARE * kept.limit:
        logger.info(
            "the last attempt was killed, and not for its memory: %s of %s were left at its peak",
            *(_gib(mark.spare), _gib(kept.limit)),
        )
        return replace(kept, mark=None)
    if mark.rows == 1:
        logger.warning(
            "the last attempt was killed while it computed one row of %d padded tokens, with a memory limit of %s: no part is "
            "smaller. Give more memory (spec.training.resources.memory) or lower spec.training.maxInputTokens",
            *(mark.tokens, _gib(kept.limit)),
        )
        return replace(kept, shortages=kept.shortages + 1, mark=None)
    least = 1 if mark.tokens else min(kept.tokens, LEAST_UNSEEN)
    tokens = max(least, min(kept.tokens, mark.tokens or kept.tokens) // 2)
    logger.warning(
        "the last attempt was killed in the middle of its work, probably for its memory (limit %s): at most %d padded tokens at "
        "once from here on, half as many as before (its largest part had %d)",
        *(_gib(kept.limit), tokens, mark.tokens),
    )
    return replace(kept, tokens=tokens, shortages=kept.shortages + 1, mark=None)


def close(folder: Folder) -> None:
    """Takes the mark away, where there is one: an attempt that ended in order was not killed."""
    kept = Kept.read(folder)
    if kept is None or kept.mark is None:
        return
    try:
        replace(kept, mark=None).write(folder)
    except OSError as error:  # the end's own reason must not be hidden
        logger.warning("%s cannot be written: %s", BUDGET, error)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
