"""A real run waits for the review, trains on what a person made of the examples, and runs again after the next correction."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prompt2model_stages.choosing.local_place import LocalPlace
from prompt2model_stages.reviewing.local_review import LocalReview
from prompt2model_stages.reviewing.reviewer import Action, Reviewer, View
from prompt2model_stages.statistics_files import DataStatistics
from prompt2model_stages.storage import Folder
from prompt2model_stages.task_card import TaskCard
from tests import fake_teacher, local_runs

pytestmark = pytest.mark.integration


def reviewed(file: Path, row: int, what: str, text: str = "") -> None:
    """Does one thing on the page, and saves it into the file."""
    review = LocalReview(LocalPlace(file, file.parent / "runs"), "ann")
    with review.opened() as generated:
        page = Reviewer(review, generated)
        view = page.act(View(), Action(what, row, page.rows.state(row).edit, "output", text))
        assert not view.wrong, view.said
        page.save(page.draft(), into_file=True)


def folders(file: Path, stage: str) -> list[Path]:
    """The stage's folders, the newest last."""
    found = (file.parent / "runs/default/backwards").glob(f"{stage}-*/result.json")
    return sorted((one.parent for one in found), key=lambda one: (one / "result.json").stat().st_mtime)


def test_a_run_trains_on_what_a_person_made_of_the_examples(tmp_path: Path) -> None:
    with fake_teacher.fake_teacher() as teacher:
        file = local_runs.write(tmp_path, teacher.url, generation={"examples": 60, "review": "Required"})
        waits = local_runs.run(file)
        assert waits.returncode == 0 and "p2m review" in waits.stdout, waits.stdout + waits.stderr
        assert not folders(file, "prepare")
        asked = len(teacher.bodies)
        reviewed(file, 0, "edit", "corrected by hand")
        done = local_runs.run(file)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Of 60 generated examples a person corrected 1, removed 0" in " ".join(done.stdout.split())
        reviewed(file, 1, "remove")
        again = local_runs.run(file)
        assert again.returncode == 0 and "your review (generation.accepted)" in again.stdout, again.stdout
    generating = [body for body in teacher.bodies[asked:] if "n" in body and body["n"] > 1]
    assert len(folders(file, "generate")) == 1 and not generating
    assert [len(folders(file, stage)) for stage in ("prepare", "train", "evaluate")] == [2, 2, 2]
    folder = folders(file, "prepare")[-1]
    statistics = DataStatistics.read(Folder(str(folder)))
    assert statistics.review is not None and sum(statistics.review.rows.values()) == 1
    assert statistics.review.counts.removed == 1
    rows = [row for part in folder.glob("*.parquet") for row in pq.read_table(part).to_pylist()]
    assert sum("corrected by hand" in json.dumps(row) for row in rows) == 1
    assert "a person corrected 1, removed 1" in TaskCard.read(Folder(str(folders(file, "evaluate")[-1]))).review
    _is_recorded(tmp_path)


def _is_recorded(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/runs/mlflow.db")
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert sorted(run.data.metrics["reviewed/removed"] for run in runs if "reviewed/removed" in run.data.metrics) == [
        0,
        1,
    ]
