"""A stage as its pod runs it: the job in the environment, the API server played over TLS, storage in a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.spec.teacher import Budget, TeacherSpec
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec, StageRunStatus
from tests.fake_api_server import FakeApiServer, fake_api_server
from tests.fake_teacher import fake_teacher

pytestmark = pytest.mark.integration

DIGEST = "ab" * 32
NAME = "dates-{}-abababab"


@dataclass
class Pod:
    """What a pod's stage meets: storage, the API server, and nothing else."""

    root: Path
    api: FakeApiServer

    @property
    def storage(self) -> Path:
        return self.root / "storage" / "lab" / "dates"

    def folder(self, stage: Stage) -> Path:
        return self.storage / f"{stage.value}-{DIGEST[:8]}"

    def run_name(self, stage: Stage) -> str:
        return f"lab/{NAME.format(stage.value)}"

    def status(self, stage: Stage) -> StageRunStatus:
        return StageRunStatus.model_validate(self.api.status(self.run_name(stage)))

    def job(self, stage: Stage, parameters: dict[str, Any], attempt: int = 1, **settings: Any) -> StageJob:
        spec = StageRunSpec(
            resource="dates",
            stage=stage,
            digest=DIGEST,
            storage=str(self.storage),
            parameters=parameters,
            inputs={} if stage is Stage.DISCOVER else {"discover": f"discover-{DIGEST[:8]}"},
        )
        metadata = Metadata(name=NAME.format(stage.value), namespace="lab", uid="u-1")
        resource = Prompt2Model(
            metadata=Metadata(name="dates", namespace="lab"), spec=Prompt2ModelSpec(prompt="Write the date.")
        )
        return StageJob(
            stage_run=StageRun(metadata=metadata, spec=spec, status=StageRunStatus(attempt=attempt)),
            attempt=attempt,
            settings=StageSettings(**settings),
            resource=resource,
        )

    def start(self, job: StageJob) -> subprocess.Popen[bytes]:
        stage = job.stage_run.spec.stage
        if self.run_name(stage) not in self.api.stage_runs:
            self.api.add(self.run_name(stage), job.attempt)
        environment = {
            **os.environ,
            **self.api.environment(),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "HF_HUB_OFFLINE": "1",
            **self.api.job_environment(job),
            "P2M_TEACHER_API_KEY": "sk-very-secret-key",
        }
        command = [sys.executable, "-m", f"prompt2model_stages.{stage.value}"]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    with fake_api_server(tmp_path / "account") as api:
        yield Pod(tmp_path, api)


def finish(process: subprocess.Popen[bytes], limit_s: float = 600) -> tuple[int, str]:
    """The exit status and what `kubectl logs` would show."""
    try:
        _, said = process.communicate(timeout=limit_s)
        return process.returncode, said.decode()
    finally:
        process.kill()


def until(condition: Callable[[], object], limit_s: float = 300) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def understood(pod: Pod) -> None:
    """What discover leaves."""
    pod.folder(Stage.DISCOVER).mkdir(parents=True)
    task = {"instruction": "Write the date.", "demonstrations": []}
    (pod.folder(Stage.DISCOVER) / "task.json").write_text(json.dumps(task))


def own_data(file: Path) -> dict[str, Any]:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("input,output\n" + "".join(f"day {n},2021-05-{n:02}\n" for n in range(1, 29)))
    return {"datasets.maxRows": 100, "datasets.own": {"uri": str(file)}, "seed": 1}


def slow_discover(pod: Pod, url: str) -> StageJob:
    teacher = TeacherSpec(base_url=url, model="fake", budget=Budget(unlimited=True))
    parameters = {"prompt": "Spell a number backwards.", "teacher.baseURL": url, "teacher.model": "fake"}
    return pod.job(Stage.DISCOVER, parameters, teacher=teacher)


