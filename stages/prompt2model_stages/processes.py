"""Processes that a run starts, and what is left of them after it was killed.

Every process carries the run's folder in its environment, and so do its children (Ray's too). A run that starts ends
whatever still carries its folder: nothing else on the machine is touched.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import psutil

from prompt2model_api.environment_names import P2M_RUN_FOLDER

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def start(
    command: Sequence[str], folder: Path | str, log: Path | None, extra: Mapping[str, str], *, told: bool = False
) -> subprocess.Popen[bytes]:
    """Starts a process in a group of its own, its output appended to `log`; it ends when this process dies.

    Without `log` its output goes where this process' own goes. With `told` its standard input is a pipe.

    Raises: OSError where the log cannot be written or the program is missing.
    """
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") if log is not None else nullcontext() as out:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE if told else subprocess.DEVNULL,
            stdout=out,
            stderr=None if log is None else subprocess.STDOUT,
            env={**os.environ, **extra, P2M_RUN_FOLDER: str(folder)},
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def stop(process: subprocess.Popen[bytes], grace_s: float = 5.0) -> None:
    """Ends a process and its group: asked first, killed after `grace_s` seconds."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def orphans(folder: Path) -> list[psutil.Process]:
    """Living processes that an earlier run in this folder left behind."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _mark_of(p) == str(folder)]


def end_orphans(folder: Path, grace_s: float = 3.0) -> int:
    """Ends what an earlier run left behind; returns how many processes that were."""
    found = orphans(folder)
    for process in found:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(found, timeout=grace_s)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=grace_s)
    return len(found)


def tree_memory(pids: Sequence[int]) -> int:
    """Bytes of memory of the processes and all their children, without what they share with others."""
    total, seen = 0, set[int]()
    for pid in pids:
        try:
            whole = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            continue
        for process in whole:
            if process.pid not in seen:
                seen.add(process.pid)
                total += _memory(process)
    return total


def wait_until(path: Path, process: subprocess.Popen[bytes], limit_s: float) -> bool:
    """Whether the file came before the process ended or the time was over."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists():
            return True
        time.sleep(0.05)
    return path.exists()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return str(process.environ().get(P2M_RUN_FOLDER)) if process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError):
        return None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return


def _memory(process: psutil.Process) -> int:
    """Resident and not shared. The kernel's proportional figure would be better, and takes 50 ms of a large process."""
    try:
        memory = process.memory_info()
        return int(memory.rss - memory.shared)
    except psutil.Error:
        return 0
