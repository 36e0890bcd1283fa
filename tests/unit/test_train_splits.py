"""Validation rows are counted as training rows are: what is cut is said, and no run ends for it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prompt2model_api.spec.training import Training
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.splits import Splits, read_splits
from tests.tiny_students import tiny_llama

pytestmark = pytest.mark.unit

WHOLE = [("x", "no"), ("xx", "yes")] * 5


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Student:
    return Student.load(tiny_llama(tmp_path_factory.mktemp("student")), None, 24, 8)


def splits(student: Student, root: Path, validation: list[tuple[str, str]], **fields: float) -> Splits:
    for split, rows in {"train": WHOLE, "validation": validation}.items():
        if rows:
            table = {
                "input": [text for text, _ in rows],
                "text": [text for text, _ in rows],
                "output": [output for _, output in rows],
            }
            pq.write_table(pa.table(table), root / f"{split}.parquet")
    return read_splits(student, Folder(str(root)), Training.model_validate(fields))


def test_a_validation_split_that_is_mostly_cut_is_said_and_refused_by_nothing(student: Student, tmp_path: Path) -> None:
    found = splits(student, tmp_path, [("x" * 60, "a long answer")] * 3 + [("x", "はい")])
    assert found.notes == [
        "3 of 4 validation rows have outputs over training.maxOutputTokens; they are measured cut. The longest has 14 "
        "tokens.",
        "3 of 4 validation rows have inputs over training.maxInputTokens, which are cut. The longest has 61 tokens.",
        "1 of 4 validation rows have outputs that the student's tokenizer cannot write.",
        "The best epoch is chosen by validation rows of which too much is lost (over training.maxUnwritablePercent, "
        "training.maxCutOutputsPercent, training.maxCutInputsPercent): another epoch may be better on whole rows.",
    ]
    assert found.refusal(Training()) is None
    statistics = found.statistics()
    assert statistics.validation is not None and statistics.validation["cut_outputs"] == 3
    assert statistics.train["cut_outputs"] == 0


def test_few_cut_validation_rows_are_counted_without_a_doubt(student: Student, tmp_path: Path) -> None:
    found = splits(student, tmp_path, [("x", "no")] * 3 + [("x", "a long answer")], maxCutOutputsPercent=25)
    assert [note.split(" have ")[0] for note in found.notes] == ["1 of 4 validation rows"]


@pytest.mark.parametrize("validation", [WHOLE[:2], []])
def test_nothing_is_said_of_whole_rows_and_of_no_rows(
    student: Student, tmp_path: Path, validation: list[tuple[str, str]]
) -> None:
    found = splits(student, tmp_path, validation)
    assert found.notes == [] and (found.statistics().validation is not None) == bool(validation)
