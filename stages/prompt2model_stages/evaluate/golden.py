"""Chooses the golden requests. A service that does not reproduce them is not ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from prompt2model_stages.examples import Pair
from prompt2model_stages.splits import Row

WANTED = 5
TRIED = 20


class Answering(Protocol):
    """What answers texts: the student."""

    def __call__(self, texts: list[str], batch_size: int) -> list[str]:
        """An answer to each text, so many at a time."""


def golden_requests(rows: Sequence[Row], answer: Answering) -> list[Pair]:
    """A few inputs of different texts, each answered alone.

    A request whose answer changes with its batch (rounding tips a near tie) would make a good service look broken, so
    those that are answered alike alone and together come first, and empty answers last.

    Args:
        rows: to choose from.
        answer: the student.
    """
    chosen = list({row.input: row for row in rows}.values())[:TRIED]
    if not chosen:
        return []
    together = answer([row.text for row in chosen], len(chosen))
    alone: dict[int, str] = {}
    for i in sorted(range(len(chosen)), key=lambda i: not together[i].strip()):
        alone[i] = answer([chosen[i].text], 1)[0]
        if sum(alone[k] == together[k] and bool(alone[k].strip()) for k in alone) == WANTED:
            break
    best = sorted(alone, key=lambda i: (alone[i] != together[i], not alone[i].strip()))[:WANTED]
    return [Pair(chosen[i].input, alone[i]) for i in sorted(best)]
