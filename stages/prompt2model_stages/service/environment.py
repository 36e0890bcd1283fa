"""How the worker that BentoML starts for the service ends with the service's process."""

from __future__ import annotations

import ctypes
import os
import signal

from prompt2model_api.environment_names import P2M_SERVICE_PARENT

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Lets this process get SIGTERM when the process that started it ends in any way, kill -9 included."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    parent = os.environ.get(P2M_SERVICE_PARENT)
    if parent is not None and os.getppid() != int(parent):  # it ended before the line above
        os.kill(os.getpid(), signal.SIGTERM)
