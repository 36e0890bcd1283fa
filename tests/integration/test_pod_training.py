"""Train as a RayJob runs it: the driver joins the pod's own Ray, whose head may die in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from prompt2model_api.stage_job import StageJob
from tests.fake_api_server import fake_api_server
from tests.integration.test_train_stage import DIGEST, prepare, steps_in, write_job
from tests.word_students import tiny_t5

pytestmark = pytest.mark.integration

NAME = "default/copying-train"
PORT = 26379
EPOCHS = 15


class Head:
    """A head pod's Ray, as KubeRay starts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", f"--port={PORT}"]
        command += ["--num-cpus=2", "--include-dashboard=false", f"--temp-dir={self._folder}"]
        command += ["--object-store-memory=100000000", "--disable-usage-stats", "--node-ip-address=127.0.0.1"]
        self._process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 1000
        while not (self._folder / "ray_current_cluster").exists():
            assert time.monotonic() < deadline and self._process.poll() is None, "Ray did not start"
            time.sleep(0.2)

    def die(self) -> None:
        """As when the pod is deleted without grace: everything in it at once."""
        if self._process is None:
            return
        family = [self._process, *psutil.Process(self._process.pid).children(recursive=True)]
        for process in reversed(family):
            process.kill()
        self._process.wait()
        self._process = None
        (self._folder / "ray_current_cluster").unlink(missing_ok=True)


@pytest.fixture
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder:  # a socket's path is short
        head = Head(Path(folder))
        try:
            yield head
        finally:
            head.die()


@pytest.mark.timeout(3600)
def test_the_next_attempt_goes_on_when_the_head_dies(tmp_path: Path, head: Head) -> None:
    prepare(tmp_path)
    student = tiny_t5(tmp_path / "student")
    folder = tmp_path / f"train-{DIGEST[:8]}"
    with fake_api_server(tmp_path / "account") as api:
        api.add(NAME, uid="")

        def start(attempt: int) -> subprocess.Popen[bytes]:
            api.status(NAME)["attempt"] = attempt
            job = StageJob.read(write_job(tmp_path, student, attempt, epochs=EPOCHS, checkpointEvery=25))
            environment = {
                **head.environment,
                **api.environment(),
                "RAY_ADDRESS": f"127.0.0.1:{PORT}",
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                **api.job_environment(job),
            }
            return subprocess.Popen([sys.executable, "-m", "prompt2model_stages.train"], env=environment)

        head.start()
        first = start(1)
        deadline = time.monotonic() + 1000
        while not list((folder / "checkpoints").glob("step-*/state.json")):
            assert first.poll() is None and time.monotonic() < deadline, "no checkpoint was written"
            time.sleep(0.05)
        first.kill()
        head.die()
        first.wait()
        reached = steps_in(folder)[-1]
        assert api.told("progress")

        head.start()
        second = start(2)
        try:
            assert second.wait(1000) == 0, (folder / "log-2.txt").read_text()[-3000:]
        finally:
            second.kill()
        told = [one["done"] for one in api.told("progress") if one["attempt"] == 2 and one["unit"] == "steps"]
        assert api.status(NAME)["result"]["outputs"]["steps"] == EPOCHS * 12
    assert json.loads((folder / "training.json").read_text())["beganAt"] >= 12
    steps = steps_in(folder)
    assert steps == sorted(set(steps)) and steps[-1] == EPOCHS * 12 > reached
    assert told[-1] == EPOCHS * 12
    assert (
        "going on from the checkpoint of step" in (folder / "log-2.txt").read_text()
    )  # a worker's words, in the driver's log
