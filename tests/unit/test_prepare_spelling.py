"""A label is spelled alike in the user's train and test data, or a note says that it is not."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prompt2model_stages.local.checks import load_checked
from prompt2model_stages.prepare.spelling import spelling_of, unseen_labels
from prompt2model_stages.prepare.stage import run
from prompt2model_stages.prepare.textualizing import text_of
from tests.unit.test_prepare_stage import context, table

pytestmark = pytest.mark.unit

SYLLABLES = ["ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te"]


def texts(count: int, start: int = 0) -> list[str]:
    """Inputs that are no near-twins of each other."""
    return [f"{SYLLABLES[i % 12]}{SYLLABLES[i // 12 % 12]} {SYLLABLES[i % 7]}{i}x" for i in range(start, start + count)]


def written(path: Path, inputs: Sequence[str], outputs: Sequence[Any]) -> str:
    rows = [{"input": one, "output": output} for one, output in zip(inputs, outputs, strict=True)]
    if path.suffix == ".csv":
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([("input", "output"), *(row.values() for row in rows)])
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def prepared(
    root: Path, train: tuple[str, list[Any]], test: tuple[str, list[Any]]
) -> tuple[set[str], set[str], list[str]]:
    """Labels to train on, labels of the test rows, and the notes: each of 100 and 20 rows in turn has one of the values."""
    own = written(root / f"train.{train[0]}", texts(100), [train[1][i % len(train[1])] for i in range(100)])
    tests = written(root / f"test.{test[0]}", texts(20, 100), [test[1][i % len(test[1])] for i in range(20)])
    at = context(root, {"datasets.own": {"uri": own}, "evaluation.testData": {"uri": tests}})
    notes = run(at).notes or []
    found = {name: {row["output"] for row in table(at.folder, name)} for name in ("train", "test-own")}
    return found["train"], found["test-own"], notes


NFD = [unicodedata.normalize("NFD", word) for word in ("café", "thé")]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (("csv", ["0.0", "1.0"]), ("parquet", [0, 1])),
        (("csv", ["0.0", "1.0"]), ("parquet", [0.0, 1.0])),
        (("parquet", [0.0, 1.0]), ("csv", ["0", "1"])),
        (("csv", ["True", "False"]), ("parquet", [True, False])),
        (("parquet", [True, False]), ("csv", ["TRUE", "FALSE"])),
        (("jsonl", [0.0, 1.0, 2.5]), ("jsonl", [0.0, 1.0])),
        (("jsonl", [0.0, 1.0, 2.5]), ("jsonl", [0, 1])),
        (("parquet", [0.0, 1.0, 2.5]), ("csv", ["0", "1", "2.50"])),
        (("csv", ["2.50", "0.10"]), ("jsonl", [2.5, 0.1])),
        (("jsonl", ["café", "thé"]), ("jsonl", NFD)),
    ],
)
def test_labels_of_both_files_are_spelled_alike(
    tmp_path: Path, train: tuple[str, list[Any]], test: tuple[str, list[Any]]
) -> None:
    known, asked, notes = prepared(tmp_path, train, test)
    assert asked <= known
    assert not [note for note in notes if "label" in note]


def test_what_a_typed_file_cannot_have_stays_text_and_is_said(tmp_path: Path) -> None:
    known, asked, notes = prepared(tmp_path, ("csv", ["007", "008"]), ("parquet", [7, 8]))
    assert (known, asked) == ({"007", "008"}, {"7", "8"})
    assert any(note.startswith("20 of 20 rows of your test data have a label") for note in notes)


def test_labels_that_nothing_to_train_on_has_are_counted(tmp_path: Path) -> None:
    _, _, notes = prepared(tmp_path, ("csv", ["0.0", "1.0"]), ("csv", ["0", "1"]))
    assert notes == [
        "20 of 20 rows of your test data have a label that no row to train on has (`0`; train has `0.0`). The student will "
        "not give it: spell labels alike, or add rows with it."
    ]
    assert unseen_labels([f"answer {i}" for i in range(50)], []) is None


def test_answers_of_other_questions_are_no_unseen_labels(tmp_path: Path) -> None:
    """An FAQ has each answer often, and a question with its answer in one split."""
    answers = [f"Ask {one} at the counter" for one in texts(30)]
    _, asked, notes = prepared(tmp_path, ("jsonl", answers[:10]), ("jsonl", answers[10:]))
    assert len(asked) == 20
    assert not notes
    written(tmp_path / "faq.jsonl", texts(600), [f"at {word}" for word in texts(100)] * 6)
    alone = run(context(tmp_path / "alone", {"datasets.own": {"uri": str(tmp_path / "faq.jsonl")}}))
    assert not [note for note in alone.notes or [] if "label" in note]


def test_validate_says_it_too_and_reads_both_files_alike(tmp_path: Path) -> None:
    written(tmp_path / "train.csv", texts(40), ["0.0", "1.0"] * 20)
    written(tmp_path / "test.parquet", texts(4, 40), [0, 1, 2, 1])
    (tmp_path / "p.yaml").write_text(
        json.dumps({
            "apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": {"name": "p"},
            "spec": {"prompt": "Say 0 or 1.", "datasets": {"own": {"uri": "train.csv"}},
                     "evaluation": {"testData": {"uri": "test.parquet"}, "metrics": ["ExactMatch"]}},
        })
    )  # fmt: skip
    said: list[str] = []
    load_checked(tmp_path / "p.yaml", said.append)
    assert "  labels: 0 20, 1 20" in said
    assert next(line for line in said if "label that" in line).startswith(
        "  1 of 4 rows of your test data have a label"
    )


def test_a_file_alone_is_read_as_before() -> None:
    alone = spelling_of([1.0, 2.5], [])
    assert [text_of(alone.read(cell), integral=alone.integral) for cell in (1.0, 2.5, "1.0", "True")] == [
        "1.0",
        "2.5",
        "1.0",
        "True",
    ]
