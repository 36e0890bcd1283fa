"""prepare as a stage: files in, splits out."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.conditions import FailureState
from prompt2model_api.data_files import is_path
from prompt2model_api.results import Choice, UsedDataset
from prompt2model_api.spec.references import OwnData
from prompt2model_api.stage_job import StageJob
from prompt2model_api.stage_run import Decision, Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import StageError
from prompt2model_stages.examples import TRANSFORMED, TransformedExample
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.local.data_summary import summary_of
from prompt2model_stages.prepare.chosen import parts_of
from prompt2model_stages.prepare.own_data import read_own
from prompt2model_stages.prepare.retrieving import load_choice
from prompt2model_stages.prepare.stage import run
from prompt2model_stages.prepare.tables import Table, read_table
from prompt2model_stages.prepare.textualizing import examples_of, text_of
from prompt2model_stages.preprocessing import INSTRUCTION_LIMIT, Preprocessing
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.stage_files import json_lines
from prompt2model_stages.storage import Folder

pytestmark = pytest.mark.unit

TASK = {"instruction": "Say the number.", "demonstrations": [{"input": "one", "output": "1"}]}


def context(
    root: Path,
    parameters: dict[str, Any],
    decision: Decision | None = None,
    generated: list[dict[str, Any]] | None = None,
    task: dict[str, Any] = TASK,
) -> StageContext:
    storage = Folder(str(root / "runs"))
    (storage / "discover-0").write_json("task.json", task)
    inputs = {"discover": "discover-0"}
    if generated is not None:
        inputs["generate"] = "generate-0"
        lines = "".join(json.dumps({"requests": [], "votes": 1, "of": 1, **row}) + "\n" for row in generated)
        (storage / "generate-0").write_bytes("examples.jsonl", lines.encode())
    spec = StageRunSpec(
        resource="numbers", stage=Stage.PREPARE, digest="a" * 64, storage=storage.uri, parameters=parameters,
        inputs=inputs, decision=decision,
    )  # fmt: skip
    job = StageJob(stage_run=StageRun(metadata=Metadata(name="numbers"), spec=spec), attempt=1)
    return StageContext(job=job, reporter=FileReporter(own_folder(job), 1))


def table(folder: Folder, name: str) -> list[dict[str, Any]]:
    content = folder.read_bytes(f"{name}.parquet")
    rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(content)).to_pylist()
    return rows


def numbers(path: Path, count: int, header: tuple[str, str] = ("input", "output")) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *((f"number {i}", f"{i:03}") for i in range(count))])
    return path


def generated_rows(count: int) -> list[dict[str, Any]]:
    return [{"input": f"the number of {i}", "output": str(i), "requests": ["k1", "k2"]} for i in range(count)]


def test_all_sources_together(tmp_path: Path) -> None:
    numbers(tmp_path / "own.csv", 20)
    with (tmp_path / "train.jsonl").open("w") as stream:
        stream.writelines(json.dumps({"a": f"row {i}", "b": f"{i}"}) + "\n" for i in range(100))
    choice = Choice(name=str(tmp_path / "train.jsonl"), input_columns=["a"], output_column="b")
    parameters = {"datasets.own": {"uri": str(tmp_path / "own.csv")}, "datasets.maxRows": 50, "seed": 3}
    at = context(tmp_path, parameters, Decision(dataset=choice), generated_rows(30))
    outputs = run(at)
    assert outputs.rows == {
        "train": 40 + 24 + 18, "validation": 5 + 3 + 2, "test-retrieved": 5, "test-generated": 3,
    }  # fmt: skip
    rows = table(at.folder, "train")
    assert list(rows[0]) == ["input", "text", "output", "source", "origin", "group"]
    assert all(row["text"] == "Say the number.\n" + row["input"] for row in rows)
    assert {row["origin"] for row in rows if row["source"] == "generated"} == {"k1,k2"}
    own = next(row for row in rows if row["source"] == "own")
    number = int(own["origin"].rsplit("#", 1)[1])
    assert own["output"] == f"{number:03}"  # text stays text: no 7 of a 007
    assert own["origin"].startswith(str(tmp_path / "own.csv"))
    assert Preprocessing.load(at.folder).instruction == "Say the number."
    statistics = at.folder.read_json("statistics.json")
    assert statistics["rows"] == outputs.rows
    assert sum(statistics["lengths"]["input"]["counts"]["train"]["own"]) == 18
    assert at.folder.read_json("progress.json")["done"] == 5


def test_several_datasets_share_the_rows_and_a_row_of_two_counts_once(tmp_path: Path) -> None:
    for name, first, columns in (("one", 0, ("a", "b")), ("two", 80, ("text", "label")), ("few", 500, ("a", "b"))):
        rows = (
            {columns[0]: f"row {i}", columns[1]: f"{i}"} for i in range(first, first + (5 if name == "few" else 100))
        )
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    more = [
        {"name": str(tmp_path / "two.jsonl"), "inputColumns": ["text"], "outputColumn": "label"},
        {"name": str(tmp_path / "one.jsonl"), "inputColumns": ["a"], "outputColumn": "b", "share": 50},
    ]
    first = {"name": str(tmp_path / "few.jsonl"), "inputColumns": ["a"], "outputColumn": "b"}
    choice = Choice.model_validate({**first, "also": more})
    at = context(tmp_path, {"datasets.maxRows": 200, "seed": 3}, Decision(dataset=choice), [])
    outputs = run(at)
    found = at.folder.read_json("statistics.json")
    names = {name: str(tmp_path / f"{name}.jsonl") for name in ("few", "two", "one")}
    read = {name: found["datasets"][file]["read"] for name, file in names.items()}
    assert read == {"few": 5, "two": 95, "one": 100}, "what one has not is read of the next"
    assert found["datasets"][names["one"]]["percent"] == 50.0
    origins = [row["origin"].rpartition("#")[0] for split in outputs.rows or {} for row in table(at.folder, split)]
    kept = {name: sum(found["datasets"][file]["rows"].values()) for name, file in names.items()}
    assert kept == {name: origins.count(file) for name, file in names.items()}
    twice = found["dropped"]["duplicates"]["retrieved"]
    assert 0 < twice <= 20 and sum(kept.values()) == 200 - twice
    assert outputs.notes == [
        f"The retrieved rows are 5 of {names['few']}, 95 of {names['two']}, 100 of {names['one']}; "
        f"{twice} inputs are in more than one of them and count once."
    ]


@pytest.mark.parametrize(
    ("shares", "parts"),
    [([None], [100]), ([30], [100]), ([None, None], [50, 50]), ([70, None, None], [70, 15, 15]), ([20, 20], [50, 50])],
)
def test_shares_of_the_rows(shares: list[int | None], parts: list[int]) -> None:
    datasets = [UsedDataset(name=f"d{n}", share=share) for n, share in enumerate(shares)]
    assert parts_of(100, datasets) == parts


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7, 10, 99, 100, 101, 3000, 9999])
@pytest.mark.parametrize(
    "shares",
    [
        [None, None, None],
        [1, None],
        [50, None, None, None, None],
        [1, 1, 98],
        [33, 33, 33],
        [1, 2, 3, 4, 5],
        [99, None],
    ],
)
def test_the_parts_are_all_the_rows_and_no_more(rows: int, shares: list[int | None]) -> None:
    parts = parts_of(rows, [UsedDataset(name=f"d{n}", share=share) for n, share in enumerate(shares)])
    assert sum(parts) == rows
    assert min(parts) >= (1 if rows >= len(shares) else 0)
    exact = [rows / len(shares)] * len(shares)
    assert any(shares) or all(abs(part - wanted) < 1 for part, wanted in zip(parts, exact, strict=True))


def test_rewritten_rows_take_the_place_of_the_raw_ones(tmp_path: Path) -> None:
    choice = Choice(name=str(tmp_path / "is-not-read.jsonl"), input_columns=["a"], output_column="b")
    at = context(tmp_path, {"seed": 3}, Decision(dataset=choice, transform=True), generated_rows(10))
    made = [TransformedExample(f"say {i}", str(i), f"org/d#{i}", f"key{i}", (f"from{i}",), "label") for i in range(30)]
    Folder(f"{tmp_path}/runs/transform-0").write_bytes(TRANSFORMED, json_lines(made))
    run_spec = at.job.stage_run.spec.model_copy(
        update={"inputs": {**at.job.stage_run.spec.inputs, "transform": "transform-0"}}
    )
    job = at.job.model_copy(update={"stage_run": at.job.stage_run.model_copy(update={"spec": run_spec})})
    at = StageContext(job=job, reporter=at.reporter)
    rows = run(at).rows or {}
    assert rows["test-transformed"] == 3 and "test-retrieved" not in rows
    rewritten = [row for row in table(at.folder, "train") if row["source"] == "transformed"]
    assert len(rewritten) == 24
    number = rewritten[0]["output"]
    assert rewritten[0]["origin"] == f"org/d#{number}, rewritten in key{number}"


def test_the_same_inputs_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    shas = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        at = context(tmp_path / folder, {"seed": seed}, None, generated_rows(40))
        run(at)
        shas.append({n: hashlib.sha256(at.folder.read_bytes(n)).hexdigest() for n in at.folder.names()
                     if n.endswith((".parquet", "statistics.json", "preprocessing.json"))})  # fmt: skip
    assert shas[0] == shas[1]
    assert shas[0]["train.parquet"] != shas[2]["train.parquet"]


def test_own_test_data_is_a_split_of_its_own(tmp_path: Path) -> None:
    numbers(tmp_path / "test.csv", 10, ("q", "a"))
    test = {"uri": str(tmp_path / "test.csv"), "inputColumns": ["q"], "outputColumn": "a"}
    leak = {"input": "Number 3!", "output": "3", "requests": []}
    at = context(tmp_path, {"evaluation.testData": test}, None, [*generated_rows(20), leak])
    assert (run(at).rows or {})["test-own"] == 10
    assert at.folder.read_json("statistics.json")["dropped"]["leaks"] == {"generated": 1}


def test_rows_that_the_own_test_data_leaves_out_are_told(tmp_path: Path) -> None:
    numbers(tmp_path / "test.csv", 10, ("q", "a"))
    test = {"uri": str(tmp_path / "test.csv"), "inputColumns": ["q"], "outputColumn": "a"}
    leaks = [{"input": f"Number {number}!", "output": f"{number}", "requests": []} for number in range(3)]
    at = context(tmp_path, {"evaluation.testData": test}, None, [*generated_rows(20), *leaks])
    assert run(at).notes == [
        "3 rows are left out since they ask what your own test data asks; 0 of their inputs ask it in other words."
    ]
    reason, message = failure(context(tmp_path, {"evaluation.testData": test}, None, leaks))
    assert reason == "NoTrainingData"
    assert "all rows are left out (3 leaks), 3 of them since they ask what your own test data asks" in message


def failure(at: StageContext) -> tuple[str, str]:
    with pytest.raises(StageError) as error:
        run(at)
    assert error.value.failure.state is FailureState.FAILED
    assert error.value.failure.remedy
    return error.value.failure.reason, error.value.failure.message


def test_no_data_at_all(tmp_path: Path) -> None:
    assert failure(context(tmp_path, {}, Decision(dataset=Choice(none=True))))[0] == "NoTrainingData"
    empty = [{"input": "a", "output": " ", "requests": []}]
    reason, message = failure(context(tmp_path, {}, None, empty))
    assert reason == "NoTrainingData"
    assert "1 empty" in message


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    numbers(tmp_path / "own.csv", 3, ("text", "label"))
    reason, message = failure(context(tmp_path, {"datasets.own": {"uri": str(tmp_path / "own.csv")}}))
    assert reason == "ColumnMissing"
    assert "datasets.own" in message
    assert "no column input, output" in message
    assert "text, label" in message


def test_a_missing_file(tmp_path: Path) -> None:
    reason, message = failure(context(tmp_path, {"datasets.own": {"uri": str(tmp_path / "none.csv")}}))
    assert reason == "FileMissing"
    assert "datasets.own" in message


def reason_of(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(StageError) as error:
        read_table(str(path), "datasets.own")
    return f"{error.value.failure.reason}: {error.value.failure.message}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "line 2 is no JSON" in reason_of(tmp_path / "a.jsonl", b'{"a": 1}\n{"a"\n')
    assert reason_of(tmp_path / "a.parquet", b"no parquet").startswith("DataMalformed")
    assert reason_of(tmp_path / "a.csv", b"a,b\n\xff\xfe,1\n").startswith("DataMalformed")
    assert reason_of(tmp_path / "a.xlsx", b"").startswith("FormatUnknown")


def test_a_csv_with_everything_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes('\ufeffinput,output\r\n"two\r\nlines, ""q""",007\r\nshort,\r\n'.encode())
    rows = read_table(str(tmp_path / "a.csv"), "x").rows
    assert rows[0] == {"input": 'two\r\nlines, "q"', "output": "007"}
    assert rows[1] == {"input": "short", "output": ""}


