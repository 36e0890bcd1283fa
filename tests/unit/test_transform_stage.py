"""What transform shows for the plan, and what it writes down of a row's own texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.results import Choice
from prompt2model_api.stage_job import StageJob
from prompt2model_api.stage_run import Decision, Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.examples import Example, Pair, group_of
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.transform.base import Result
from prompt2model_stages.transform.prompts import SAMPLE
from prompt2model_stages.transform.stage import example_of, plan_sample

pytestmark = pytest.mark.unit


def context(root: Path, **parameters: Any) -> StageContext:
    """Of a dataset of 3,000 rows, sorted by its label."""
    file = root / "sorted.jsonl"
    file.write_text("\n".join(json.dumps({"a": f"row {n}", "b": str(n // 1000)}) for n in range(3000)))
    choice = Choice(name=str(file), input_columns=["a"], output_column="b")
    spec = StageRunSpec(
        resource="numbers", stage=Stage.TRANSFORM, digest="a" * 64, storage=str(root / "runs"), parameters=parameters,
        inputs={}, decision=Decision(dataset=choice, transform=True),
    )  # fmt: skip
    job = StageJob(stage_run=StageRun(metadata=Metadata(name="numbers"), spec=spec), attempt=1)
    return StageContext(job=job, reporter=FileReporter(own_folder(job), 1))


def test_the_plans_rows_are_drawn_with_the_seed_and_do_not_depend_on_how_many_are_rewritten(tmp_path: Path) -> None:
    few, many, other = (
        plan_sample(context(tmp_path, seed=seed, **{"datasets.maxRows": most}))
        for seed, most in ((0, 3), (0, 2000), (1, 2000))
    )
    assert len(few) == SAMPLE and few == many != other
    assert len({row.output for row in many}) > 1


@pytest.mark.parametrize(
    ("row", "made_from", "answered"),
    [
        (("a review", "5"), ["a review"], "5"),
        (("subject", "the body of the mail"), ["subject", "the body of the mail"], "the body of the mail"),
        (("text alone", ""), ["text alone"], None),
        (("", "answer alone"), ["answer alone"], "answer alone"),
    ],
)
def test_a_rewritten_row_knows_the_texts_that_it_was_made_from(
    row: tuple[str, str], made_from: list[str], answered: str | None
) -> None:
    made = example_of(Result(Example(*row, "retrieved", "d#1"), Pair("x", "y"), "key"), Pair("x", "y"))
    assert made.made_from == tuple(group_of(text) for text in made_from)
    assert made.answered == ("" if answered is None else group_of(answered))
