"""What the stage finds after its workers: a broken training.json, what a person should know, a mark of a killed worker."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from prompt2model_api.stage_job import StageJob
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import StageError, failed, retrying
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.storage import Folder
from prompt2model_stages.train import stage
from prompt2model_stages.train.budget import Kept, Mark
from tests.tiny_students import tiny_llama

pytestmark = pytest.mark.unit

WHOLE = {"steps": 4, "bestStep": 4, "beganAt": 0, "tokensPerSecond": 10.0}
BROKEN = {
    "empty": b"",
    "half": json.dumps(WHOLE).encode()[:20],
    "list": b"[1]",
    "fields": b'{"steps": 4}',
    "bytes": b"\xff\xfe\x00",
}


def context(root: Path) -> StageContext:
    spec = {
        "resource": "r", "stage": "train", "digest": "ab" * 32, "storage": str(root), "inputs": {"prepare": "p"},
        "parameters": {"training.epochs": 1, "seed": 1}, "decision": {"student": str(tiny_llama(root / "student"))},
    }  # fmt: skip
    run = {"metadata": {"name": "r-train", "namespace": "default"}, "spec": spec}
    job = StageJob.model_validate({"stageRun": run, "attempt": 2, "settings": {}})
    return StageContext(job, FileReporter(Folder(str(root / "train-abababab")), 2))


@pytest.mark.parametrize("content", [*BROKEN.values(), None], ids=[*BROKEN, "missing"])
def test_it_is_trained_on_where_the_summary_is_broken(
    tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = context(tmp_path)
    made.folder.write_bytes("model/weights", b"w")
    if content is not None:
        made.folder.write_bytes("training.json", content)
    trained: list[str] = []

    def train(context: StageContext, student: stage.ResolvedStudent) -> None:
        trained.append(student.name)
        context.folder.write_json("training.json", WHOLE)

    monkeypatch.setattr(stage, "_train", train)
    monkeypatch.setattr(stage, "read_pairs", lambda folder, split: None)
    with caplog.at_level(logging.WARNING):
        outputs = stage.run(made)
        assert stage.run(made) == outputs
    assert (outputs.steps, len(trained)) == (4, 1)
    assert ("training.json" in caplog.text) == (content is not None)


def test_a_broken_pin_and_broken_statistics_are_left_out(tmp_path: Path) -> None:
    made = context(tmp_path)
    made.folder.write_bytes("model/weights", b"w")
    made.folder.write_json("training.json", WHOLE)
    for name in ("student.json", "statistics.json"):
        made.folder.write_bytes(name, b"{")
    outputs = stage.run(made)
    assert (outputs.steps, outputs.notes) == (4, None)
    assert made.folder.read_json("student.json")["name"]


def test_a_shortage_of_memory_stands_beside_what_is_cut(tmp_path: Path) -> None:
    made = context(tmp_path)
    made.folder.write_bytes("model/weights", b"w")
    made.folder.write_json("training.json", WHOLE)
    made.folder.write_json("statistics.json", {"notes": ["One output is cut."]})
    Kept(512, 2**31, shortages=2).write(made.folder)
    notes = stage.run(made).notes
    assert notes is not None and notes[0] == "One output is cut."
    assert "2 time(s), with a limit of 2.0 GiB" in notes[1] and "at most 512 padded tokens" in notes[1]


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (retrying("WorkerDied", "It died.", "Wait."), True),
        (retrying("OutOfMemory", "Ray ended it.", "Wait."), True),
        (failed("Diverged", "No number.", "Lower it."), False),
        (SystemExit(143), False),
        (OSError("the disk"), False),
    ],
    ids=str,
)
def test_the_mark_stays_where_a_worker_died_and_goes_at_each_other_end(
    tmp_path: Path, error: BaseException, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = context(tmp_path)

    def train(context: StageContext, student: stage.ResolvedStudent) -> None:
        Kept(4096, 2**31, mark=Mark(100, 4)).write(context.folder)
        raise error

    monkeypatch.setattr(stage, "_train", train)
    monkeypatch.setattr(stage, "read_pairs", lambda folder, split: None)
    with pytest.raises((StageError, SystemExit, OSError)):
        stage.run(made)
    found = Kept.read(made.folder)
    assert found is not None and (found.mark is not None) == kept