def test_class_ids_become_names(tmp_path: Path) -> None:
    features = {"y": {"names": ["bad", "good"], "_type": "ClassLabel"}, "x": {"dtype": "string", "_type": "Value"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    data = pa.table({"x": ["a", "b", "c"], "y": [1, 0, -1]}).replace_schema_metadata(metadata)
    pq.write_table(data, tmp_path / "train.parquet")
    examples = examples_of(read_table(str(tmp_path / "train.parquet"), "x"), ["x"], "y", "retrieved")
    assert [example.output for example in examples] == ["good", "bad", ""]


def test_several_columns_become_lines() -> None:
    data = Table("t", ("q", "c", "a"), [{"q": "why?", "c": None, "a": 4.5}, {"q": "who", "c": "text", "a": True}])
    examples = examples_of(data, ["c", "q"], "a", "own")
    assert [(e.input, e.output) for e in examples] == [("q: why?", "4.5"), ("c: text\nq: who", "true")]


def test_a_field_of_a_nested_column() -> None:
    rows = [{"q": "who", "a": {"text": ["I", "me"]}}, {"q": "x", "a": {"text": []}}]
    data = Table("t", ("q", "a"), rows)
    data.require(["q", "a.text"], "datasets.choice")
    assert [e.output for e in examples_of(data, ["q"], "a.text", "own")] == ["I, me", ""]
    assert [e.output for e in examples_of(Table("t", ("a.b",), [{"a.b": "flat"}]), ["a.b"], "a.b", "own")] == ["flat"]
    with pytest.raises(StageError, match=r"no column a\.none; its columns are q, a"):
        data.require(["a.none"], "datasets.choice")


def test_a_builtin_dataset() -> None:
    choice = Choice(name="builtin:dates-in-words", input_columns=["text"], output_column="iso")
    table = load_choice(choice, None)
    assert len(table.rows) > 100
    assert table.name == "builtin:dates-in-words"
    with pytest.raises(StageError) as error:
        load_choice(choice.model_copy(update={"name": "builtin:none"}), None)
    assert error.value.failure.reason == "DatasetUnknown"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (7, "7"), ([1, None, "b"], "1, b"), ({"b": 1, "a": "é"}, '{"a": "é", "b": 1}'), ("\ud800x", "?x")],
)
def test_cells_as_text(value: object, text: str) -> None:
    assert text_of(value) == text


