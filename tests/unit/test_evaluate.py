"""evaluate's parts that need no model: rows, partial answers, golden requests, the table of errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prompt2model_stages.differing_rows import DifferingRow
from prompt2model_stages.evaluate.differences import ERRORS_SHOWN, errors
from prompt2model_stages.evaluate.golden import golden_requests
from prompt2model_stages.evaluate.predictions import (
    CHUNK,
    Answers,
    Predictions,
    sampled_rows,
    write_predictions,
)
from prompt2model_stages.evaluate.stage import teacher_tokens
from prompt2model_stages.examples import Example, Pair
from prompt2model_stages.prepare.splitting import Dropped, Splits
from prompt2model_stages.prepare.stage import write
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.splits import Row
from prompt2model_stages.storage import Folder

pytestmark = pytest.mark.unit


def rows_of(count: int, split: str = "test-retrieved") -> list[Row]:
    return [Row(f"in {i}", f"out {i}", split=split, text=f"text {i}") for i in range(count)]


def prepared(at: Path, **counts: int) -> Folder:
    folder = Folder(str(at))
    examples = {
        name.replace("_", "-"): [Example(f"{name} {i}", "x", "own", "o") for i in range(count)]
        for name, count in counts.items()
    }
    write(Splits(examples, Dropped()), Preprocessing("do"), folder)
    return folder


def test_rows_are_sampled_by_split_with_the_seed_the_users_own_first(tmp_path: Path) -> None:
    folder = prepared(tmp_path, train=3, validation=1, test_generated=30, test_own=5)
    rows = sampled_rows(folder, 10, 1)
    assert [row.split for row in rows] == ["test-own"] * 5 + ["test-generated"] * 10
    assert rows == sampled_rows(folder, 10, 1)
    assert rows != sampled_rows(folder, 10, 2)
    assert rows[0].text == "do\ntest_own 0"


def test_a_sample_has_the_labels_as_often_as_the_split(tmp_path: Path) -> None:
    """A score of the sample is one of the split: no label counts more than it does there."""
    folder = Folder(str(tmp_path))
    rows = [Example(f"text {i}", "seldom" if i % 200 == 0 else "often", "own", "o") for i in range(400)]
    write(Splits({"train": rows[:1], "validation": [], "test-own": rows}, Dropped()), Preprocessing("do"), folder)
    seldom = sum(row.output == "seldom" for seed in range(200) for row in sampled_rows(folder, 20, seed))
    assert 5 <= seldom <= 40  # of 4,000 rows, 20 expected; 200 and more were one added to each sample


def test_an_attempt_goes_on_where_the_killed_one_was(tmp_path: Path) -> None:
    texts = [f"t{i}" for i in range(2 * CHUNK + 3)]
    asked: list[str] = []

    def generate(chunk: list[str], told: Callable[[int], None]) -> list[str]:
        if len(asked) > CHUNK:
            raise KeyboardInterrupt
        asked.extend(chunk)
        told(1)
        return [text.upper() for text in chunk]

    predictions = Predictions(Folder(str(tmp_path)), "student", texts)
    with pytest.raises(KeyboardInterrupt):
        predictions.complete(generate, lambda done: None)
    assert not predictions.done
    asked.clear()
    seen: list[int] = []
    again = Predictions(Folder(str(tmp_path)), "student", texts)
    assert again.complete(generate, seen.append) == [text.upper() for text in texts]
    assert asked == texts[2 * CHUNK :]
    assert seen == [CHUNK, 2 * CHUNK, 2 * CHUNK + 1, 2 * CHUNK + 3]
    assert again.done
    assert not Predictions(Folder(str(tmp_path)), "untrained", texts).done
    assert not Predictions(Folder(str(tmp_path)), "student", texts[1:]).done


def test_golden_requests_are_answered_alike_alone_and_together() -> None:
    def answer(texts: list[str], batch_size: int) -> list[str]:
        wobbling = {f"text {i}" for i in (0, 2)} if batch_size > 1 else set()
        return ["" if text == "text 1" else text.upper() + "!" * (text in wobbling) for text in texts]

    requests = golden_requests(rows_of(30), answer)
    assert requests == [Pair(f"in {i}", f"TEXT {i}") for i in (3, 4, 5, 6, 7)]


def test_golden_requests_where_there_is_little_to_choose_from() -> None:
    def answer(texts: list[str], batch_size: int) -> list[str]:
        return [text * (batch_size == 1) for text in texts]

    assert golden_requests([], answer) == []
    assert [r.output for r in golden_requests(rows_of(2) + rows_of(2), answer)] == ["text 0", "text 1"]


def test_predictions_are_written_by_split(tmp_path: Path) -> None:
    rows = rows_of(2, "test-own") + rows_of(1, "test-generated")
    answers: Answers = {"student": ["a", "b", "c"], "untrained": ["", "", ""], "teacher": ["x", None, None]}
    write_predictions(Folder(str(tmp_path)), rows, answers)
    table = pq.read_table(tmp_path / "predictions-test-own.parquet").to_pylist()
    assert table[1] == {"input": "in 1", "reference": "out 1", "student": "b", "untrained": "", "teacher": None}
    assert len(pq.read_table(tmp_path / "predictions-test-generated.parquet")) == 1


def test_the_table_of_errors_shows_both_kinds() -> None:
    rows = rows_of(500)
    answers: Answers = {
        "student": ["wrong" if i < 250 else f' "out {i}" ' for i in range(500)],
        "untrained": [""] * 500,
        "teacher": [None] * 10 + [f"out {i}" for i in range(10, 350)] + ["other"] * 150,
    }
    table = errors(rows, answers)
    assert len(table) == ERRORS_SHOWN
    assert [row.student == "wrong" for row in table] == [True] * 100 + [False] * 100
    assert table[0] == DifferingRow("Retrieved", "in 0", "out 0", student="wrong", untrained="", teacher=None)
    assert all(row.teacher == "other" for row in table[100:])
    assert errors(rows[300:302], {k: v[300:302] for k, v in answers.items()}) == []


def test_the_teacher_has_room_for_the_longest_reference_in_any_tokenizer() -> None:
    assert teacher_tokens([Row("", "2021-05-04", split="s", text="")], 12) == 64
    assert teacher_tokens([Row("", "é" * 100, split="s", text="")], 12) == 232
    assert teacher_tokens([Row("", "x" * 1000, split="s", text="")], 12) == 788
    assert teacher_tokens([Row("", "x", split="s", text="")], 128) == 128
    assert teacher_tokens([], 128) == 128
