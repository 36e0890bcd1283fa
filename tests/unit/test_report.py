"""The report at the end of a run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from prompt2model_api.base import Metadata, Metric, TeacherPrompt
from prompt2model_api.results import Interval, PromptScore, StageOutputs, StageResult
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec, StageRunStatus
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_stages.local.report import print_report, remarks, scores_tables
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit


def done(stage: Stage, handed_on: StageOutputs) -> StageRun:
    spec = StageRunSpec(resource="n", stage=stage, digest="a" * 64, storage="/s")
    result = StageResult(attempt=1, digest="a" * 64, sha256="a" * 64, outputs=handed_on)
    return StageRun(metadata=Metadata(name=f"n-{stage}"), spec=spec, status=StageRunStatus(attempt=1, result=result))


def test_it_says_the_difference_the_metric_and_what_was_cut() -> None:
    evaluated = outputs(Stage.EVALUATE, student=90, teacher=20)
    score = (evaluated.scores or [])[0].model_copy(update={"difference": Interval(value=70, low=61.5, high=80)})
    way = PromptScore(
        prompt=TeacherPrompt.FEW_SHOT, metric=Metric.EXACT_MATCH, rows=9, score=score.teacher, chosen=True
    )
    other = way.model_copy(update={"prompt": TeacherPrompt.ZERO_SHOT, "score": None, "chosen": False})
    update = {"metric_reason": "The outputs are short.", "teacher_prompts": [way, other], "notes": ["One was [cut]."]}
    stages = {
        Stage.PREPARE: done(Stage.PREPARE, StageOutputs(notes=["The instruction is cut."])),
        Stage.EVALUATE: done(Stage.EVALUATE, evaluated.model_copy(update=update)),
    }
    assert remarks(stages) == [
        "The instruction is cut.",
        "The outputs are short.",
        "Ways to ask the teacher, ExactMatch on 9 rows: FewShot 20.0 [20.0, 20.0] (taken), ZeroShot -.",
        "One was [cut].",
    ]
    console = Console(file=io.StringIO(), width=200)
    print_report(console, Prompt2ModelStatus(scores=[score]), stages, None, {}, {})
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert "Retrieved test split, 9 rows" in printed
    assert "student - teacher" in printed and "70.0 [61.5, 80.0]" in printed
    assert all(sentence in printed for sentence in remarks(stages))


def test_a_narrow_terminal_breaks_no_interval() -> None:
    spans = {"untrained": Interval(value=0, low=0, high=0), "difference": Interval(value=-100, low=-100, high=100)}
    score = (outputs(Stage.EVALUATE).scores or [])[0].model_copy(update=spans)
    console = Console(file=io.StringIO(), width=80)
    console.print(scores_tables([score], console.width)[0])
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert "[-100.0, 100.0]" in printed and "[89.0, 91.0]" in printed
