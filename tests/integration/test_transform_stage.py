"""The stage transform as it is run: in a process of its own, with a teacher behind HTTP and rows in a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.results import Choice
from prompt2model_api.spec.teacher import Budget, Limits, TeacherSpec
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Decision, Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import EXIT_FAILURE
from tests.fake_teacher import FakeTeacher, fake_teacher

pytestmark = pytest.mark.integration

TASK = {
    "instruction": "Spell the number backwards.",
    "demonstrations": [{"input": "120", "output": "021"}, {"input": "9876", "output": "6789"}],
}
ROWS = 130
SEVENS = sum("7" in str(number) for number in range(ROWS))


def job(root: Path, teacher: FakeTeacher, **budget: Any) -> Path:
    """A job file; the rows are in a file beside it."""
    lines = [json.dumps({"text": f"Number {n}, please.", "label": "odd" if n % 2 else "even"}) for n in range(ROWS)]
    (root / "numbers.jsonl").write_text("\n".join(lines))
    (root / "discover-00000000").mkdir()
    (root / "discover-00000000" / "task.json").write_text(json.dumps(TASK))
    choice = Choice(name=str(root / "numbers.jsonl"), input_columns=["text"], output_column="label")
    spec = StageRunSpec(
        resource="numbers",
        stage=Stage.TRANSFORM,
        digest="ab" * 32,
        storage=str(root),
        parameters={"datasets.maxRows": ROWS, "seed": 1},
        inputs={"discover": "discover-00000000"},
        decision=Decision(dataset=choice, transform=True),
    )
    asked = TeacherSpec(
        base_url=teacher.url, model="fake", limits=Limits(concurrency=8), budget=Budget(**budget or {"unlimited": True})
    )
    run = StageRun(metadata=Metadata(name="numbers"), spec=spec)
    path = root / "job.json"
    path.write_text(
        StageJob(stage_run=run, attempt=1, settings=StageSettings(teacher=asked)).model_dump_json(by_alias=True)
    )
    return path


def start(path: Path) -> subprocess.Popen[bytes]:
    roots = os.pathsep.join(path for path in sys.path if path)
    with path.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "prompt2model_stages.transform", str(path)],
            env=os.environ | {"PYTHONPATH": roots},
            stderr=log,
        )


def finish(path: Path) -> int:
    process = start(path)
    try:
        return process.wait(300)
    finally:
        process.kill()


def test_killed_it_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    with fake_teacher(latency_s=0.05) as teacher:
        path = job(tmp_path, teacher)
        process = start(path)
        end = time.monotonic() + 120
        while len(teacher.bodies) < 30:
            assert time.monotonic() < end and process.poll() is None, path.with_suffix(".log").read_text()
            time.sleep(0.01)
        process.kill()
        process.wait()
        sent = len(teacher.bodies)
        assert sent < ROWS
        assert finish(path) == 0
        twice = teacher.sent_twice()
        assert len(twice) <= 8  # what was in flight at the kill
        assert len(teacher.bodies) == 1 + ROWS + len(twice)  # the plan, and each row
    folder = tmp_path / "transform-abababab"
    outputs = json.loads((folder / "result.json").read_text())["outputs"]
    counts = outputs["transformed"]
    assert counts == {
        "rows": ROWS,
        "rewritten": ROWS - SEVENS - 1,
        "refused": {"unclear": SEVENS},
        "unusable": {"demonstrations": 1},
    }
    assert f"{ROWS - SEVENS - 1} of {ROWS} rows" in outputs["notes"][0] and outputs["spent"]["requests"] >= ROWS
    rows = [json.loads(line) for line in (folder / "transformed.jsonl").read_text().splitlines()]
    assert len(rows) == counts["rewritten"] and {row["output"] for row in rows} >= {"0", "001", "921"}
    assert all(row["output"] == row["input"][::-1] and row["origin"].endswith(f"#{row['input']}") for row in rows)
    statistics = json.loads((folder / "statistics.json").read_text())
    assert statistics["samples"][0]["reason"] == "unclear" and statistics["samples"][0]["why"].endswith("has a 7")
    assert (folder / "plan.txt").read_text()


def test_a_budget_that_is_used_up_says_so(tmp_path: Path) -> None:
    with fake_teacher(latency_s=0.0) as teacher:
        assert finish(job(tmp_path, teacher, tokens=4500)) == EXIT_FAILURE
    failure = json.loads((tmp_path / "transform-abababab" / "failure.json").read_text())
    assert failure["reason"] == "BudgetExhausted" and "teacher.budget.tokens" in failure["remedy"]
