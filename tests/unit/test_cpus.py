"""The CPUs of a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prompt2model_stages.cpus import THREADS, named_threads, threads_of, usable_cpus

pytestmark = pytest.mark.unit
CORES = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("max 100000", CORES), ("50000 100000", 1), ("100000 100000", 1), ("990000000 100000", CORES), ("odd", CORES)],
)
def test_second_version(tmp_path: Path, text: str, cpus: int) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert usable_cpus(tmp_path) == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("-1", CORES), ("20000", 1)])
def test_first_version(tmp_path: Path, quota: str, cpus: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == cpus


def test_no_control_group(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == CORES


@pytest.mark.parametrize(("text", "named"), [("3", 3), ("0", None), ("two", None), (None, None)])
def test_named_threads(monkeypatch: pytest.MonkeyPatch, text: str | None, named: int | None) -> None:
    monkeypatch.delenv(THREADS, raising=False)
    if text is not None:
        monkeypatch.setenv(THREADS, text)
    assert named_threads() == named


@pytest.mark.parametrize(("processes", "named", "threads"), [(1, 6, 6), (2, 6, 3), (4, 3, 1), (1, None, usable_cpus())])
def test_processes_share_the_threads(processes: int, named: int | None, threads: int) -> None:
    assert threads_of(processes, named) == threads
