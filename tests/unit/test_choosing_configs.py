"""Configurations of one dataset on the choice page: a line opens, and saving writes, the very one that the line is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import yaml

from prompt2model_api.results import DatasetCandidate, OtherCandidate
from prompt2model_stages.choosing.chooser import LEAVE, Chooser
from prompt2model_stages.choosing.cluster_place import ClusterPlace, _dataset_by_name
from prompt2model_stages.choosing.local_place import LocalPlace
from prompt2model_stages.choosing.offers import Facts, Offers
from prompt2model_stages.choosing.page import Page, _selected
from prompt2model_stages.choosing.sampling import Sample
from prompt2model_stages.choosing.tables import DATASET_HEADERS, dataset_line
from prompt2model_stages.prepare.tables import Table
from tests import waiting_runs
from tests.unit.test_choosing_cluster import Cluster

pytestmark = pytest.mark.unit

GLUE = "nyu-mll/glue"


def candidate(config: str | None, column: str, split: str = "train") -> DatasetCandidate:
    return DatasetCandidate(
        name=GLUE, config=config, split=split, input_columns=[column], output_column="label", score=1.0
    )


MADE = [
    candidate("sst2", "sentence"),
    candidate("qnli", "question"),
    candidate("qnli", "premise", "validation"),
    candidate(None, "text"),
]
LABELS = [
    "nyu-mll/glue (sst2)",
    "nyu-mll/glue (qnli, split train)",
    "nyu-mll/glue (qnli, split validation)",
    "nyu-mll/glue (no configuration)",
]


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that is away."""

    def away(name: str, config: str, split: str, revision: str | None) -> Sample:
        return Sample(Table("", (), ()), config=config, split=split or "train")

    monkeypatch.setattr("prompt2model_stages.choosing.chooser.sample", away)


def offered(offers: Offers) -> Offers:
    """With these candidates."""
    outputs = offers.outputs.model_copy(update={"dataset_candidates": MADE, "other_datasets": None})
    return replace(offers, outputs=outputs, datasets=Facts([]).datasets(MADE))


def chooser_of(folder: Path, choice: str = "") -> tuple[Chooser, Path]:
    text = waiting_runs.YAML
    if choice:
        text = text.replace("  datasets:\n", f"  datasets:\n    choice: {choice}\n")
    file = waiting_runs.write(folder, text)
    place = LocalPlace(file, folder / "runs")
    return Chooser(place, offered(place.offers())), file


def written(chooser: Chooser, file: Path, line: int) -> tuple[list[Any], Any]:
    """What a click on a line of the table opens in the pickers, and what is in the file once that is saved."""
    page = Page(chooser, lambda: None)
    cells = page.datasets.value["data"][line]
    event = gr.SelectData(page.datasets, {"index": [line, 0], "value": cells[0], "row_value": cells})
    option = _selected(event)
    opened = page._open(option)
    config, split, inputs, output = (update["value"] for update in opened[1:5])
    read = opened[5]
    shown = page._outcome(option, config, split, inputs, output, read, "", 1)[2]
    page._save(option, config, split, inputs, output, read, "", shown)
    return [config, split, inputs, output], yaml.safe_load(file.read_text())["spec"]["datasets"].get("choice")


def test_each_candidate_is_an_option_of_its_own(tmp_path: Path) -> None:
    chooser, _ = chooser_of(tmp_path)
    assert [label for label, _ in chooser.dataset_options()][2:] == LABELS
    assert chooser.first_dataset() == LABELS[0]
    assert chooser.open_dataset(GLUE).pick == chooser.open_dataset(LABELS[0]).pick


