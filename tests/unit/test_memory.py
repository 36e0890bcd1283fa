"""The memory of a container: limits of control groups in both versions, nested ones too, and what is left of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt2model_stages.memory import Memory, resident_memory, usable_memory

pytestmark = pytest.mark.unit

GIB = 2**30
MACHINE = Memory(16 * GIB, 12 * GIB)


def machine(root: Path, cgroup: str = "") -> Path:
    """A /proc of a machine with 16 GiB of which 12 are free."""
    (root / "self").mkdir(parents=True)
    sizes = (
        f"MemTotal: {16 * GIB // 1024} kB\nMemFree: 1024 kB\nMemAvailable: {12 * GIB // 1024} kB\nHugePages_Total: 0\n"
    )
    (root / "meminfo").write_text(sizes)
    (root / "self" / "cgroup").write_text(cgroup)
    return root


def group(folder: Path, version: int, limit: object, usage: int, cache: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for name, value in zip(names, (limit, usage), strict=True):
        (folder / name).write_text(f"{value}\n")
    prefix = "" if version == 2 else "total_"
    lines = [f"anon {usage - cache}", f"{prefix}active_file {cache // 2}", f"{prefix}inactive_file {cache // 2}"]
    (folder / "memory.stat").write_text("\n".join(lines) + "\n")


def test_without_control_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert usable_memory(tmp_path / "none", machine(tmp_path / "proc")) == MACHINE


@pytest.mark.parametrize("version", [2, 1])
def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path, version: int) -> None:
    path = "/kubepods/pod1/container"
    root = tmp_path / "cgroup"
    group(root if version == 2 else root / "memory", version, 4 * GIB, 3 * GIB, cache=2 * GIB)
    proc = machine(tmp_path / "proc", f"0::{path}\n" if version == 2 else f"4:memory:{path}\n1:cpu,cpuacct:/\n")
    assert usable_memory(root, proc) == Memory(4 * GIB, 3 * GIB)


@pytest.mark.parametrize("version", [2, 1])
def test_the_smallest_limit_from_the_own_group_to_the_root_counts(tmp_path: Path, version: int) -> None:
    root = tmp_path / "cgroup"
    top = root if version == 2 else root / "memory"
    group(top / "slice", version, 2 * GIB, GIB)
    group(top / "slice" / "own", version, 3 * GIB, GIB // 2)
    proc = machine(tmp_path / "proc", "0::/slice/own\n" if version == 2 else "4:memory:/slice/own\n")
    assert usable_memory(root, proc) == Memory(2 * GIB, GIB)


@pytest.mark.parametrize(("version", "unlimited"), [(2, "max"), (1, 9223372036854771712)])
def test_a_group_without_a_limit_does_not_count(tmp_path: Path, version: int, unlimited: object) -> None:
    root = tmp_path / "cgroup"
    group(root if version == 2 else root / "memory", version, unlimited, GIB)
    assert usable_memory(root, machine(tmp_path / "proc")) == MACHINE


def test_a_limit_beyond_the_machine_is_the_machines(tmp_path: Path) -> None:
    group(tmp_path / "cgroup", 2, 64 * GIB, GIB)
    assert usable_memory(tmp_path / "cgroup", machine(tmp_path / "proc")) == MACHINE


def test_this_process_has_memory_on_this_machine() -> None:
    now, most = resident_memory()
    assert 0 < now <= most < usable_memory().limit
