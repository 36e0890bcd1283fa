"""How many CPUs this process may use: a container's limit is no affinity, and libraries count the node's cores."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
THREADS = "OMP_NUM_THREADS"


def usable_cpus(cgroup: Path = CGROUP) -> int:
    """Cores that this process may run on, or what the container's limit comes to where that is less; at least 1."""
    cores = len(os.sched_getaffinity(0))
    limit = _limit(cgroup)
    return max(1, cores if limit is None else min(cores, math.ceil(limit)))


def limit_threads() -> None:
    """Makes libraries that are loaded later compute with no more threads than the container's limit has CPUs.

    Threads beyond it would spend their share at once and then be stopped together for the rest of each period.
    """
    if usable_cpus() < len(os.sched_getaffinity(0)):
        os.environ.setdefault(THREADS, str(usable_cpus()))


def threads_of(processes: int, named: int | None = None) -> int:
    """Threads of each of so many processes that compute side by side; at least 1.

    Args:
        processes: on this machine.
        named: by OMP_NUM_THREADS, all of them together; None: as many as there are CPUs.
    """
    return max(1, (named or usable_cpus()) // processes)


def named_threads() -> int | None:
    """What OMP_NUM_THREADS says to this process; None where it says nothing that is a number."""
    named = os.environ.get(THREADS, "")
    return int(named) if named.isdigit() and int(named) > 0 else None


def multiplies_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 faster than fp32."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _limit(cgroup: Path) -> float | None:
    """CPUs by the control group's quota (version 2, else 1); None where there is none."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:  # "max", or -1
        return None
    return int(quota) / int(period)