def test_a_stage_from_job_to_result(pod: Pod) -> None:
    understood(pod)
    status, said = finish(pod.start(pod.job(Stage.PREPARE, own_data(pod.root / "own.csv"))))
    assert status == 0, said
    told, folder = pod.status(Stage.PREPARE), pod.folder(Stage.PREPARE)
    assert told.result is not None and told.progress is not None
    assert told.result.outputs.rows and told.result.outputs.rows["train"] > 10
    assert (told.result.attempt, told.result.digest) == (1, DIGEST)
    assert told.progress.done == 5
    assert told.phase == "Running"  # that is the operator's to write
    noted = StageRun.model_validate_json((folder / "stage_run.json").read_bytes())
    assert noted.status.phase == "Running"
    assert "Write the date." in (pod.storage / "resource.yaml").read_text()
    assert (folder / "log-1.txt").exists()

    pod.api.status(pod.run_name(Stage.PREPARE)).pop("result")  # never heard of, and the work is done all the same
    again = pod.job(Stage.PREPARE, {"seed": 2}, attempt=2)
    pod.api.status(pod.run_name(Stage.PREPARE))["attempt"] = 2
    assert finish(pod.start(again))[0] == 0
    assert pod.status(Stage.PREPARE).result == told.result.model_copy(update={"attempt": 2})


def test_a_failure_is_reported_and_its_log_kept(pod: Pod) -> None:
    understood(pod)
    status, said = finish(pod.start(pod.job(Stage.PREPARE, {"datasets.own": {"uri": "/nowhere/own.csv"}})))
    assert status == 3, said
    reported = pod.status(Stage.PREPARE).reported_failure
    assert reported is not None and reported.attempt == 1
    assert (reported.failure.state, reported.failure.reason) == ("Failed", "FileMissing")

    crashing = pod.job(Stage.PREPARE, {"datasets.own": {"uri": str(pod.root)}, "datasets.maxRows": 1}, attempt=2)
    (pod.folder(Stage.DISCOVER) / "task.json").write_text("{")
    pod.api.status(pod.run_name(Stage.PREPARE))["attempt"] = 2
    status, said = finish(pod.start(crashing))
    assert status == 3
    reported = pod.status(Stage.PREPARE).reported_failure
    assert reported is not None and (reported.attempt, reported.failure.reason) == (2, "Crashed")
    kept = (pod.folder(Stage.PREPARE) / "log-2.txt").read_text()
    assert "Traceback" in kept
    assert kept == said


def test_storage_that_takes_nothing_blocks(pod: Pod) -> None:
    pod.storage.parent.parent.mkdir()
    pod.storage.parent.write_text("a file where the namespace's folder should be")
    status, said = finish(pod.start(pod.job(Stage.PREPARE, {})))
    assert status == 3, said
    reported = pod.status(Stage.PREPARE).reported_failure
    assert reported is not None
    assert (reported.failure.state, reported.failure.reason) == ("Blocked", "StorageUnavailable")


def test_sigterm_ends_it_quickly(pod: Pod) -> None:
    with fake_teacher(latency_s=2) as teacher:
        process = pod.start(slow_discover(pod, teacher.url))
        until(lambda: teacher.bodies)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status, said = finish(process)
    assert status == 143, said
    assert time.monotonic() - began < 9
    assert pod.status(Stage.DISCOVER).result is None
    assert "told to end" in (pod.folder(Stage.DISCOVER) / "log-1.txt").read_text()


@pytest.mark.parametrize("change", ["gone", "another attempt"])
def test_an_unwanted_attempt_ends_itself(pod: Pod, change: str) -> None:
    with fake_teacher(latency_s=60) as teacher:
        process = pod.start(slow_discover(pod, teacher.url))
        until(lambda: teacher.bodies)
        if change == "gone":
            pod.api.stage_runs.clear()
        else:
            pod.api.status(pod.run_name(Stage.DISCOVER))["attempt"] = 2
        began = time.monotonic()
        status, said = finish(process)
    assert status == 4, said
    assert time.monotonic() - began < 20


def test_an_api_server_that_is_away_keeps_nothing_waiting(pod: Pod) -> None:
    understood(pod)
    pod.api.add(pod.run_name(Stage.PREPARE))
    pod.api.go()
    process = pod.start(pod.job(Stage.PREPARE, own_data(pod.root / "own.csv")))
    until((pod.folder(Stage.PREPARE) / "result.json").exists)
    pod.api.come()
    assert finish(process)[0] == 0
    assert pod.status(Stage.PREPARE).result is not None
