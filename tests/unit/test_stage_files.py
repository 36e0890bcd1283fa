"""Files between stages: what is written is read again, and what is missing is named."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.attempt import read_result
from prompt2model_stages.differing_rows import ERRORS, DifferingRow
from prompt2model_stages.examples import EXAMPLES, Example, Pair, VotedExample
from prompt2model_stages.generate.base import Counts
from prompt2model_stages.golden_requests import GOLDEN, read_golden, write_golden
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.splits import Row, read_split, write_split
from prompt2model_stages.stage_files import (
    Candidates,
    DiscoveredTask,
    PinnedStudent,
    StageFile,
    TrainingSummary,
    UntrainedStudent,
    json_lines,
    read_lines,
)
from prompt2model_stages.statistics_files import DataStatistics, FileRead, GenerationStatistics, Histogram, Lengths
from prompt2model_stages.storage import Folder
from prompt2model_stages.task_card import TaskCard

pytestmark = pytest.mark.unit

FILES: list[StageFile] = [
    DiscoveredTask(instruction="Say it.", demonstrations=[Demonstration(input="é", output="e")], notes=["cut"]),
    Candidates(hypothetical_model_card="It says it."),
    UntrainedStudent(name="google/flan-t5-small", revision=None, path="/s", max_input_tokens=None),
    TrainingSummary(steps=9, best_step=7, began_at=0, tokens_per_second=1.5),
    PinnedStudent(name="google/flan-t5-small", revision="abc"),
    TaskCard(instruction="Dis-le.", language="fr", demonstrations=[Demonstration(input="é", output="e")]),
    GenerationStatistics(requests=3, unique=2, wanted=2, duplicates_over_time=[(1, 0), (2, 1)]),
    DataStatistics(
        rows={"train": 2},
        lengths=Lengths(input=Histogram(edges=[0, 5], counts={"train": {"own": [2]}})),
        files={"datasets.own": FileRead(uri="a.csv", sha256="ab", rows=2)},
    ),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: type(file).__name__)
def test_what_is_written_is_read_again(tmp_path: Path, file: StageFile) -> None:
    folder = Folder(str(tmp_path))
    file.write(folder)
    assert type(file).read(folder) == file


@pytest.mark.parametrize(
    "content", ["{}", "{", '{"instruction": 1}', '{"instruction": "i", "demonstrations": [{"input": "a"}]}']
)
def test_a_field_that_is_missing_or_of_another_kind_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "task.json").write_text(content)
    with pytest.raises(
        ValueError, match=r"task\.json cannot be used: (instruction|demonstrations\.0\.output|Invalid JSON)"
    ):
        DiscoveredTask.read(Folder(str(tmp_path)))


@pytest.mark.parametrize("content", [None, b"", b'{"attempt": 1, "dig', b'{"attempt": 1}', b"[]"])
def test_a_result_that_is_missing_or_damaged_is_none(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The stage is then done again, from what it kept; a traceback would end every run of the resource."""
    folder = Folder(str(tmp_path))
    if content is not None:
        folder.write_bytes("result.json", content)
    assert read_result(folder) is None
    assert ("result.json" in caplog.text) == (content is not None)


def test_each_count_of_generate_is_in_its_statistics() -> None:
    assert {field.name for field in fields(Counts)} <= set(GenerationStatistics.model_fields)


def test_rows_are_written_as_lines_and_read_again(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    examples = [VotedExample("é", "e", requests=("k1", "k2"), votes=2, of=3)]
    differing = [DifferingRow("Own", "a", "b", student="c", untrained=None, teacher="b")]
    folder.write_bytes(EXAMPLES, json_lines(examples))
    folder.write_bytes(ERRORS, json_lines(differing))
    assert list(read_lines(folder, EXAMPLES, VotedExample)) == examples
    assert list(read_lines(folder, ERRORS, DifferingRow)) == differing


def test_a_lone_surrogate_does_not_make_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.write_bytes(EXAMPLES, json_lines([VotedExample("a\ud800", "b", requests=(), votes=1, of=1)]))
    assert next(read_lines(folder, EXAMPLES, VotedExample)).input == "a?"


@pytest.mark.parametrize(
    "line", ['{"input": "a", "output": 1, "requests": [], "votes": 1, "of": 1}', '{"input": "a"}', "{"]
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str) -> None:
    good = '{"input": "a", "output": "b", "requests": [], "votes": 1, "of": 1}'
    (tmp_path / EXAMPLES).write_text(f"{good}\n\n{line}\n")
    with pytest.raises(ValueError, match=r"examples\.jsonl cannot be used: line 3: (output: |requests: |Invalid JSON)"):
        list(read_lines(Folder(str(tmp_path)), EXAMPLES, VotedExample))


def test_golden_requests_are_read_again_and_another_file_is_named(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    write_golden(folder, [Pair("a", "b")])
    assert read_golden(folder) == [Pair("a", "b")]
    folder.write_json(GOLDEN, [{"input": "a"}])
    with pytest.raises(ValueError, match=r"not a list of input and output \(0\.output"):
        read_golden(folder)


def test_a_split_is_read_again_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    write_split(folder, "train", [Example("a ", "b", source="own", origin="x:1")], Preprocessing("Say."))
    assert read_split(folder, "train") == [Row("a ", "b", split="train", text="Say.\na")]
    assert read_split(folder, "validation") == []
    folder.write_bytes("train.parquet", folder.read_bytes("train.parquet")[:-8])
    with pytest.raises(ValueError, match=r"train\.parquet cannot be used"):
        read_split(folder, "train")
