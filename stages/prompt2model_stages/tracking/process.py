"""The recorder as a process beside what it records: in what the stages leave of the machine, and never waited for long."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from prompt2model_stages import processes

QUIET = {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@dataclass
class RecorderProcess:
    """Follows a resource's folder.

    folder: URI of <root>/<namespace>/<name>.
    tracking_uri: MLflow's.
    artifacts: folder or URI for the artifacts of a new experiment; by default MLflow's own.
    stage_folder: name of the one stage run that is recorded; by default all are.
    log: where its output goes; by default to this process' own.
    """

    folder: str
    tracking_uri: str
    artifacts: str | None = None
    stage_folder: str | None = None
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts to follow."""
        command = [sys.executable, "-m", "prompt2model_stages.tracking", self.folder]
        command += ["--tracking-uri", self.tracking_uri, "--follow", "--listen"]
        command += ["--artifacts", self.artifacts] if self.artifacts else []
        command += ["--stage", self.stage_folder] if self.stage_folder else []
        self.process = processes.start(["nice", "-n", "10", *command], self.folder, self.log, QUIET, told=True)

    def finish(self, limit_s: float = 120.0) -> bool:
        """Lets it record what is left; whether it got that far in time."""
        if self.process is None:
            return True
        if self.process.stdin is not None:
            self.process.stdin.close()  # a signal would kill it where it has just been started
        try:
            return self.process.wait(limit_s) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            processes.stop(self.process)
            self.process = None

    def stop(self) -> None:
        """Ends it where it is; what is missing is recorded another time."""
        if self.process is not None:
            processes.stop(self.process, grace_s=0)
            if self.process.stdin is not None:
                self.process.stdin.close()
            self.process = None
