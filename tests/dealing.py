"""In which order tests run, so that no worker of several is left alone with the longest ones.

xdist's worksteal gives each worker a part of the list, in its order, and who is through takes from the end of another's part.
So each part begins with its share of the long modules; a module stays whole, since its tests share what they set up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import PurePosixPath

LONGEST = (
    "test_local_run_stops",
    "test_train_stage",
    "test_local_run",
    "test_s3",
    "test_local_run_difficult",
    "test_pod_training",
    "test_mlflow_login",
    "test_train_memory",
    "test_generate_stage",
)
"""Modules that take a minute and more, the longest first (`make test` lists its slowest tests)."""


def order(tests: Sequence[str], workers: int) -> list[int]:
    """The places of the tests in the order in which they are to be listed.

    Args:
        tests: their node IDs, in the order in which they were collected.
        workers: among which xdist divides the list.
    """
    hands: list[list[int]] = [[] for _ in range(workers)]
    for number, module in enumerate(LONGEST):
        turn, place = divmod(number, workers)
        hand = hands[place if turn % 2 == 0 else workers - 1 - place]  # there and back: the sums are nearly equal
        hand += [i for i, test in enumerate(tests) if _module(test) == module]
    rest = iter([i for i, test in enumerate(tests) if _module(test) not in LONGEST])
    listed: list[int] = []
    for number, hand in enumerate(hands):
        size = (len(tests) - len(listed)) // (workers - number)
        listed += hand
        listed += islice(rest, max(0, size - len(hand)))
    return [*listed, *rest]


def _module(test: str) -> str:
    return PurePosixPath(test.partition("::")[0]).stem
