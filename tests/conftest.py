"""What holds of every test."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis fails an example that takes over 200 ms: a slow or busy machine is no error.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
