"""The preview and the rows on the choice page have what prepare makes of them, or say what may differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_stages.choosing import html
from prompt2model_stages.choosing.picking import Pick
from prompt2model_stages.choosing.previewing import REWRITTEN, preprocessing_of, preview
from prompt2model_stages.choosing.sampling import ROWS, Sample, column_paths, sample
from prompt2model_stages.prepare.retrieving import read_split
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.textualizing import examples_of
from prompt2model_stages.preprocessing import Preprocessing

pytestmark = pytest.mark.unit

PICK = Pick("d", False, "", "train", ("stars", "text"), "grade")


def lines(stars: list[str], grades: list[str]) -> str:
    return "".join(
        f'{{"stars": {star}, "text": "t", "grade": {grade}}}\n' for star, grade in zip(stars, grades, strict=True)
    )


@pytest.mark.parametrize("last", ["4.0", "4.5"])
def test_numbers_of_a_file_are_as_in_training(tmp_path: Path, last: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(["3.0"] * 30 + [last], ["1.5", "2.0"] * 15 + ["1.0"]))
    read = sample(str(file), "", "train", None)
    (example, *_) = examples_of(
        read_split(str(file), "train"), PICK.inputs, PICK.output, "retrieved"
    )  # as prepare does it, with all of the rows
    shown = preview(read.table, PICK, Preprocessing(""), 0, integral=read.integral)
    written = "3" if last == "4.0" else "3.0"
    assert (shown.text, shown.output, shown.note) == (example.input, example.output, "")
    assert example.input == f"stars: {written}\ntext: t" and example.output == "1.5"
    assert len(read.cells()) == ROWS and read.cells()[0] == [written, "t", "1.5"] and read.cells()[1][2] == "2.0"


def test_numbers_of_which_the_first_rows_alone_are_known_get_a_note() -> None:
    table = Table(
        "d",
        ("stars", "text", "grade"),
        [{"stars": 3.0, "text": "t", "grade": 1.5}, {"stars": None, "text": "", "grade": 2.0}],
    )
    shown = preview(table, PICK, Preprocessing(""), 0)
    assert shown.text == "stars: 3\ntext: t" and shown.output == "1.5"
    assert (
        shown.note
        == "Numbers of stars are written like 3 if all rows that training reads have whole ones, else like 3.0."
    )
    assert preview(table, Pick("d", inputs=("text",), output="grade"), Preprocessing(""), 0).note == ""
    read = Sample(table, column_paths(table))
    assert read.cells() == [["3", "t", "1.5"], ["", "", "2.0"]]


@pytest.mark.parametrize(("limit", "kept"), [(None, 599), (40, 39), (0, 0)])
def test_a_cut_instruction_is_told(limit: int | None, kept: int) -> None:
    training = {} if limit is None else {"training": {"maxInstructionCharacters": limit}}
    spec = Prompt2ModelSpec.model_validate({"prompt": "x", **training})
    instruction = "word " * 200
    table = Table("d", ("stars", "text", "grade"), [{"stars": 3, "text": "t", "grade": "a"}])
    shown = preview(table, PICK, preprocessing_of(spec, instruction), 0, transform=True)
    assert shown.note.startswith(f"{REWRITTEN} The instruction is cut: the student reads its first ")
    assert f"first {kept} of 999 characters" in shown.note
    assert "training.maxInstructionCharacters" in html.row(shown)
    assert preview(table, PICK, preprocessing_of(spec, "w" * min(kept, 9)), 0).note == ""
