"""Train as it is run: its own process, a real Ray, small students."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Set
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prompt2model_api.stage_job import StageJob
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.reporting import FAILURE, METRICS, ResultFile
from prompt2model_stages.storage import Folder, sha256_of_tree
from prompt2model_stages.train.budget import BUDGET
from tests.word_students import WORDS, tiny_llama, tiny_t5

pytestmark = pytest.mark.integration

PREPARED = "prepare-00000000"
DIGEST = "ab" * 32


def prepare(root: Path, rows: int = 96, longest: int = 4) -> None:
    """Splits of a task that a tiny student learns: say the last word, of at most so many."""
    folder = root / PREPARED
    folder.mkdir(parents=True)
    draw = random.Random(0)
    inputs = [" ".join(draw.choices(WORDS, k=draw.randint(1, longest))) for _ in range(rows + 16)]
    preprocessing = Preprocessing("copy")
    preprocessing.save(Folder(str(folder)))
    for name, part in {"train": inputs[:rows], "validation": inputs[rows:]}.items():
        texts = [preprocessing.text(text) for text in part]
        table = {"input": part, "text": texts, "output": [text.split()[-1] for text in part]}
        pq.write_table(pa.table(table), folder / f"{name}.parquet")


def write_job(root: Path, student: Path | str, attempt: int = 1, **training: object) -> Path:
    settings = {"workers": training.pop("workers", 1), "checkpointEvery": training.pop("checkpointEvery", 10)}
    given = {"epochs": 3, "batchSize": 8, "learningRate": 5e-3, "earlyStoppingPatience": 0, **training}
    spec = {
        "resource": "copying", "stage": "train", "digest": DIGEST, "storage": str(root), "inputs": {"prepare": PREPARED},
        "parameters": {**{f"training.{key}": value for key, value in given.items()}, "seed": 7},
        "decision": {"student": str(student)},
    }  # fmt: skip
    stage_run = {"metadata": {"name": "copying-train", "namespace": "default"}, "spec": spec}
    job = StageJob.model_validate({"stageRun": stage_run, "attempt": attempt, "settings": settings})
    file = root / f"job-{attempt}.json"
    file.write_text(job.model_dump_json(by_alias=True), "utf-8")
    return file


def start(job: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "HF_HUB_OFFLINE": "1"}
    with (job.parent / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "prompt2model_stages.train", str(job)], env=environment, stdout=log, stderr=log
        )


def finish(job: Path) -> Path:
    """Runs an attempt to its good end; the stage run's folder."""
    status = start(job).wait(timeout=750)
    folder = job.parent / f"train-{DIGEST[:8]}"
    assert status == 0, (job.parent / "log.txt").read_text("utf-8")[-4000:]
    assert (folder / ResultFile.NAME).exists()
    return folder


def steps_in(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / METRICS).read_text("utf-8").splitlines()]


def checkpoints(folder: Path) -> set[str]:
    return {path.parent.name for path in (folder / "checkpoints").glob("step-*/state.json")}


def wait_for_checkpoint(folder: Path, process: subprocess.Popen[bytes], after: Set[str] = frozenset()) -> None:
    """Waits for one that was not there before."""
    deadline = time.monotonic() + 450
    while not checkpoints(folder) - after:
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.02)


def answers(folder: Path, inputs: list[str]) -> list[str]:
    from prompt2model_stages.student import Student

    model = folder / "model"
    preprocessing = Preprocessing.load(Folder(str(model)))
    return Student.from_folder(model).generate([preprocessing.text(text) for text in inputs])


def test_decoder_learns_to_answer_and_to_stop(tmp_path: Path) -> None:
    prepare(tmp_path, rows=256)
    folder = finish(write_job(tmp_path, tiny_llama(tmp_path / "student"), epochs=12))
    result = json.loads((folder / ResultFile.NAME).read_text("utf-8"))
    assert result["outputs"]["modelSha256"] == sha256_of_tree(folder / "model")
    assert result["outputs"]["steps"] == 12 * 32
    assert result["outputs"]["trainTokensPerSecond"] > 0
    assert result["starts"]["ray"] > 0
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == ["model"]
    assert json.loads((folder / "untrained.json").read_text("utf-8"))["path"] == str(tmp_path / "student")
    assert answers(folder, ["w3 w5", "w1", "w9 w2 w4"]) == ["w5", "w1", "w4"]
    points = [json.loads(line)["values"] for line in (folder / METRICS).read_text("utf-8").splitlines()]
    assert points[-1]["validation/loss"] < 0.3 < points[0]["train/loss"]


def test_encoder_decoder_learns_with_two_workers(tmp_path: Path) -> None:
    prepare(tmp_path, rows=256, longest=1)
    folder = finish(write_job(tmp_path, tiny_t5(tmp_path / "student"), epochs=8, workers=2))
    assert answers(folder, ["w5", "w1", "w14"]) == ["w5", "w1", "w14"]


def test_killed_training_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """First one of its workers is killed, then the stage itself."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for root in (whole, killed):
        prepare(root)
    student = tiny_t5(tmp_path / "student")
    epochs = 30
    settings = {"epochs": epochs, "checkpointEvery": 10}
    job = write_job(killed, student, **settings)
    folder = killed / f"train-{DIGEST[:8]}"

    driver = start(job)
    wait_for_checkpoint(folder, driver)
    _training_worker(driver.pid).kill()
    assert driver.wait(timeout=300) == 3
    _check_dead_worker(folder)
    kept = checkpoints(folder)

    driver = start(write_job(killed, student, attempt=2, **settings))
    wait_for_checkpoint(folder, driver, kept)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    _wait_until_workers_are_gone()
    assert not (folder / ResultFile.NAME).exists()
    reached = steps_in(folder)[-1]

    finish(write_job(killed, student, attempt=3, **settings))
    assert json.loads((folder / "training.json").read_text("utf-8"))["beganAt"] >= 19
    steps = steps_in(folder)
    assert steps == sorted(set(steps)) and steps[-1] == epochs * 12 > reached
    assert sha256_of_tree(folder / "model") == sha256_of_tree(finish(write_job(whole, student, **settings)) / "model")


def _check_dead_worker(folder: Path) -> None:
    """The attempt ended with a reason."""
    failure = json.loads((folder / FAILURE).read_text("utf-8"))
    assert (failure["state"], failure["reason"]) == ("Retrying", "WorkerDied")
    assert "memory" in failure["remedy"]
    assert Folder(str(folder)).read_json(BUDGET)["mark"] is not None


def _training_worker(driver: int) -> psutil.Process:
    workers = [p for p in psutil.Process(driver).children(recursive=True) if "RayTrainWorker" in " ".join(p.cmdline())]
    return max(workers, key=lambda process: process.cpu_times().user)


def _wait_until_workers_are_gone() -> None:
    deadline = time.monotonic() + 150
    while any("RayTrainWorker" in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < deadline, "Ray's workers outlived the stage that was killed"
        time.sleep(0.2)
