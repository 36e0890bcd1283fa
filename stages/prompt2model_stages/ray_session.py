"""Ray for as long as a stage needs it: a cluster's where RAY_ADDRESS names one, else one on this machine.

A local Ray is the stage's own and ends with it. Ray binds its processes to the life of the one that started them
(PR_SET_PDEATHSIG): after a kill -9 of the stage the workers are gone in 3 s, the last of Ray's own agents in 15 s. Its
folder of sockets and logs stays, and the next session sweeps it up.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import blocked

FOLDER = "p2m-ray-"
"""Short: a socket's whole path must stay below 108 characters."""

OBJECT_STORE_BYTES = 256 * 1024**2
"""The stages pass references and small values; Ray's default would take 30 % of the memory."""

logger = logging.getLogger(__name__)

STARTS = 3
"""Tries in one attempt: Ray waits 30 s for a node's processes, and that cannot be set."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray would run workers at niceness 15: training is the work, not a guest.
    "RAY_worker_niceness": "0",
}
for _name, _value in QUIET.items():  # here, since Ray reads some of them when it is imported
    os.environ.setdefault(_name, _value)


@contextmanager
def ray_session(context: StageContext, num_cpus: int | None = None) -> Iterator[None]:
    """Starts or joins Ray for the block; the seconds that it took go to context.starts["ray"].

    Args:
        context: the stage's.
        num_cpus: logical CPUs of a local Ray, the machine's where nothing is said, two at the least: an actor that
            waits for others must not keep the only one.
    """
    began = time.monotonic()
    import ray  # takes seconds, so it counts as a part of the start

    address = os.environ.get("RAY_ADDRESS")
    folder = None if address else _folder()
    options: dict[str, Any] = {"address": address} if address else _local(folder, num_cpus)
    on_end = signal.getsignal(signal.SIGTERM)
    try:
        # In a cluster the workers' words are nowhere to be found later, but in the driver's log.
        _start({"log_to_driver": address is not None, **options})
        signal.signal(signal.SIGTERM, on_end)  # Ray puts its own there
        context.starts["ray"] = time.monotonic() - began
        yield
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _start(options: dict[str, Any]) -> None:
    """Starts or joins Ray. Raises: StageError Blocked, RayDidNotStart: a busy machine is not the work's fault."""
    import ray

    for left in reversed(range(STARTS)):
        try:
            ray.init(logging_level=logging.WARNING, configure_logging=False, **options)
            return
        except (TypeError, ValueError):  # ours, not the machine's
            raise
        except Exception as error:  # Ray has no exception of its own for a process that is not there in time
            why = " ".join(str(error).split()) or type(error).__name__
            logger.warning("Ray did not start: %s", why)
            ray.shutdown()
            if not left:
                raise blocked(
                    "RayDidNotStart",
                    f"Ray did not start, {STARTS} times in a row: {why}",
                    "It is tried again by itself. If it stays so, give the machine less other work, or the pod more CPU.",
                ) from error


def _local(folder: Path | None, num_cpus: int | None) -> dict[str, Any]:
    # Ray asks for a token in any case; without this it writes one into the home folder, which a pod may not have.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    return {
        "address": "local",
        "num_cpus": max(2, num_cpus or os.cpu_count() or 1),
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_temp_dir": str(folder),
    }


def _folder() -> Path:
    """A new folder for this process; those of processes that are gone are removed."""
    root = Path(tempfile.gettempdir())
    for left in root.glob(f"{FOLDER}*"):
        pid = left.name.removeprefix(FOLDER)
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = root / f"{FOLDER}{os.getpid()}"
    folder.mkdir(exist_ok=True)
    return folder
