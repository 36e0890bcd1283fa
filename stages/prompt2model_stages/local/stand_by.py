"""Processes of the next stages, started early: while one stage works, the next ones import what they need.

A stage's imports take seconds, in which nothing else of the run could go on.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from prompt2model_api.stage_run import Stage
from prompt2model_stages import processes
from prompt2model_stages.stage_process import STAND_BY

AHEAD = 2
"""How many stages are kept ready: a short one leaves the one after it no time to import."""


class StandBys:
    """At most one waiting process a stage."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._waiting: dict[Stage, subprocess.Popen[bytes]] = {}

    def prepare(self, stages: list[Stage]) -> None:
        """Starts processes for the first of these stages that have none."""
        for stage in stages[:AHEAD]:
            if stage not in self._waiting:
                log = self._folder / "stand_by.log"
                self._waiting[stage] = processes.start(
                    command(stage, STAND_BY), self._folder, log, self._environment, told=True
                )

    def take(self, stage: Stage, job: Path) -> subprocess.Popen[bytes] | None:
        """The stage's process, told to work on this job; None where none waits."""
        process = self._waiting.pop(stage, None)
        if process is None or process.poll() is not None or process.stdin is None:
            return None
        try:
            with process.stdin as line:
                line.write(f"{job}\n".encode())
        except OSError:  # it ended this moment
            processes.stop(process)
            return None
        return process

    def close(self) -> None:
        """Ends what waits."""
        for process in self._waiting.values():
            processes.stop(process, grace_s=0.5)
            if process.stdin is not None:
                process.stdin.close()
        self._waiting.clear()


def command(stage: Stage, job: str) -> list[str]:
    """The command line of a stage's process."""
    return [sys.executable, "-m", f"prompt2model_stages.{stage.value}", job]
