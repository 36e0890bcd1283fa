"""`p2m data` as its user types it: the report in terminals and pipes, and files that `datasets.own` reads back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from prompt2model_api.spec.references import OwnData
from prompt2model_api.stage_run import Stage
from prompt2model_stages.cli.main import main
from prompt2model_stages.examples import Example
from prompt2model_stages.prepare.own_data import read_own
from tests.data_folder import INSTRUCTION, DataFolder, example

pytestmark = pytest.mark.unit

TRAIN = [
    example("Line one\nline two\r\nand \u2028 more", "output\nof two lines", origin="own.csv#1"),
    example('Ünïcode 日本語 🎉 "quoted", \\n literally', "สวัสดี", "generated", "r1,r2"),
    example("007", "None", "retrieved", "org/d#3"),
    example("[1, 2]", "1.0", "retrieved", "org/d#4"),
    example('{"a": 1}', "true", "own", "own.csv#2"),
    example("nan", "null", "own", "own.csv#5"),
]
VALIDATION = [example("a thing to validate", "yes"), example("another", "no")]
TESTS = [example("a thing to test", "yes", "retrieved"), example("tabs\tand\x0bmore", "no", "retrieved")]
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test-retrieved": TESTS}


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "runs")
    made.discovered()
    return made


@pytest.fixture
def prepared(folder: DataFolder) -> DataFolder:
    folder.prepared(SPLITS)
    return folder


def data(folder: DataFolder, *options: str | Path, name: str = "dates", width: int = 80) -> Result:
    runs = folder.path.parents[1]
    arguments = ["data", name, "--runs", str(runs), *map(str, options)]
    return CliRunner(env={"COLUMNS": str(width)}).invoke(main, arguments, catch_exceptions=False)


def read(file: Path, output: str = "output", inputs: Sequence[str] = ("input",)) -> list[Example]:
    own = OwnData(uri=str(file), input_columns=list(inputs), output_column=output)
    return read_own(str(file), own, "datasets.own").examples


def pairs(examples: Sequence[Example]) -> list[tuple[str, str]]:
    return [(one.input, one.output) for one in examples]


class TestReport:
    """What is printed."""

    def test_it_has_each_part(self, prepared: DataFolder) -> None:
        said = data(prepared)
        assert said.exit_code == 0
        assert said.stdout.startswith(f"default/dates: {INSTRUCTION}")
        for part in (
            "Rows by split",
            "Lengths in char",
            "Lengths in tok",
            "Labels",
            "Left out",
            "Leaks",
            "Cost",
            "Rows\n",
        ):
            assert f"\n{part}" in said.stdout
        train = next(line.split() for line in said.stdout.splitlines() if line.startswith("train"))
        assert train == ["train", "6", "3", "2", "1", "6"]  # own, retrieved, generated; different inputs

    def test_a_pipe_gets_no_colours_no_boxes_and_whole_sentences(self, prepared: DataFolder) -> None:
        said = data(prepared, width=60).stdout
        assert "\x1b" not in said and not set("│┃━─┏╇") & set(said)
        assert (
            "\nHow many different questions there are was not counted by the version that prepared this data.\n" in said
        )

    @pytest.mark.parametrize("width", [30, 46, 60])
    def test_in_a_narrow_terminal_no_figure_is_broken(self, folder: DataFolder, width: int) -> None:
        rows = [example(f"number {n}", "bug" if n % 2 else "billing") for n in range(1_234)]
        folder.prepared({"train": rows, "validation": VALIDATION, "test-retrieved": TESTS})
        said = data(folder, width=width).stdout
        assert "1,234" in said and "test-retrieved" in said

    def test_what_rows_hold_moves_no_cursor(self, folder: DataFolder) -> None:
        folder.prepared({"train": [example("\x1b[31mred\x07 \u202eturned[/bold]", "a\rb")]})
        said = data(folder, width=120).stdout
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(said)
        assert "[31mred turned[/bold]" in said and "a b" in said

    def test_the_seed_draws_other_rows(self, folder: DataFolder) -> None:
        folder.prepared({"train": [example(f"row number {n}", "x") for n in range(500)]})
        assert data(folder).stdout == data(folder, "--seed", "0").stdout != data(folder, "--seed", "1").stdout

    def test_with_generate_alone(self, folder: DataFolder) -> None:
        folder.generated({"an input": "an output"})
        said = data(folder)
        assert said.exit_code == 0 and "There are no splits yet" in said.stdout and "generate done" in said.stdout
        assert "an input" in said.stdout

    def test_a_name_that_was_never_run(self, prepared: DataFolder) -> None:
        said = data(prepared, name="other")
        assert (said.exit_code, said.stdout) == (2, "")
        assert said.stderr.startswith("No run of default/other in ") and said.stderr.count("\n") == 1

    def test_a_damaged_split_is_one_sentence(self, prepared: DataFolder) -> None:
        prepared.stage_folder(Stage.PREPARE).write_bytes("train.parquet", b"PAR1")
        said = data(prepared)
        assert said.exit_code == 2 and "train.parquet cannot be used" in said.stderr and said.stderr.count("\n") == 1


class TestExport:
    """Files, and what reads them."""

    @pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet", "ROWS.JSONL"])
    def test_all_splits_in_one_file_are_read_back(self, prepared: DataFolder, tmp_path: Path, name: str) -> None:
        said = data(prepared, "--export", tmp_path / name)
        assert (said.exit_code, said.stdout) == (0, f"{tmp_path / name}: 10 rows\n")
        wanted = [*TRAIN, *VALIDATION, *TESTS]
        assert pairs(read(tmp_path / name)) == pairs(wanted)
        columns = read(tmp_path / name, output="split", inputs=("source",))
        assert columns[0] == example("own", "train", origin=f"{tmp_path / name}#0")
        assert [one.output for one in columns] == ["train"] * 6 + ["validation"] * 2 + ["test-retrieved"] * 2

    @pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet", "rows.chat.jsonl"])
    def test_one_split_alone(self, prepared: DataFolder, tmp_path: Path, name: str) -> None:
        said = data(prepared, "--export", tmp_path / name, "--split", "validation")
        assert said.stdout == f"{tmp_path / name}: 2 rows\n"
        assert pairs(read(tmp_path / name)) == pairs(VALIDATION)

    def test_the_columns_of_a_line(self, prepared: DataFolder, tmp_path: Path) -> None:
        data(prepared, "--export", tmp_path / "rows.jsonl")
        first = json.loads((tmp_path / "rows.jsonl").read_text("utf-8").split("\n")[2])
        assert first == {"input": "007", "output": "None", "source": "retrieved", "origin": "org/d#3", "split": "train"}

    def test_chat_has_a_file_a_split_and_is_read_back(self, prepared: DataFolder, tmp_path: Path) -> None:
        said = data(prepared, "--export", tmp_path / "tickets.chat.jsonl")
        files = [tmp_path / f"tickets.{name}.chat.jsonl" for name in SPLITS]
        assert said.stdout.splitlines() == [
            f"{f}: {len(rows)} rows" for f, rows in zip(files, SPLITS.values(), strict=True)
        ]
        assert not (tmp_path / "tickets.chat.jsonl").exists()
        for file, rows in zip(files, SPLITS.values(), strict=True):
            assert pairs(read(file)) == pairs(rows)
        line = files[1].read_text("utf-8").split("\n")[0]
        assert json.loads(line) == {
            "messages": [
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": "a thing to validate"},
                {"role": "assistant", "content": "yes"},
            ]
        }

    def test_a_file_that_is_called_chat(self, prepared: DataFolder, tmp_path: Path) -> None:
        assert data(prepared, "--export", tmp_path / "chat.jsonl").exit_code == 0
        assert sorted(file.name for file in tmp_path.glob("*chat*")) == [
            f"{name}.chat.jsonl" for name in sorted(SPLITS)
        ]

    @pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
    def test_several_right_answers_are_read_back(self, folder: DataFolder, tmp_path: Path, name: str) -> None:
        rows = [
            # Articles do not count, so `Broncos` would have two votes and `Denver` one.
            example("Who won?", "Denver", "retrieved", "a#1", ["Denver", "Broncos", "The Broncos"]),
            example("What is it?", "car", "retrieved", "a#2", ["automobile", "car"]),  # no word in common
            example("How many?", "2", "retrieved", "a#3", ["2", "two"]),
            example("Where?", "Paris", "retrieved", "a#4"),
        ]
        folder.prepared({"train": rows})
        data(folder, "--export", tmp_path / name)
        found = read(tmp_path / name, output="answers")
        assert pairs(found) == pairs(rows)
        assert [set(one.references) for one in found] == [set(one.references) for one in rows]
        assert pairs(read(tmp_path / name)) == pairs(rows)  # with the one answer that is trained on

    def test_nothing_is_replaced_unasked(self, prepared: DataFolder, tmp_path: Path) -> None:
        (tmp_path / "rows.validation.chat.jsonl").write_text("mine")
        said = data(prepared, "--export", tmp_path / "rows.chat.jsonl")
        assert said.exit_code == 2 and "is there already" in said.stderr and "--force" in said.stderr
        assert (tmp_path / "rows.validation.chat.jsonl").read_text() == "mine"
        assert not (tmp_path / "rows.train.chat.jsonl").exists()
        assert data(prepared, "--export", tmp_path / "rows.chat.jsonl", "--force").exit_code == 0
        assert len(read(tmp_path / "rows.validation.chat.jsonl")) == 2

    @pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
    def test_an_export_that_fails_leaves_what_was_there(self, prepared: DataFolder, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("mine")
        whole = (prepared.stage_folder(Stage.PREPARE).local or tmp_path) / "test-retrieved.parquet"
        content = bytearray(whole.read_bytes())
        content[8:80] = b"\xff" * 72  # the footer still says what columns there are
        whole.write_bytes(content)
        said = data(prepared, "--export", tmp_path / name, "--force")
        assert said.exit_code == 2 and "test-retrieved.parquet cannot be used" in said.stderr
        assert said.stderr.count("\n") == 1 and said.stderr.endswith("failed.\n")
        assert (tmp_path / name).read_text() == "mine"
        assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [name]

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (["--export", "{here}/rows.csv"], ": the name must end with .parquet, .jsonl or .chat.jsonl."),
            (["--export", "{here}/rows"], "the name must end with"),
            (["--export", "{here}/.jsonl"], "the name must end with"),
            (["--export", "{here}/no/rows.jsonl"], "/no does not exist."),
            (["--export", "{here}/folder.jsonl"], "is a folder: name a file."),
            (["--export", "{here}/r.jsonl", "--split", "test-own"], "there are train, validation, test-retrieved."),
            (["--export", "{here}/r.jsonl", "--split", "tests"], "'tests' is not one of"),
            (["--split", "train"], "add --export FILE"),
            (["--force"], "add --export FILE"),
            (["--export", "{here}/r.jsonl", "--seed", "3"], "leave one of them out"),
        ],
    )
    def test_wrong_input_is_refused_in_a_sentence(
        self, prepared: DataFolder, tmp_path: Path, options: list[str], sentence: str
    ) -> None:
        (tmp_path / "folder.jsonl").mkdir()
        said = data(prepared, *(option.format(here=tmp_path) for option in options))
        assert said.exit_code == 2 and sentence in " ".join(said.stderr.split())
        assert said.stdout == "" and [file.name for file in tmp_path.iterdir() if file.is_file()] == []

    def test_before_there_are_splits(self, folder: DataFolder, tmp_path: Path) -> None:
        folder.generated({"a": "b"})
        said = data(folder, "--export", tmp_path / "rows.jsonl")
        assert said.exit_code == 2 and "has no splits to export yet (discover done, generate done)" in said.stderr
        assert not (tmp_path / "rows.jsonl").exists()

    def test_a_split_without_rows_is_an_empty_file(self, folder: DataFolder, tmp_path: Path) -> None:
        folder.prepared({"train": TRAIN, "validation": []})
        options: list[Any] = ["--export", tmp_path / "rows.parquet", "--split", "validation"]
        assert data(folder, *options).stdout.endswith("rows.parquet: 0 rows\n")
        import pyarrow.parquet as pq

        assert pq.read_table(tmp_path / "rows.parquet").column_names == ["input", "output", "source", "origin"]