def test_a_sample_is_drawn_with_the_seed_in_the_tables_order() -> None:
    data = Table("t", ("a",), [{"a": i} for i in range(100)])
    drawn = [number for number, _ in data.sample(10, 1)]
    assert drawn == sorted(drawn) == [number for number, _ in data.sample(10, 1)]
    assert drawn != [number for number, _ in data.sample(10, 2)]
    assert len(data.sample(1000, 1)) == 100


def test_a_folder_holds_a_file_a_split(tmp_path: Path) -> None:
    numbers(tmp_path / "train.csv", 4)
    numbers(tmp_path / "test-00000-of-00002.csv", 2)
    numbers(tmp_path / "test-00001-of-00002.csv", 3)
    choice = Choice(name=str(tmp_path), split="test", input_columns=["input"], output_column="output")
    assert len(load_choice(choice, None).rows) == 5
    with pytest.raises(StageError, match=r"train\.csv") as error:
        load_choice(choice.model_copy(update={"split": "dev"}), None)
    assert error.value.failure.reason == "SplitMissing"


def test_a_name_is_a_path_by_its_looks() -> None:
    assert all(is_path(name) for name in ("./a", "/a", "../a", "~/a", "s3://b/a", "a.csv"))
    assert not any(is_path(name) for name in ("squad", "owner/name", "owner/name.v2"))


