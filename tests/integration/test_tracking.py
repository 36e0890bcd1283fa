"""A real MLflow on SQLite, brought in step with a folder: once, twice, while it grows, after kills, and when it is away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.stage_run import Stage, StageRunPhase
from prompt2model_stages.tracking import Recorder, needs_sync, run_url
from prompt2model_stages.tracking.database import database_uri
from tests.tracking_folder import DIGESTS, TrackedFolder

pytestmark = pytest.mark.integration


class Record:
    """A recorded folder and a client of its own."""

    def __init__(self, runs: Path) -> None:
        self.tracked = TrackedFolder(runs)
        self.uri = database_uri(runs / "mlflow.db")
        self.artifacts = str(runs / "mlartifacts")

    def recorder(self) -> Recorder:
        return Recorder(self.tracked.folder, self.uri, self.artifacts)

    @property
    def client(self) -> Any:
        import mlflow

        return mlflow.MlflowClient(self.uri, self.uri)

    def runs(self) -> dict[str, Any]:
        """All runs by name."""
        experiment = self.client.get_experiment_by_name("default/dates")
        return {run.info.run_name: run for run in self.client.search_runs([experiment.experiment_id])}

    def stage(self, stage: Stage) -> Any:
        return self.runs()[f"{stage.value}-{DIGESTS[stage][:8]}"]

    def history(self, stage: Stage, key: str) -> list[Any]:
        return list(self.client.get_metric_history(self.stage(stage).info.run_id, key))

    def files(self, stage: Stage, path: str | None = None) -> set[str]:
        return {file.path for file in self.client.list_artifacts(self.stage(stage).info.run_id, path)}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A run from end to end, recorded twice: the second time must not change a thing."""
    record = Record(tmp_path_factory.mktemp("runs"))
    record.tracked.all()
    record.tracked.deploy()
    record.recorder().sync()
    record.recorder().sync()
    return record


def test_a_run_for_the_resource_and_one_below_for_each_stage_run(whole: Record) -> None:
    runs = whole.runs()
    assert len(runs) == 1 + len(Stage)
    parent = runs["dates"]
    assert parent.data.tags["p2m.resource"] == "default.dates"
    assert parent.data.metrics["score/Own/ExactMatch/student"] == 98
    assert parent.data.metrics["spent/requests"] == 124
    for stage in Stage:
        run = whole.stage(stage)
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["p2m.digest"] == DIGESTS[stage]
        assert run.data.tags["p2m.attempts"] == "1"
        assert run.info.end_time >= run.info.start_time
    assert parent.info.status == "FINISHED"
    assert not needs_sync(whole.tracked.folder, whole.uri)
    pages = f"http://127.0.0.1:5000/#/experiments/{parent.info.experiment_id}/runs"
    assert run_url(whole.tracked.folder) == f"{pages}/{parent.info.run_id}"
    name = f"train-{DIGESTS[Stage.TRAIN][:8]}"
    assert run_url(whole.tracked.folder, name) == f"{pages}/{whole.stage(Stage.TRAIN).info.run_id}"


def test_parameters_and_numbers(whole: Record) -> None:
    train, generate = whole.stage(Stage.TRAIN).data, whole.stage(Stage.GENERATE).data
    assert train.params["training.learningRate"] == "0.0001"
    assert train.params["decision.student"] == "local/tiny"
    assert generate.params["generation.temperature.to"] == "1.4"
    assert (train.metrics["seconds"], train.metrics["steps"]) == (81.0, 60)
    assert generate.metrics["spent/usd"] == 0.012
    assert whole.stage(Stage.TRANSFORM).data.metrics["transformed/share_refused"] == 0.3
    assert whole.files(Stage.TRANSFORM) >= {"plan.txt", "statistics.json", "transformed.jsonl"}
    evaluate = whole.stage(Stage.EVALUATE).data.metrics
    assert evaluate["score/Retrieved/ChrFpp/teacher_low"] == 43
    assert "score/Generated/ChrFpp/teacher" not in evaluate


def test_curves_have_steps_and_times(whole: Record) -> None:
    history = whole.history(Stage.TRAIN, "train/loss")
    assert [point.step for point in history] == list(range(60))
    assert history[5].timestamp == 1_795_000_005_000


def test_datasets(whole: Record) -> None:
    def used(stage: Stage) -> dict[str, str]:
        inputs = whole.stage(stage).inputs.dataset_inputs
        return {one.dataset.name: one.tags[0].value for one in inputs}

    tests = {"test-own": "testing", "test-retrieved": "testing", "test-generated": "testing"}
    trained = {"train": "training", "validation": "validation"}
    assert (used(Stage.PREPARE), used(Stage.TRAIN), used(Stage.EVALUATE)) == (tests | trained, trained, tests)
    (train,) = [one.dataset for one in whole.stage(Stage.TRAIN).inputs.dataset_inputs if one.dataset.name == "train"]
    assert json.loads(train.source)["uri"].endswith("/train.parquet")
    assert json.loads(train.profile)["num_rows"] == 40


