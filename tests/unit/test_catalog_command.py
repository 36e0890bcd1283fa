"""`p2m catalog search` and what `p2m run` does with `--catalogs`, without a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.cli.main import main
from tests.unit.catalog_cases import FLOWERS, PAINTER, built

pytestmark = pytest.mark.unit


def p2m(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, list(arguments))


def others(entry, count: int):
    return [entry.model_copy(update={"name": f"b/{n}", "description": f"Song {n} of a bird."}) for n in range(count)]


def test_datasets_are_shown_with_what_is_known_of_them(tmp_path: Path):
    built(tmp_path, Kind.DATASETS, [*others(FLOWERS, 3), FLOWERS])
    result = p2m("catalog", "search", "datasets", "colour of a flower", "--catalogs", str(tmp_path))
    assert result.exit_code == 0
    line = next(line for line in result.stdout.splitlines() if "a/flowers" in line)
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert (cells[0], cells[2:]) == ("a/flowers", ["mit", "English", "7 rows", "flower", "shares colour, flower"])
    assert "1 of 4 datasets." in result.stdout
    assert f"From {tmp_path}, made 2026-11-26" in result.stdout


def test_the_direction_of_a_translator_is_shown(tmp_path: Path):
    built(tmp_path, Kind.MODELS, [*others(PAINTER, 3), PAINTER])
    result = p2m("catalog", "search", "models", "paints", "--catalogs", str(tmp_path))
    assert "English → German" in result.stdout


def test_the_shipped_catalog_is_searched_without_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("P2M_CACHE", str(tmp_path))
    result = p2m("catalog", "search", "datasets", "questions about a passage", "--most", "3")
    assert "rajpurkar/squad" in result.stdout
    assert "3 of 1,8" in result.stdout
    assert "No text shares a word" in p2m("catalog", "search", "models", "qwertyuiop").stdout
    assert "is near in meaning" in p2m("catalog", "search", "datasets", "grumpy customers", "--most", "5").stdout


def test_a_catalog_that_is_not_there_is_said(tmp_path: Path):
    result = p2m("catalog", "search", "models", "paint", "--catalogs", str(tmp_path))
    assert result.exit_code == 1
    assert f"There is no catalog of models at {tmp_path}/models" in result.stdout


@pytest.mark.parametrize("command", ["search datasets word --catalogs", "build datasets --to"])
@pytest.mark.parametrize(
    ("address", "said"), [("", "It is empty"), ("s3://", "names no bucket"), ("gs:///", "no bucket")]
)
def test_an_address_that_names_no_place_is_refused(command: str, address: str, said: str):
    result = p2m("catalog", *command.split(), address)
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_a_date_that_is_still_to_come_is_refused(tmp_path: Path):
    result = p2m("catalog", "build", "datasets", "--to", str(tmp_path / "new"), "--since", "2999-01-01")
    assert (result.exit_code, "still to come" in result.stderr) == (2, True)
    assert not (tmp_path / "new").exists()


def test_a_word_may_begin_with_a_minus_and_an_option_must_be_known(tmp_path: Path):
    built(tmp_path, Kind.MODELS, [PAINTER])
    assert p2m("catalog", "search", "models", "-1", "--catalogs", str(tmp_path)).exit_code == 0
    result = p2m("catalog", "search", "models", "paint", "--mots", "3", "--catalogs", str(tmp_path))
    assert (result.exit_code, "No such option" in result.stderr) == (2, True)


def test_a_catalog_is_not_built_to_a_file(tmp_path: Path):
    (tmp_path / "file").touch()
    for where in (tmp_path / "file", Path("/proc/catalogs")):
        result = p2m("catalog", "build", "datasets", "--to", str(where))
        assert result.exit_code == 1
        assert f"The folder {where}/datasets cannot be written" in result.stdout


def test_a_run_is_refused_before_its_start_where_the_catalog_is_not_there(tmp_path: Path):
    runner = CliRunner(env={"P2M_CATALOGS": None})
    file = tmp_path / "task.yaml"
    file.write_text(
        "apiVersion: prompt2model.dev/v1alpha1\nkind: Prompt2Model\nmetadata: {name: task}\nspec: {prompt: Say hello.}\n"
    )
    arguments = ["run", str(file), "--runs", str(tmp_path / "runs"), "--catalogs", str(tmp_path / "nowhere")]
    result = runner.invoke(main, arguments)
    assert result.exit_code == 2
    assert "There is no catalog of datasets" in result.stderr
    assert not (tmp_path / "runs").exists()