CHOICES = {
    "none": "",
    "another dataset": "{name: a/b, inputColumns: [x], outputColumn: y}",
    "no configuration": "{name: nyu-mll/glue, inputColumns: [x], outputColumn: y}",
    "its name alone": "{name: nyu-mll/glue}",
    "another configuration": "{name: nyu-mll/glue, config: wnli, split: test, inputColumns: [x], outputColumn: y}",
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("line", range(3))
def test_a_line_opens_and_writes_its_own_configuration(tmp_path: Path, choice: str, line: int) -> None:
    chooser, file = chooser_of(tmp_path, choice)
    wanted = MADE[line]
    picked, now = written(chooser, file, line)
    assert picked == [wanted.config, wanted.split, wanted.input_columns, "label"]
    assert now == {
        "name": GLUE,
        "config": wanted.config,
        "split": wanted.split,
        "inputColumns": wanted.input_columns,
        "outputColumn": "label",
    }


def test_the_one_that_the_spec_names_is_selected_and_stays_as_it_is(tmp_path: Path) -> None:
    choice = "{name: nyu-mll/glue, config: qnli, split: validation}"
    chooser, file = chooser_of(tmp_path, choice)
    before = file.read_text()
    assert chooser.first_dataset() == LABELS[2]
    assert written(chooser, file, 2)[0][0] == "qnli" and file.read_text() == before


def test_what_is_no_candidate_is_an_option_before_them(tmp_path: Path) -> None:
    chooser, _ = chooser_of(tmp_path, "{name: nyu-mll/glue, config: wnli}")
    assert chooser.first_dataset() == "nyu-mll/glue (wnli)" == chooser.dataset_options()[1][1]
    assert LEAVE not in dict(chooser.dataset_options()).values()
    opened = chooser.open_dataset("nyu-mll/glue (wnli)")
    assert (opened.pick.config, opened.pick.inputs) == ("wnli", ())
    assert list(opened.configs)[:2] == ["sst2", "cola"] and "<dt>columns</dt>" not in opened.card
    assert chooser.open_dataset(GLUE).pick == opened.pick


def test_the_default_one_that_is_read_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several are known the gate asks for the name, though the page reads the default one without it."""

    def default(name: str, config: str, split: str, revision: str | None) -> Sample:
        table = Table("", ("sentence", "label"), [{"sentence": "a", "label": "b"}])
        return Sample(table, ("sentence", "label"), config=config or "sst2", split=split or "train")

    monkeypatch.setattr("prompt2model_stages.choosing.chooser.sample", default)
    chooser, file = chooser_of(tmp_path, "{name: nyu-mll/glue, inputColumns: [sentence], outputColumn: label}")
    chooser.open_dataset(chooser.first_dataset())
    assert written(chooser, file, 0)[1]["config"] == "sst2"


def test_in_a_cluster_those_behind_the_nearest_keep_their_own_configuration() -> None:
    facts = Facts([])
    found = [
        _dataset_by_name(OtherCandidate(name=GLUE, config=config), facts) for config in ("cola", "qnli", "new", None)
    ]
    read = [(one.candidate.config, one.candidate.input_columns, one.candidate.output_column) for one in found]
    assert read == [
        ("cola", ["sentence"], "label"),
        ("qnli", ["question", "sentence"], "label"),
        ("new", [], None),
        (None, [], None),
    ]
    assert found[0].entry is not None and found[0].entry.config == "cola"


def test_in_a_cluster_the_configuration_that_is_picked_is_patched() -> None:
    cluster = Cluster()
    place = ClusterPlace("questions", [], cluster.run)
    chooser = Chooser(place, offered(place.offers()))
    opened = chooser.open_dataset(LABELS[1])
    chooser.save(chooser.show(opened.pick, opened.sample, ""), opened.pick, opened.sample, "")
    assert cluster.resource["spec"]["datasets"]["choice"]["config"] == "qnli"


def test_while_another_line_is_read_nothing_of_the_one_before_is_saved_for_it(tmp_path: Path) -> None:
    chooser, file = chooser_of(tmp_path)
    page, before = Page(chooser, lambda: None), file.read_text()
    opened = page._open(LABELS[0])
    config, split, inputs, output = (update["value"] for update in opened[1:5])
    shown = page._outcome(LABELS[0], config, split, inputs, output, opened[5], "", 1)[2]
    for selected, named, part in ((LABELS[1], config, split), (LABELS[0], "cola", split), (LABELS[0], config, "test")):
        _, now, _, _ = page._save(selected, named, part, inputs, output, opened[5], "", shown)
        assert now.problem.startswith("What is selected is still being read")
        page._save(selected, named, part, inputs, output, opened[5], "", now)
        assert page._outcome(selected, named, part, inputs, output, opened[5], "", 1)[2] == now
    assert file.read_text() == before and chooser.saved == ""
    read = page._reread(LABELS[0], "cola", split, inputs, output)
    assert not page._outcome(LABELS[0], "cola", split, inputs, output, read[3], "", 1)[2].problem


def test_a_choice_that_is_edited_meanwhile_is_told_or_replaced_whole(tmp_path: Path) -> None:
    columns = "inputColumns: [sentence], outputColumn: label"
    chooser, file = chooser_of(tmp_path, f"{{name: nyu-mll/glue, config: sst2, {columns}}}")
    opened = chooser.open_dataset(LABELS[0])
    file.write_text(file.read_text().replace("config: sst2", "config: cola, split: validation, share: 40"))
    untouched = chooser.show(opened.pick, opened.sample, "")
    assert untouched.proposal is None
    assert untouched.note.startswith("datasets.choice was edited while this page was open, and stays as it is now.")
    pick = replace(opened.pick, inputs=("text",))
    chooser.save(chooser.show(pick, opened.sample, ""), pick, opened.sample, "")
    now = yaml.safe_load(file.read_text())["spec"]["datasets"]["choice"]
    assert (now["config"], now["split"], now["inputColumns"], now["share"]) == ("sst2", "train", ["text"], 40)


def default_read(name: str, config: str, split: str, revision: str | None) -> Sample:
    """A hub whose dataset's default configuration has a name."""
    table = Table("", ("text", "label"), [{"text": "x", "label": "y"}])
    return Sample(table, ("text", "label"), config=config or "plain_text", split=split or "train")


@pytest.mark.parametrize(("choice", "config"), [("", None), ("{name: nyu-mll/glue, config: sst2}", "plain_text")])
def test_the_default_configuration_is_written_as_discover_found_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str, config: str | None
) -> None:
    """The picker shows its name; where the spec has another one of this dataset, the name is written to tell them apart."""
    monkeypatch.setattr("prompt2model_stages.choosing.chooser.sample", default_read)
    monkeypatch.setattr(f"{__name__}.MADE", [candidate(None, "text")])
    chooser, file = chooser_of(tmp_path, choice)
    picked, now = written(chooser, file, 0)
    assert picked[0] == "plain_text" and now.get("config") == config
    assert now["inputColumns"] == ["text"] and now["outputColumn"] == "label"


@pytest.mark.parametrize("is_candidate", [True, False], ids=["a candidate", "none"])
def test_the_card_of_a_configuration_has_nothing_of_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_candidate: bool
) -> None:
    wnli = [candidate("wnli", "sentence1")] if is_candidate else []
    monkeypatch.setattr(f"{__name__}.MADE", [*wnli, candidate("sst2", "sentence")])
    chooser, _ = chooser_of(tmp_path, "{name: nyu-mll/glue, config: wnli}")
    card = chooser.open_dataset("nyu-mll/glue (wnli)").card
    entries = chooser.offers.datasets[0].entries
    entry = next(one for one in entries if one.config == "sst2")
    assert entry.description and not any(one.description in card for one in entries)
    assert "<dt>size" not in card and f"{entry.downloads:,}" in card
    if wnli:
        line = dataset_line(chooser.offers.datasets[0])
        assert line[DATASET_HEADERS.index("size")] == "" and line[DATASET_HEADERS.index("license")] == entry.license
