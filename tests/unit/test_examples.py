"""Every file in examples/ is valid, with data that the repository brings."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rich.console import Console

from prompt2model_api.graph import own_data
from prompt2model_api.loading import load
from prompt2model_stages.cli import commands
from prompt2model_stages.discover.segmenting import segment
from prompt2model_stages.prepare.own_data import read_own

pytestmark = pytest.mark.unit

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
IN_A_CLUSTER = "tickets-in-a-cluster"
LOCAL = [file for file in EXAMPLES if file.stem != IN_A_CLUSTER]
ENOUGH = 8
"""Test rows: below 5 the score gate compares nothing."""


def test_there_are_several() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("file", LOCAL, ids=lambda file: file.stem)
def test_p2m_validate_takes_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2M_TEACHER_API_KEY", "sk-test-0123456789")
    console = Console(record=True, width=200)
    assert commands.validate(console, file) == 0
    said = console.export_text()
    assert f"default/{file.stem} is valid." in said
    assert "left out" not in said  # every row of the data has an input and an output


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_prompt_and_its_examples_are_told_apart(file: Path) -> None:
    spec = load(file).spec
    demonstrations = spec.demonstrations or segment(spec.prompt or "").demonstrations
    assert len(demonstrations) >= 2
    assert len({one.output for one in demonstrations}) == len(demonstrations)


@pytest.mark.parametrize("file", [f for f in LOCAL if f.stem != "dates"], ids=lambda file: file.stem)
def test_the_test_rows_look_like_the_demonstrations(file: Path) -> None:
    spec = load(file).spec
    test_data = spec.evaluation.test_data
    assert test_data is not None and test_data.uri is not None
    rows = read_own(str(file.parent / test_data.uri), test_data, "spec.evaluation.testData").examples
    assert len(rows) >= ENOUGH
    shown = spec.demonstrations or segment(spec.prompt or "").demonstrations
    heads = [f"{column}: " for column in test_data.input_columns] if len(test_data.input_columns) > 1 else []
    for text in [row.input for row in rows] + [one.input for one in shown]:
        assert all(head in text for head in heads)


def test_the_one_for_a_cluster_brings_its_data(tmp_path: Path) -> None:
    file = next(file for file in EXAMPLES if file.stem == IN_A_CLUSTER)
    config_map, _ = yaml.safe_load_all(file.read_text("utf-8"))
    for path, own in own_data(load(file).spec).items():
        assert own.config_map is not None and own.config_map.name == config_map["metadata"]["name"]
        copy = tmp_path / own.config_map.key
        copy.write_text(config_map["data"][own.config_map.key], "utf-8")
        assert len(read_own(str(copy), own, path).examples) >= ENOUGH
    local = load(file.with_name("tickets.yaml")).spec
    assert load(file).spec.prompt == local.prompt
