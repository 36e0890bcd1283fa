"""Stages in pods and MLflow behind HTTP: recorded beside the stage, away without harm, and made up for by a job."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prompt2model_api.stage_run import Stage
from tests.fake_api_server import fake_api_server
from tests.integration.test_pod import Pod, finish, own_data, understood

pytestmark = pytest.mark.integration

PUBLIC = "https://mlflow.example"


class Tracking:
    """An MLflow server that comes and goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def come(self) -> None:
        command = [*self.server(), "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        env = {**os.environ, **self.environment()}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 600
        while not self._answers():
            assert time.monotonic() < deadline and self._process.poll() is None, "MLflow did not start"
            time.sleep(0.2)

    def server(self) -> list[str]:
        """The command, without its options."""
        return [sys.executable, "-m", "mlflow", "server"]

    def environment(self) -> dict[str, str]:
        """What stands in the server's environment."""
        return {
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }

    def go(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.uri}/health", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    def runs(self) -> dict[str, Any]:
        """All runs by name; each name once."""
        import mlflow

        client = mlflow.MlflowClient(self.uri, self.uri)
        experiment = client.get_experiment_by_name("lab/dates")
        assert experiment is not None
        found = client.search_runs([experiment.experiment_id])
        names = [run.info.run_name for run in found]
        assert len(names) == len(set(names))
        return dict(zip(names, found, strict=True))


@pytest.fixture
def tracking(tmp_path: Path) -> Iterator[Tracking]:
    (tmp_path / "mlflow").mkdir()
    server = Tracking(tmp_path / "mlflow")
    try:
        yield server
    finally:
        server.go()


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    with fake_api_server(tmp_path / "account") as api:
        yield Pod(tmp_path, api)


def recorded(pod: Pod, uri: str) -> int:
    """What the operator's job runs where something is missing in MLflow."""
    command = [sys.executable, "-m", "prompt2model_stages.tracking", str(pod.storage), "--tracking-uri", uri]
    roots = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": roots}, timeout=600).returncode


def test_a_stage_is_recorded_beside_its_work(pod: Pod, tracking: Tracking) -> None:
    tracking.come()
    understood(pod)
    settings = {"tracking_uri": tracking.uri, "tracking_public_url": PUBLIC}
    status, said = finish(pod.start(pod.job(Stage.PREPARE, own_data(pod.root / "own.csv"), **settings)))
    assert status == 0, said
    runs = tracking.runs()
    name = pod.folder(Stage.PREPARE).name
    assert set(runs) == {"dates", name}
    assert runs[name].info.status == "FINISHED"
    assert runs["dates"].info.status == "RUNNING"  # others come
    assert pod.status(Stage.PREPARE).run_url == f"{PUBLIC}/#/experiments/1/runs/{runs[name].info.run_id}"


def test_an_attempt_that_is_tried_again_stays_one_run(pod: Pod, tracking: Tracking) -> None:
    tracking.come()
    understood(pod)
    settings = {"tracking_uri": tracking.uri}
    task = pod.folder(Stage.DISCOVER) / "task.json"
    good = task.read_text()
    task.write_text("{")
    assert finish(pod.start(pod.job(Stage.PREPARE, own_data(pod.root / "own.csv"), **settings)))[0] == 3
    name = pod.folder(Stage.PREPARE).name
    run = tracking.runs()[name]
    assert (run.info.status, run.data.tags["p2m.failure.reason"]) == ("RUNNING", "Crashed")

    task.write_text(good)
    pod.api.status(pod.run_name(Stage.PREPARE))["attempt"] = 2
    again = pod.job(Stage.PREPARE, own_data(pod.root / "own.csv"), attempt=2, **settings)
    assert finish(pod.start(again))[0] == 0
    run = tracking.runs()[name]
    assert (run.info.status, run.data.tags["p2m.attempts"], run.data.tags["p2m.failure.reason"]) == (
        "FINISHED",
        "2",
        "",
    )


def test_mlflow_away_costs_the_record_alone_and_a_job_makes_up_for_it(pod: Pod, tracking: Tracking) -> None:
    understood(pod)
    job = pod.job(Stage.PREPARE, own_data(pod.root / "own.csv"), tracking_uri=tracking.uri)
    began = time.monotonic()
    assert finish(pod.start(job))[0] == 0
    assert time.monotonic() - began < 90
    told = pod.status(Stage.PREPARE)
    assert told.result is not None and told.run_url is None
    assert recorded(pod, tracking.uri) == 1

    tracking.come()
    assert recorded(pod, tracking.uri) == 0
    assert tracking.runs()[pod.folder(Stage.PREPARE).name].info.status == "FINISHED"
    assert tracking.runs()["dates"].data.tags["p2m.resource"] == "lab.dates"
