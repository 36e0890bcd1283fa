"""What holds of every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests import dealing

# Several tests run at once. Threads of one computation that wait for each other on busy cores take fifty times as long;
# one thread needs no other. Before torch is imported, and for every process that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Hypothesis fails an example that takes over 200 ms: a slow or busy machine is no error.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several workers share the tests, the longest are begun first."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = [items[place] for place in dealing.order([item.nodeid for item in items], workers)]