def test_a_long_instruction_is_cut_at_a_word() -> None:
    preprocessing = Preprocessing("word " * 1000)
    assert len(preprocessing.instruction) <= INSTRUCTION_LIMIT
    assert preprocessing.text(" x ").endswith("word\nx")
    assert Preprocessing("").text("x") == "x"
    assert Preprocessing("ab cd ef", 5).instruction == "ab cd"
    assert Preprocessing("ab cd ef", 4).instruction == "ab"
    assert Preprocessing("日本語を英語に", 3).instruction == "日本語"
    assert Preprocessing("ab", 0).text("x") == "x"


@pytest.mark.parametrize(("limit", "kept"), [(None, 599), (2000, 1999), (6000, 4999), (0, 0)])
def test_a_cut_instruction_is_said_and_its_limit_is_a_field(tmp_path: Path, limit: int | None, kept: int) -> None:
    task = {"instruction": "word " * 1000, "demonstrations": []}
    named = {} if limit is None else {"training.maxInstructionCharacters": limit}
    at = context(tmp_path, {"seed": 1, **named}, None, generated_rows(40), task=task)
    outputs = run(at)
    assert len(Preprocessing.load(at.folder).instruction) == kept, "what a model was trained with is never cut again"
    if kept == 4999:
        assert outputs.notes is None
    else:
        assert outputs.notes is not None
        assert f"its first {kept:,} of 4,999 characters" in outputs.notes[0]
        assert "training.maxInstructionCharacters" in outputs.notes[0]


