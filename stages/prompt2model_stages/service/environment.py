"""What the service's process tells the worker that BentoML starts for it, and how the worker ends with it."""

from __future__ import annotations

import ctypes
import os
import signal

MODEL = "P2M_SERVICE_MODEL"
"""Local folder with the model, its SHA-256 already checked."""

GOLDEN = "P2M_SERVICE_GOLDEN"
"""Local file with the golden requests."""

NAME = "P2M_SERVICE_NAME"
"""The name in the documentation page and in the metrics."""

PARENT = "P2M_SERVICE_PARENT"
"""Process id of the service's own process."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Lets this process get SIGTERM when the process that started it ends in any way, kill -9 included."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    parent = os.environ.get(PARENT)
    if parent is not None and os.getppid() != int(parent):  # it ended before the line above
        os.kill(os.getpid(), signal.SIGTERM)