def test_plots_and_tables(whole: Record) -> None:
    plots = {s: whole.files(s, "plots") for s in (Stage.GENERATE, Stage.PREPARE, Stage.TRAIN, Stage.EVALUATE)}
    names = ("duplicates", "lengths", "learning_curve", "scores")
    assert plots == {stage: {f"plots/{name}.png"} for stage, name in zip(plots, names, strict=True)}
    assert {"golden.json", "errors.json", "scores.json"} <= whole.files(Stage.EVALUATE)
    run = whole.stage(Stage.EVALUATE).info
    table = whole.client.load_table(run.experiment_id, "errors.json", run_ids=[run.run_id])
    assert table["student"].tolist() == ["2021-03-05"]


def test_the_page_on_the_data_is_with_prepare_and_once_more_with_train(record: Record) -> None:
    import mlflow

    def page() -> str:
        run_id = record.stage(Stage.PREPARE).info.run_id
        path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="data.html", tracking_uri=record.uri)
        return Path(path).read_text("utf-8")

    record.tracked.discover()
    record.tracked.prepare()
    record.recorder().sync(live=True)
    first = page()
    assert "prepare done" in first and "train done" not in first and "Not known yet" in first
    record.tracked.train()
    counts = {"rows": 40, "cut_inputs": 4, "median_input": 7, "p95_input": 9, "longest_input": 11}
    record.tracked.stage_folder(Stage.TRAIN).write_json("statistics.json", {"train": counts})
    record.recorder().sync()
    later = page()
    assert "train done" in later and "7 / 9 / 11" in later and "4 (10.0 %)" in later
    record.recorder().sync()
    assert page() == later
    assert "data.html" not in record.files(Stage.TRAIN)


def test_the_model_is_registered_once(whole: Record) -> None:
    import mlflow

    registered = whole.client.get_registered_model("default.dates")
    assert {alias: str(version) for alias, version in registered.aliases.items()} == {"candidate": "1", "champion": "1"}
    (version,) = whole.client.search_model_versions("name = 'default.dates'")
    assert version.tags["p2m.digest"] == DIGESTS[Stage.TRAIN]
    assert len(version.tags["p2m.model_sha256"]) == 64
    assert (version.tags["p2m.student"], version.tags["p2m.student_license"]) == ("local/tiny", "unknown")
    experiment = whole.client.get_experiment_by_name("default/dates")
    assert len(whole.client.search_logged_models([experiment.experiment_id])) == 1
    mlflow.set_tracking_uri(whole.uri)
    mlflow.set_registry_uri(whole.uri)  # another record of this process may have set its own
    info = mlflow.models.get_model_info("models:/default.dates@champion")
    assert info.signature.inputs.input_names() == ["text"]
    assert info.signature.outputs.input_names() == ["output"]
    model = mlflow.models.Model.load("models:/default.dates@champion")
    path = mlflow.artifacts.download_artifacts("models:/default.dates@champion")
    assert model.load_input_example(path)["text"].tolist()[0] == "validation 0 May 2021"


def test_live_while_a_stage_runs(record: Record) -> None:
    recorder, tracked = record.recorder(), record.tracked
    tracked.discover()
    tracked.begin(Stage.TRAIN)
    tracked.curve(0, 10)
    recorder.sync(live=True)
    assert record.stage(Stage.TRAIN).info.status == "RUNNING"
    assert record.runs()["dates"].info.status == "RUNNING"
    assert len(record.history(Stage.TRAIN, "train/loss")) == 10
    with (tracked.stage_folder(Stage.TRAIN).local / "metrics.jsonl").open("a") as stream:  # type: ignore[operator]
        stream.write('{"step": 99, "ti')  # a line that is being written
    recorder.sync(live=True)
    assert len(record.history(Stage.TRAIN, "train/loss")) == 10
    assert needs_sync(tracked.folder, record.uri)


def test_a_killed_recorder_and_a_lost_mark_double_nothing(record: Record) -> None:
    record.tracked.discover()
    record.tracked.prepare()
    record.tracked.train()
    record.recorder().sync()
    for mark in record.tracked.path.rglob("tracking.json"):
        mark.unlink()
    record.recorder().sync()
    assert len(record.runs()) == 4
    assert len(record.history(Stage.TRAIN, "train/loss")) == 60
    assert len(record.client.search_model_versions("name = 'default.dates'")) == 1
    assert len(record.stage(Stage.PREPARE).inputs.dataset_inputs) == 5