def test_preprocessing_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.write_json("preprocessing.json", {"format": 99})
    with pytest.raises(ValueError, match="format 99"):
        Preprocessing.load(folder)


def test_prepare_imports_no_machine_learning() -> None:
    code = (
        "import sys, prompt2model_stages.prepare.stage; print([m for m in ('torch', 'datasets') if m in sys.modules])"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_own_rows_that_ask_what_another_one_asks_are_counted(tmp_path: Path) -> None:
    """In the notes and in `p2m validate`, unless they are few; of test data without labels each output is right."""
    rows = [{"input": f"number {i} {chr(97 + i % 26)}", "output": f"{i}"} for i in range(60)]
    odd = [{**rows[0], "output": "another"}, rows[1], {"input": "", "output": "x"}]
    tests = [{"input": "Say one.", "output": word} for word in ("one", "a one")]
    for name, found in (("own", rows + odd), ("test", tests)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    data = {name: OwnData(uri=str(tmp_path / f"{name}.jsonl")) for name in ("own", "test")}
    fields = {"datasets.own": {"uri": str(data["own"].uri)}, "evaluation.testData": {"uri": str(data["test"].uri)}}
    at = context(tmp_path, fields)
    assert run(at).notes == [
        "Inputs of your own test data with several outputs: 1, in 2 rows. Each output counts as right.",
        "3 of 65 rows of your own data are left out: 1 without an input or an output, 1 that are there twice, 1 with another "
        "output than the one that is kept for the same input (the most frequent one; of equally frequent ones the seed draws).",
    ]
    assert sorted(table(at.folder, "test-own")[0]["references"]) == ["a one", "one"]
    said = summary_of("spec.datasets.own", read_own(str(data["own"].uri), data["own"], "datasets.own"))
    assert said[-1].startswith(
        "  1 of 62 rows have the input of another row and another output (the most frequent one is kept), 1"
    )
    said = summary_of("spec.evaluation.testData", read_own(str(data["test"].uri), data["test"], "evaluation.testData"))
    assert said[-1].startswith(
        "  1 of 2 rows have the input of another row and another output (each of them is right), 0"
    )
    (tmp_path / "own.jsonl").write_text("".join(json.dumps({**rows[0], "input": f"{i} x"}) + "\n" for i in range(60)))
    assert not run(context(tmp_path / "few", {"datasets.own": fields["datasets.own"]})).notes


SHOWN = "demonstrations, which the teacher is shown with their answers"


@pytest.mark.parametrize(
    ("inputs", "note"),
    [
        (["one", "two"], f"Rows of your own test data that are {SHOWN}, are left out: 1."),
        (["One!"], f"All rows of your own test data are {SHOWN}. They are tested all the same"),
        (["two"], ""),
    ],
)  # fmt: skip
def test_a_note_says_how_many_test_rows_are_demonstrations(tmp_path: Path, inputs: list[str], note: str) -> None:
    numbers(tmp_path / "own.csv", 20)
    (tmp_path / "test.jsonl").write_text("".join(json.dumps({"input": one, "output": "007"}) + "\n" for one in inputs))
    own = {"datasets.own": {"uri": str(tmp_path / "own.csv")}}
    at = context(tmp_path, {**own, "evaluation.testData": {"uri": str(tmp_path / "test.jsonl")}})
    notes = run(at).notes or []
    assert [told[: len(note)] for told in notes] == [note] * bool(note)
    assert len(table(at.folder, "test-own")) == 1
