"""`p2m ui`: MLflow's pages over the runs folder, on this machine alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from prompt2model_stages.tracking.database import database_uri, no_twin_folder

HOST = "127.0.0.1"
PORT = 5000
UI_ADDRESS = f"http://{HOST}:{PORT}"
"""Where `p2m ui` serves unless it is told another port."""


def ui_command(runs: Path, port: int) -> list[str]:
    """The command that serves the pages."""
    root = runs.absolute()
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database_uri(root / "mlflow.db")]
    return [*command, "--default-artifact-root", (root / "mlartifacts").as_uri()]


def ui_environment() -> dict[str, str]:
    """Without MLflow's job runner (eight processes that nothing here needs) and without telemetry."""
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    return {**os.environ, **quiet}


def serve_ui(runs: Path, port: int) -> int:
    """Serves the pages until Ctrl-C or SIGTERM. Returns the exit status.

    Raises: FileNotFoundError, with a sentence, where nothing was recorded yet.
    """
    if not (runs / "mlflow.db").exists():
        raise FileNotFoundError(f"{runs} holds no record yet: run something first with p2m run FILE.")
    # A group of its own: `mlflow server` starts processes that would outlive it.
    with no_twin_folder(database_uri(runs / "mlflow.db")):
        process = subprocess.Popen(ui_command(runs, port), env=ui_environment(), start_new_session=True)
        before = {number: signal.signal(number, lambda *_: _end(process)) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            status = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 0 if status == -signal.SIGTERM else status


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the server with all that it started."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
