"""How much memory this process may use, and how much of it is left: a container's limit is not the machine's memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
PROC = Path("/proc")


@dataclass(frozen=True)
class Memory:
    """In bytes.

    limit: beyond it the kernel kills: the smallest limit of the control groups, else the machine's memory.
    free: what may still be allocated below every limit; the cache of files counts as free.
    """

    limit: int
    free: int


def usable_memory(cgroup: Path = CGROUP, proc: Path = PROC) -> Memory:
    """Of this process, as things are now."""
    machine = _sizes(proc / "meminfo")
    found = [Memory(machine["MemTotal"], machine.get("MemAvailable", machine["MemTotal"]))]
    for group in _groups(cgroup, proc):
        if (memory := _of_group(group)) is not None:
            found.append(memory)
    return Memory(min(memory.limit for memory in found), max(0, min(memory.free for memory in found)))


def resident_memory(proc: Path = PROC) -> tuple[int, int]:
    """Bytes of this process in memory: now, and at the most so far."""
    sizes = _sizes(proc / "self" / "status")
    return sizes["VmRSS"], sizes.get("VmHWM", sizes["VmRSS"])


def _groups(cgroup: Path, proc: Path) -> list[Path]:
    """Folders of the memory control groups that this process is in, from its own up to the root.

    A container often sees its own group as the root, and a path in /proc/self/cgroup that is not there.
    """
    found: list[Path] = []
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    roots = {"": [cgroup, cgroup / "unified"], "memory": [cgroup / "memory"]}
    for line in [*lines, "0::/", "0:memory:/"]:
        _, controllers, path = line.split(":", 2)
        for root in roots.get("memory" if "memory" in controllers.split(",") else controllers, []):
            parts = [part for part in path.split("/") if part]
            found += [root.joinpath(*parts[:length]) for length in range(len(parts), -1, -1)]
    return list(dict.fromkeys(found))


def _of_group(group: Path) -> Memory | None:
    """Limit of a control group and what is left of it (version 2, else 1); None where it has no limit."""
    for limit_file, usage_file, prefix in (
        ("memory.max", "memory.current", ""),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    ):
        limit, usage = _number(group / limit_file), _number(group / usage_file)
        if limit is not None and usage is not None and limit < 2**60:  # version 1 writes "no limit" as a huge number
            statistics = _statistics(group / "memory.stat")
            cache = sum(statistics.get(f"{prefix}{kind}_file", 0) for kind in ("active", "inactive"))
            return Memory(limit, limit - usage + cache)
    return None


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None


def _statistics(file: Path) -> dict[str, int]:
    try:
        pairs = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _sizes(file: Path) -> dict[str, int]:
    """The lines `Name:  12 kB` of a file in /proc, in bytes."""
    found = re.findall(r"^(\w+):\s+(\d+) kB$", file.read_text(), re.MULTILINE)
    return {name: int(number) * 1024 for name, number in found}
