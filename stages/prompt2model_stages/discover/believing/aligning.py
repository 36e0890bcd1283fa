"""Where in the prompt an answer's texts stand: one after the other, as near to each other as they can be.

A short text such as `2` or `yes` occurs in many places. Demonstrations stand together, so of all places in the right
order those are taken that have the least text between them.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_stages.discover.believing.values import Piece, Value
from prompt2model_stages.discover.believing.views import Span

_LOOSE_END = 1000
"""What it costs, in characters, that a text ends within a run of characters of a script without spaces."""


@dataclass(frozen=True)
class Placed:
    """A demonstration in the prompt: the spans of its input and of its output."""

    given: list[Span]
    output: list[Span]

    @property
    def start(self) -> int:
        """Where the first of the two begins."""
        return min(self.given[0].start, self.output[0].start)

    @property
    def end(self) -> int:
        """Where the last of the two ends."""
        return max(self.given[-1].end, self.output[-1].end)


def placed(pairs: Sequence[tuple[Value, Value]], output_first: bool = False) -> list[Placed] | None:
    """The demonstrations' places in the prompt's order; None where there are none.

    Args:
        pairs: where each input and each output can be.
        output_first: whether each output stands before its input.
    """
    halves = [(output, given) if output_first else (given, output) for given, output in pairs]
    chosen = _nearest([piece for pair in halves for half in pair for piece in half.pieces])
    if chosen is None:
        return None
    found, at = [], 0
    for first, second in halves:
        middle, end = at + len(first.pieces), at + len(first.pieces) + len(second.pieces)
        spans = chosen[at:middle], chosen[middle:end]
        found.append(Placed(*reversed(spans)) if output_first else Placed(*spans))
        at = end
    return found


def _nearest(pieces: Sequence[Piece]) -> list[Span] | None:
    """One span of each piece, in order and apart, with the least text between them."""
    costs = [float(_LOOSE_END * span.loose_ends) for span in pieces[0].spans] if pieces else []
    came: list[list[int]] = []
    for before, piece in itertools.pairwise(pieces):
        best = _best_until(before.spans, costs)
        ends = [end for end, _, _ in best]
        costs, back = [], []
        for span in piece.spans:
            at = bisect_right(ends, span.start) - 1
            costs.append(best[at][1] + span.start + _LOOSE_END * span.loose_ends if at >= 0 else float("inf"))
            back.append(best[at][2] if at >= 0 else -1)
        came.append(back)
    if not costs or min(costs) == float("inf"):
        return None
    at = costs.index(min(costs))
    chosen = [at]
    for back in reversed(came):
        chosen.append(back[chosen[-1]])
    return [piece.spans[at] for piece, at in zip(pieces, reversed(chosen), strict=True)]


def _best_until(spans: Sequence[Span], costs: Sequence[float]) -> list[tuple[int, float, int]]:
    """For each end of a span, in order: the least cost of a chain that ends there or before, less its end, and its index."""
    best: list[tuple[int, float, int]] = []
    for cost, end, index in sorted((costs[i] - span.end, span.end, i) for i, span in enumerate(spans)):
        best.append((end, cost, index))
    best.sort(key=lambda entry: entry[0])
    least: list[tuple[int, float, int]] = []
    for end, cost, index in best:
        if cost == float("inf") or (least and least[-1][1] <= cost):
            continue
        least.append((end, cost, index))
    return least
