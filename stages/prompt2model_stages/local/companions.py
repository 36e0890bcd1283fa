"""The processes beside the stages: the embedded teacher, the recorder for MLflow, the service."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from prompt2model_api.snapshot import Deploy, ObservedService
from prompt2model_api.spec.teacher import Budget, Limits, TeacherSpec
from prompt2model_api.stage_run import StageRun
from prompt2model_api.texts import cut
from prompt2model_stages import processes
from prompt2model_stages.errors import blocked
from prompt2model_stages.local.run_folder import RunFolder

TEACHER_SLOTS = 4
TEACHER_START_S = 120.0
SERVICE_START_S = 180.0


@dataclass
class EmbeddedTeacherProcess:
    """llama.cpp's server with SmolLM2-135M-Instruct, started when the first stage asks for it."""

    run_folder: RunFolder
    process: subprocess.Popen[bytes] | None = None
    seconds: float = 0.0

    def teacher(self) -> TeacherSpec:
        """The teacher's settings, the server running. Raises: StageError where it does not start."""
        ready = self.run_folder.path / "teacher" / "embedded.json"
        if self.process is None or self.process.poll() is not None:
            self._start(ready)
        told = json.loads(ready.read_bytes())
        return TeacherSpec(
            base_url=told["baseURL"],
            model=told["model"],
            limits=Limits(concurrency=TEACHER_SLOTS),
            budget=Budget(unlimited=True),
        )

    def stop(self) -> None:
        """Ends the server."""
        if self.process is not None:
            processes.stop(self.process)
            self.process = None

    def _start(self, ready: Path) -> None:
        began = time.monotonic()
        ready.unlink(missing_ok=True)
        log = self.run_folder.path / "teacher" / "embedded.log"
        command = [sys.executable, "-m", "prompt2model_stages.teacher.embedded"]
        command += ["--port", "0", "--slots", str(TEACHER_SLOTS), "--ready-file", str(ready)]
        self.process = processes.start(command, self.run_folder.path, log, {})
        if not processes.wait_until(ready, self.process, TEACHER_START_S):
            message = f"The embedded teacher did not start: {last_line(log)}"
            raise blocked("EmbeddedTeacherDown", message, f"See {log}.")
        self.seconds += time.monotonic() - began


@dataclass
class ServiceProcess:
    """The BentoML service on this machine."""

    run_folder: RunFolder
    port: int
    truncate: bool = False
    process: subprocess.Popen[bytes] | None = None
    digest: str = ""
    seconds: float = 0.0
    began: float = field(default=0.0)
    ready: bool = False

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def deploy(self, action: Deploy, runs: dict[str, StageRun]) -> None:
        """Starts a service for this model, in the place of an earlier one, and notes what it answers with."""
        self.stop()
        train, evaluate = (self.run_folder.stage_path(runs[name]) for name in (action.train, action.evaluate))
        self.run_folder.folder.write_json(
            "deploying.json",
            {
                "trainDigest": runs[action.train].spec.digest,
                "evaluateDigest": action.digest,
                "train": train.name,
                "evaluate": evaluate.name,
                "modelSha256": action.model_sha256,
            },
        )
        self.start(train, evaluate, action.model_sha256, action.digest)

    def start(self, train: Path, evaluate: Path, sha256: str, digest: str) -> None:
        """Starts the service with a trained model and its golden requests."""
        self.port, self.digest, self.ready = free_port(self.port), digest, False
        self.began = time.monotonic()
        command = [sys.executable, "-m", "prompt2model_stages.service", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--model", str(train / "model"), "--sha256", sha256, "--golden", str(evaluate / "golden.json")]
        command += ["--truncate"] if self.truncate else []
        path = self.run_folder.path
        self.process = processes.start(
            command, path, path / "service.log", {"BENTOML_DO_NOT_TRACK": "True", "OMP_WAIT_POLICY": "PASSIVE"}
        )

    def look(self) -> ObservedService | None:
        """The service as `decide` sees it; the first time that it is ready, it counts as deployed."""
        if self.process is None:
            return None
        if not self.ready and self.process.poll() is None and self._answers():
            self.ready, self.seconds = True, time.monotonic() - self.began
            deploying = self.run_folder.path / "deploying.json"
            if deploying.exists():
                deploying.replace(self.run_folder.path / "deployed.json")
        late = not self.ready and time.monotonic() - self.began > SERVICE_START_S
        failure = None
        if self.process.poll() is not None or late:
            log = self.run_folder.path / "service.log"
            why = f"not ready after {SERVICE_START_S:.0f} s" if late else "ended"
            failure = blocked("ServiceDown", f"The service {why}: {last_line(log)}", f"See {log}.").failure
        return ObservedService(digest=self.digest, ready=self.ready, url=self.url, failure=failure)

    def stop(self) -> None:
        """Ends the service; requests in flight are answered."""
        if self.process is not None:
            processes.stop(self.process, grace_s=10)
            self.process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


def free_port(wanted: int) -> int:
    """The wanted port where it is free, else the next free one."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise blocked("NoFreePort", f"No free port from {wanted} on.", "Name another with --port.")


def last_line(log: Path) -> str:
    """The last line of a log that says something."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "it wrote no log"
    return next((cut(line.strip(), 400) for line in reversed(lines) if line.strip()), "it wrote nothing")