def test_stopped_failed_and_gone_on(record: Record) -> None:
    tracked = record.tracked
    tracked.begin(Stage.DISCOVER)
    record.recorder().sync(live=True)
    record.recorder().sync()  # nobody works at it any more
    assert record.stage(Stage.DISCOVER).info.status == "KILLED"
    assert record.runs()["dates"].info.status == "KILLED"
    tracked.fail(Stage.DISCOVER)
    record.recorder().sync()
    run = record.stage(Stage.DISCOVER)
    assert run.info.status == "FAILED"
    assert run.data.tags["p2m.failure.reason"] == "DiskFull"
    tracked.end(Stage.DISCOVER, {"language": "en"}, attempt=2)
    record.recorder().sync()
    run = record.stage(Stage.DISCOVER)
    assert (run.info.status, run.data.tags["p2m.attempts"], run.data.tags["p2m.failure.reason"]) == (
        "FINISHED",
        "2",
        "",
    )
    assert len(record.runs()) == 2


def test_a_failure_that_an_edit_has_replaced_is_over(record: Record) -> None:
    tracked = record.tracked
    tracked.fail(Stage.DISCOVER)
    digest = DIGESTS[Stage.DISCOVER][:8]
    earlier = tracked.path / "discover-00000000"
    (tracked.path / f"discover-{digest}").rename(earlier)
    written = (earlier / "stage_run.json").read_text().replace(f"discover-{digest}", "discover-00000000")
    (earlier / "stage_run.json").write_text(written.replace("2026-11-21T05:00:00Z", "2026-11-21T04:00:00Z"))
    record.recorder().sync()
    assert record.runs()["dates"].info.status == "FAILED"
    tracked.end(Stage.DISCOVER, {"language": "en"})
    record.recorder().sync()
    assert record.runs()["dates"].info.status == "FINISHED"
    assert sorted(run.info.status for run in record.runs().values()) == ["FAILED", "FINISHED", "FINISHED"]


def test_a_lost_database_is_recorded_anew(record: Record, tmp_path: Path) -> None:
    record.tracked.discover()
    record.recorder().sync()
    (tmp_path / "mlflow.db").unlink()
    assert needs_sync(record.tracked.folder, record.uri)
    record.recorder().sync()
    assert len(record.runs()) == 2


def test_follows_until_it_is_told_to_stop(record: Record, tmp_path: Path) -> None:
    record.tracked.discover()
    process = _follow(record.tracked.path, record.uri, tmp_path / "log.txt")
    try:
        _wait(lambda: (record.tracked.path / "tracking.json").exists() and not process.poll(), process)
        record.tracked.begin(Stage.GENERATE, StageRunPhase.RUNNING)
        _wait(lambda: (record.tracked.stage_folder(Stage.GENERATE)).exists("tracking.json"), process)
        record.tracked.generate()
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
    finally:
        process.kill()
    assert not needs_sync(record.tracked.folder, record.uri)
    assert record.stage(Stage.GENERATE).info.status == "FINISHED"
    assert (tmp_path / "log.txt").read_text() == ""


def test_mlflow_away_ends_with_a_sentence(record: Record, tmp_path: Path) -> None:
    record.tracked.discover()
    process = _follow(record.tracked.path, "http://127.0.0.1:9", tmp_path / "log.txt")
    try:
        _wait(lambda: "MLflow is behind" in (tmp_path / "log.txt").read_text(), process)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 1
    finally:
        process.kill()
    log = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in log
    assert needs_sync(record.tracked.folder, "http://127.0.0.1:9")


def _follow(folder: Path, uri: str, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "prompt2model_stages.tracking", str(folder), "--tracking-uri", uri, "--follow"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with log.open("wb") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=stream, env=environment, cwd=folder.parent)


def _wait(condition: Any, process: subprocess.Popen[bytes], limit_s: float = 300) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_no_experiment_is_empty(whole: Record) -> None:
    assert [one.name for one in whole.client.search_experiments()] == ["default/dates"]
    whole.recorder().sync()
    assert [one.name for one in whole.client.search_experiments()] == ["default/dates"]


def test_a_default_experiment_with_runs_is_kept(record: Record) -> None:
    record.client.create_run("0")
    record.tracked.discover()
    record.recorder().sync()
    assert {one.name for one in record.client.search_experiments()} == {"default/dates", "Default"}


@pytest.mark.parametrize("name", ["a%2Fb", "what?", "C#", "two words", "50% off? #1: ü"])
def test_a_folder_with_any_name(tmp_path: Path, name: str) -> None:
    """The database, the artifacts and the model lie in it, and nothing beside it."""
    import mlflow

    record = Record(tmp_path / name)
    record.tracked.all()
    record.recorder().sync()
    assert needs_sync(record.tracked.folder, record.uri) is False
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert {"mlflow.db", "mlartifacts", "default"} <= {path.name for path in (tmp_path / name).iterdir()}
    version = record.client.get_model_version_by_alias("default.dates", "candidate")
    mlflow.set_tracking_uri(record.uri)
    mlflow.set_registry_uri(record.uri)
    path = Path(mlflow.artifacts.download_artifacts(f"models:/default.dates/{version.version}"))
    assert (path / "artifacts" / "model" / "model.safetensors").stat().st_size == 100_000
    assert record.files(Stage.EVALUATE)
