"""Programs keep their indentation, from the file to the student's answer."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_stages.evaluate.answers import cleaned
from prompt2model_stages.examples import Example, Pair, normalised, same_text
from prompt2model_stages.generate.filtering import Written
from prompt2model_stages.prepare.splitting import split
from prompt2model_stages.prepare.stage import run
from prompt2model_stages.trimming import trimmed
from tests.unit.test_prepare_stage import context, table

pytestmark = pytest.mark.unit

INSIDE = "t = 0\nfor i in range(3):\n    t += i\n    print(t)"
BEHIND = "t = 0\nfor i in range(3):\n    t += i\nprint(t)"


def test_programs_that_differ_in_indentation_are_two_inputs_of_one_group() -> None:
    assert normalised(INSIDE) == normalised(BEHIND)
    assert same_text(INSIDE) != same_text(BEHIND)
    assert Written(Pair(INSIDE, "x")).text != Written(Pair(BEHIND, "x")).text
    assert Written(Pair(INSIDE, "x")).question == Written(Pair(BEHIND, "x")).question
    result = split([Example(INSIDE, "many lines", "own", "a#1"), Example(BEHIND, "one line", "own", "a#2")], 0)
    assert {row.output for row in result.examples["train"]} == {"many lines", "one line"}
    assert not result.dropped.conflicts["own"]


@pytest.mark.parametrize("other", ["  one two\n\nthree ", "one two three", "one  two\r\nthree", "one two\n\n\nthree\n"])
def test_other_spaces_and_ends_of_lines_make_no_other_input(other: str) -> None:
    assert same_text("one two\nthree") == "one two three"
    assert same_text(other.strip()) == "one two three"


def test_targets_are_programs_still(tmp_path: Path) -> None:
    """The first line of a function's body has its indentation, also where the body is one line."""
    bodies = [f"    total = {i}\n    return total\n" if i % 2 else f"\n    return {i}  \n" for i in range(60)]
    rows = [{"input": f"def number_{i}{chr(97 + i % 26)}():", "output": body} for i, body in enumerate(bodies)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    at = context(tmp_path, {"datasets.own": {"uri": str(tmp_path / "own.jsonl")}})
    made = [row for name in run(at).rows or {} for row in table(at.folder, name)]
    assert len(made) == 60
    for row in made:
        ast.parse(f"{row['input']}\n{row['output']}\n")
        assert cleaned(row["output"]) == cleaned(row["output"].strip()), "an answer without it is as right"


def test_labels_have_no_spaces_before_them(tmp_path: Path) -> None:
    rows = [{"input": f"text {i}{chr(97 + i % 26)}", "output": "   good" if i % 2 else " bad "} for i in range(60)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    at = context(tmp_path, {"datasets.own": {"uri": str(tmp_path / "own.jsonl")}})
    assert {row["output"] for name in run(at).rows or {} for row in table(at.folder, name)} == {"good", "bad"}


@given(st.text(alphabet="ab \t\n"), st.booleans())
def test_trimming_twice_changes_nothing(text: str, lone: bool) -> None:
    found = trimmed(text, lone)
    assert trimmed(found, lone) == found
    assert found.split() == text.split()
    assert found == found.rstrip() and not found.startswith("\n")
