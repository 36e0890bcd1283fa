"""What holds of every test."""

from __future__ import annotations

import os

from hypothesis import settings

# Several tests run at once. Threads of one computation that wait for each other on busy cores take fifty times as long;
# one thread needs no other. Before torch is imported, and for every process that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Hypothesis fails an example that takes over 200 ms: a slow or busy machine is no error.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
