"""Storage at s3://: folders, the journal's lease, and a whole chain of stages as their pods run them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from prompt2model_api.conditions import FailureState
from prompt2model_api.decide import decide
from prompt2model_api.graph import stages_of
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.snapshot import Deploy, MakeStageRun, SetStageRunStatus, Snapshot, StartAttempt
from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunStatus
from prompt2model_stages.errors import StageError
from prompt2model_stages.prepare.tables import read_table
from prompt2model_stages.service.fetch import main as fetch
from prompt2model_stages.storage import Folder, sha256_of_tree
from prompt2model_stages.storage_removal import main as clean
from prompt2model_stages.teacher.lease import Lease
from tests import local_runs
from tests.fake_api_server import FakeApiServer, fake_api_server
from tests.fake_teacher import fake_teacher
from tests.s3_server import S3Server, s3_server

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3") / "server.log") as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


def test_a_folder(s3: S3Server, tmp_path: Path) -> None:
    one, other = Folder(s3.uri("folders/a/b")), Folder(s3.uri("folders/a/b"))
    assert not one.exists() and one.names() == []
    with pytest.raises(FileNotFoundError):
        one.read_bytes("x.json")
    one.write_json("x.json", {"a": "é"})
    assert other.names() == ["x.json"] and other.exists() and other.exists("x.json")
    one.write_json("x.json", {"a": 2})
    assert other.read_json("x.json") == {"a": 2}
    for line in (b"1\n", b"2\n"):
        one.append("lines.txt", line)
    assert other.read_bytes("lines.txt") == b"1\n2\n"
    source = tmp_path / "model"
    (source / "deep").mkdir(parents=True)
    (source / "weights").write_bytes(bytes(range(256)) * 40_000)  # several parts
    (source / "deep" / "config.json").write_text("{}")
    one.put(source, "model")
    one.put(source, "model")
    assert other.names() == ["lines.txt", "model", "x.json"]
    assert other.sizes() == {"lines.txt": 4, "x.json": len(other.read_bytes("x.json"))}
    with (other / "model").as_local() as local:
        assert sha256_of_tree(local) == sha256_of_tree(source)
    other.remove("model")
    assert one.names() == ["lines.txt", "x.json"]
    one.remove("model")
    one.clear()
    assert not other.exists()


async def test_one_holder_of_the_journal(s3: S3Server) -> None:
    folder = Folder(s3.uri("leases/teacher"))
    first = await Lease.open(folder)
    with pytest.raises(StageError, match="live lease"):
        await Lease.open(folder, 1)
    waiting = asyncio.create_task(Lease.open(folder, 30))
    await asyncio.sleep(1)
    await first.close()
    second = await asyncio.wait_for(waiting, 20)
    await second.close()
    assert folder.names() == []


def test_a_users_file(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    Folder(s3.uri("own")).write_bytes("rows.csv", b"input,output\na,b\n")
    assert len(read_table(s3.uri("own/rows.csv"), "datasets.own").rows) == 1
    for missing, reason in {"own/none.csv": "FileMissing", "own.csv": "FileMissing"}.items():
        with pytest.raises(StageError) as error:
            read_table(s3.uri(missing), "datasets.own")
        assert error.value.failure.reason == reason
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    code = (
        "from prompt2model_stages.prepare.tables import read_table; read_table('s3://p2m/own/rows.csv', 'datasets.own')"
    )
    done = subprocess.run([sys.executable, "-c", code], env=_environment(), capture_output=True, text=True, timeout=600)
    assert "StageError: datasets.own: s3://p2m/own/rows.csv cannot be read" in done.stderr


class Cluster:
    """Decides as the operator does, and runs each attempt as its pod does, one after another."""

    def __init__(self, root: Path, api: FakeApiServer, resource: Prompt2Model, storage: str) -> None:
        self.root, self.api, self.resource, self.storage = root, api, resource, storage
        self.runs: dict[str, StageRun] = {}
        self.deployed: Deploy | None = None

    def run(self) -> None:
        for _ in range(30):
            outcome = decide(Snapshot(self.resource, self.storage, self._seen()), datetime.now(UTC))
            for action in outcome.actions:
                self._apply(action)
            if self.deployed is not None:
                return
        raise AssertionError(f"it never came to its end: {self._seen()}")

    def start(self, name: str, attempt: int) -> subprocess.Popen[bytes]:
        run = self.runs[name]
        training = self.resource.spec.training
        settings = StageSettings(teacher=self.resource.spec.teacher, checkpoint_every=training.checkpoint_every)
        job = StageJob(stage_run=run, attempt=attempt, settings=settings, resource=self.resource)
        environment = {
            **_environment(),
            **self.api.environment(),
            **self.api.job_environment(job),
        }
        command = [sys.executable, "-m", f"prompt2model_stages.{run.spec.stage.value}"]
        return subprocess.Popen(command, env=environment)

    def folder(self, stage: Stage) -> Folder:
        (run,) = (one for one in self.runs.values() if one.spec.stage is stage)
        return Folder(self.storage) / f"{stage.value}-{run.spec.digest[:8]}"

    def _apply(self, action: object) -> None:
        match action:
            case MakeStageRun(run):
                self.runs[run.metadata.name] = run
                self.api.add(f"default/{run.metadata.name}", attempt=0)
            case SetStageRunStatus(name, status):
                self.api.status(f"default/{name}").update(status.dump())
            case StartAttempt(name, attempt):
                self._attempt(name, attempt)
            case Deploy():
                self.deployed = action

    def _attempt(self, name: str, attempt: int) -> None:
        process = self.start(name, attempt)
        if self.runs[name].spec.stage is Stage.TRAIN and not self.folder(Stage.TRAIN).exists("result.json"):
            self._kill_at_a_checkpoint(process)
            status = self.api.status(f"default/{name}")
            status["attempt"] = attempt = 2
            process = self.start(name, attempt)
        assert process.wait(2000) == 0, self.api.status(f"default/{name}")

    def _kill_at_a_checkpoint(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 1500
        folder = self.folder(Stage.TRAIN) / "checkpoints"
        while not any((folder / name).exists("state.json") for name in folder.names()):
            assert process.poll() is None and time.monotonic() < deadline, "no checkpoint was written"
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def _seen(self) -> dict[str, StageRun]:
        found = {}
        for name, run in self.runs.items():
            status = StageRunStatus.model_validate(self.api.status(f"default/{name}"))
            found[name] = run.model_copy(update={"status": status})
        return found


@pytest.mark.timeout(3600)
def test_a_whole_chain(s3: S3Server, tmp_path: Path) -> None:
    storage = s3.uri("chain/default/backwards")
    with fake_teacher() as teacher, fake_api_server(tmp_path / "account") as api:
        tree = yaml.safe_load(local_runs.write(tmp_path, teacher.url).read_text())
        tree["spec"]["service"] = {"enabled": True}
        tree["spec"]["training"] |= {"epochs": 15, "checkpointEvery": 10}
        resource = Prompt2Model.model_validate(tree)
        assert isinstance(resource.spec.teacher, TeacherSpec)
        cluster = Cluster(tmp_path, api, resource, storage)
        cluster.run()
        assert not teacher.sent_twice()
        _check_chain(cluster, tmp_path / "served")
        asked = len(teacher.bodies)
        again = Cluster(tmp_path, api, resource, storage)
        again.run()  # everything lies there already: stages report what they find
        assert len(teacher.bodies) == asked
    assert clean([storage], pause_s=0) == 0
    assert not Folder(storage).exists()


def _check_chain(cluster: Cluster, served: Path) -> None:
    outputs = {run.spec.stage: run.status.result.outputs for run in cluster._seen().values() if run.status.result}
    assert list(outputs) == list(stages_of(cluster.resource.spec, outputs))
    train = cluster.folder(Stage.TRAIN)
    summary = train.read_json("training.json")
    assert summary["beganAt"] > 0  # the second attempt went on from the checkpoint of the first
    steps = [json.loads(line)["step"] for line in train.read_bytes("metrics.jsonl").splitlines()]
    assert steps == sorted(set(steps)) and steps[-1] == summary["steps"]
    assert "log-2.txt" in train.names()  # that of the killed attempt is there as far as it was stored
    assert "checkpoints" not in train.names()
    assert Folder(cluster.storage).exists("resource.yaml")
    assert not [name for name in (Folder(cluster.storage) / "teacher").names() if name.startswith("lease-")]
    assert cluster.deployed is not None
    sha256 = outputs[Stage.TRAIN].model_sha256
    places = ["--model", f"{train.uri}/model", "--golden", f"{cluster.folder(Stage.EVALUATE).uri}/golden.json"]
    assert sha256 is not None
    assert fetch([*places, "--sha256", sha256, "--to", str(served)]) == 0
    assert sha256_of_tree(served / "model") == sha256


def test_storage_that_cannot_be_reached_blocks(s3: S3Server, tmp_path: Path) -> None:
    with fake_teacher() as teacher, fake_api_server(tmp_path / "account") as api:
        resource = Prompt2Model.model_validate(yaml.safe_load(local_runs.write(tmp_path, teacher.url).read_text()))
        cluster = Cluster(tmp_path, api, resource, "s3://no-such-bucket/default/backwards")
        (make,) = (
            a
            for a in decide(Snapshot(resource, cluster.storage), datetime.now(UTC)).actions
            if isinstance(a, MakeStageRun)
        )
        cluster._apply(make)
        name = make.stage_run.metadata.name
        api.status(f"default/{name}")["attempt"] = 1
        assert cluster.start(name, 1).wait(600) == 3
        reported = StageRunStatus.model_validate(api.status(f"default/{name}")).reported_failure
    assert reported is not None
    assert (reported.failure.state, reported.failure.reason) == (FailureState.BLOCKED, "StorageUnavailable")
    assert "secret-of-the-storage" not in reported.failure.message


def _environment() -> dict[str, str]:
    roots = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": roots, "HF_HUB_OFFLINE": "1"}
