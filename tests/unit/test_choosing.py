"""What the choice page shows and writes, without a browser: candidates, picks, previews, proposals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from prompt2model_api.loading import SpecError, load
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice, DatasetCandidate, StageOutputs
from prompt2model_stages.choosing import html
from prompt2model_stages.choosing.chooser import LEAVE, NONE, Chooser
from prompt2model_stages.choosing.local_place import AT_WORK, LocalPlace
from prompt2model_stages.choosing.offers import Facts, OfferedDataset, Offers, with_choice
from prompt2model_stages.choosing.picking import (
    CHOICE_PATH,
    Pick,
    choice_of,
    config_of,
    fields_of,
    given,
    note_of,
    problem_of,
)
from prompt2model_stages.choosing.previewing import preprocessing_of, preview
from prompt2model_stages.choosing.sampling import Sample, _types, column_paths, labelled, sample
from prompt2model_stages.choosing.tables import (
    DATASET_HEADERS,
    dataset_facts,
    dataset_line,
    description_of,
    student_facts,
    student_line,
)
from prompt2model_stages.cli.choosing import choose, here
from prompt2model_stages.cli.commands import REFUSED
from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.parts import with_pinned_parts
from prompt2model_stages.prepare.tables import Table
from tests import waiting_runs

pytestmark = pytest.mark.unit

SQUAD = Table(
    "squad",
    ("question", "context", "answers", "label"),
    [
        {"question": "When?", "context": "In 1952.", "answers": {"text": ["1952"], "answer_start": [3]}, "label": 0},
        {"question": "Who?", "context": "Ada.", "answers": {"text": [], "answer_start": []}, "label": 1},
    ],
    {"label": ("no", "yes")},
)
PICK = Pick("rajpurkar/squad", False, "", "train", ("question", "context"), "answers.text")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return waiting_runs.write(tmp_path)


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> Offers:
    """Read once: opening the catalogs takes a third of a second."""
    file = waiting_runs.write(tmp_path_factory.mktemp("questions"))
    return LocalPlace(file, file.parent / "runs").offers()


@pytest.fixture
def chooser(file: Path, offers: Offers) -> Chooser:
    return Chooser(LocalPlace(file, file.parent / "runs"), offers)


def test_candidates_become_lines_with_what_the_catalog_knows(chooser: Chooser) -> None:
    lines = [dict(zip(DATASET_HEADERS, dataset_line(offered), strict=True)) for offered in chooser.offers.datasets]
    assert lines[0] == {
        "name": "rajpurkar/squad",
        "score": "9.75",
        "license": "cc-by-4.0",
        "languages": "English",
        "size": lines[0]["size"],
        "columns": "question, context → answers.text",
        "reason": "Recommended. Its description shares passage, question with your task.",
    }
    assert lines[2]["license"] == "unknown" and lines[2]["columns"] == ""
    flan = student_line(chooser.offers.students[0])
    assert flan[0] == "google/flan-t5-small" and flan[2] == "apache-2.0" and flan[4] == "308 MB"


def test_a_card_has_the_facts_and_no_markup_of_the_hub(chooser: Chooser) -> None:
    facts = dict(dataset_facts(chooser.offers.datasets[0]))
    assert (
        facts["license"] == "cc-by-4.0"
        and facts["why"].startswith("Its description")
        and facts["languages"] == "English"
    )
    assert facts["why these columns"] == "The catalog names them." and "for you to decide" not in facts
    assert dict(student_facts(chooser.offers.students[0]))["architecture"] == "EncoderDecoder"
    card = html.card("a<b>", "<script>", [("why", "<i>")])
    assert "<script>" not in card and "<i>" not in card and "a&lt;b&gt;" in card


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        (PICK, ""),
        (Pick(), ""),
        (Pick(none=True), ""),
        (Pick("d", split=""), "Name the split to read."),
        (Pick("d", output="b"), "Choose at least one input column."),
        (Pick("d", inputs=("a",)), "Choose the output column."),
        (Pick("d", inputs=("a", "c", "a"), output="b"), "The input column a is chosen twice: remove it once."),
        (Pick("d", inputs=("a", "b"), output="b"), "The column b is both an input and the output"),
        (
            Pick("d", inputs=("answers",), output="answers.text"),
            "The input column answers contains the output answers.text",
        ),
        (
            Pick("d", inputs=("question",), output="labl"),
            "This split has no column labl; its columns are question, context",
        ),
    ],
)
def test_a_wrong_pick_gets_one_sentence(pick: Pick, said: str) -> None:
    problem = problem_of(pick, column_paths(SQUAD) if said.startswith("This split") or pick is PICK else ())
    assert problem.startswith(said) if said else problem == ""
    assert problem.count(". ") == 0


def test_a_pick_becomes_the_fields_that_change(chooser: Chooser) -> None:
    spec = chooser.offers.spec
    choice = choice_of(PICK)
    assert choice is not None
    wanted = {
        "name": "rajpurkar/squad",
        "split": "train",
        "inputColumns": ["question", "context"],
        "outputColumn": "answers.text",
    }
    assert fields_of(choice, "", spec) == {("spec", "datasets", "choice"): wanted}
    assert fields_of(Choice(none=True), "org/s", spec) == {
        ("spec", "datasets", "choice"): {"none": True},
        ("spec", "student", "name"): "org/s",
    }
    chosen = Prompt2ModelSpec.model_validate(
        {"prompt": "x", "datasets": {"choice": wanted}, "student": {"name": "org/s"}}
    )
    assert given(chosen) == PICK
    assert fields_of(choice, "org/s", chosen) == {}


def test_what_a_gate_would_refuse_is_told_before_it_is_saved(tmp_path: Path) -> None:
    listed = "selection: Manual\n    licenses: [MIT]   #"
    file = waiting_runs.write(tmp_path, waiting_runs.YAML.replace("selection: Manual   #", listed))
    place = LocalPlace(file, tmp_path / "runs")
    chooser = Chooser(place, place.offers())
    opened = chooser.open_dataset("rajpurkar/squad")
    shown = chooser.show(opened.pick, opened.sample, "")
    assert "CC-BY-4.0 is not in datasets.licenses" in shown.problem
    assert chooser.save(shown, opened.pick, opened.sample, "")[0] == shown and chooser.saved == ""


def test_the_preview_is_the_row_as_prepare_makes_it(chooser: Chooser) -> None:
    preprocessing = preprocessing_of(chooser.offers.spec, chooser.offers.instruction)
    shown = preview(SQUAD, PICK, preprocessing, 0)
    assert (
        shown.text == "Answer the question about the passage.\nquestion: When?\ncontext: In 1952."
        and shown.output == "1952"
    )
    assert preview(SQUAD, PICK, preprocessing, 9).note == "This row is left out: its output is empty."
    named = preview(SQUAD, Pick("d", inputs=("question",), output="label"), preprocessing, 1)
    assert named.text.endswith("\nWho?") and named.output == "yes"
    assert "datasets.transform" in preview(SQUAD, PICK, preprocessing, 0, transform=True).note


def test_columns_show_nested_fields_and_types() -> None:
    assert column_paths(SQUAD) == ("question", "context", "answers", "answers.text", "answers.answer_start", "label")
    value = {"_type": "Value", "dtype": "string"}
    features = {
        "q": value,
        "label": {"_type": "ClassLabel"},
        "a": {"_type": "Sequence", "feature": {"text": value}},
        "t": [value],
    }
    types = dict(_types(features))
    assert types == {"q": "string", "label": "ClassLabel", "a.text": "string", "t": "list of string"}
    assert labelled(("q", "x"), types) == [("q (string)", "q"), ("x", "x")]


def test_a_shipped_dataset_has_rows_and_a_hub_that_is_away_is_told_in_a_sentence() -> None:
    read = sample("builtin:dates-in-words", "", "train", None)
    assert read.columns == ("text", "iso") and len(read.cells()) == 20 and read.sentence == ""
    away = sample("org/d0", "", "", None)
    assert not away.table.rows and away.split == "train"
    assert (
        away.sentence.startswith("No sample rows: the dataset org/d0 cannot be loaded")
        and "HF_HUB_OFFLINE" in away.sentence
    )


def test_the_page_opens_on_the_nearest_candidate_where_the_gate_waits(chooser: Chooser) -> None:
    assert chooser.first_dataset() == "rajpurkar/squad" and chooser.first_student() == "google/flan-t5-small"
    assert [label for label, _ in chooser.dataset_options()][:2] == ["No dataset is chosen yet", "No retrieved dataset"]
    opened = chooser.open_dataset("builtin:dates-in-words")
    assert opened.pick == Pick("builtin:dates-in-words", False, "", "train", ["text"], "iso")
    assert "2001-10-17" in chooser.preview(opened.pick, opened.sample, 0)
    away = chooser.open_dataset("rajpurkar/squad")
    assert away.columns == ["question", "context", "answers.text"]
    assert "rajpurkar/squad" in away.card and "No row can be shown" in chooser.preview(away.pick, away.sample, 0)
    assert chooser.show(away.pick, away.sample, "").proposal is not None


def test_the_page_opens_on_nothing_where_the_gate_decides_unasked(tmp_path: Path) -> None:
    text = waiting_runs.YAML.replace("Manual   #", "Automatic   #").replace("{selection: Manual}", "{}")
    file = waiting_runs.write(tmp_path, text)
    place = LocalPlace(file, tmp_path / "runs")
    chooser = Chooser(place, place.offers())
    assert chooser.first_dataset() == LEAVE and chooser.first_student() == LEAVE
    assert chooser.dataset_options()[0][0] == "Leave it as it is: rajpurkar/squad is used unasked"
    assert chooser.student_options()[0][0] == "Leave it as it is: google/flan-t5-small is used unasked"
    opened = chooser.open_dataset(LEAVE)
    assert chooser.show(opened.pick, opened.sample, LEAVE).text == html.note("Nothing changes.")


def test_the_lines_that_are_shown_are_written_and_comments_stay(chooser: Chooser, file: Path) -> None:
    nothing = chooser.open_dataset(NONE)
    shown = chooser.show(nothing.pick, nothing.sample, "org/s1")
    assert shown.proposal is not None
    changed = [f"{sign}{line}" for sign, line in shown.proposal.lines if sign in "+-"]
    assert (
        "+    choice:" in changed
        and "+      none: true" in changed
        and "+  student: {selection: Manual, name: org/s1}" in changed
    )
    now, said = chooser.save(shown, nothing.pick, nothing.sample, "org/s1")
    assert now == shown and "Written to" in said and "p2m run" in chooser.saved
    assert file.read_text() == shown.proposal.after
    assert {"# What the model shall do.", "# I want to look first"} <= {
        "#" + line.split("#")[1] for line in file.read_text().splitlines() if "#" in line
    }
    spec = load(file).spec
    assert spec.datasets.choice == Choice(none=True) and spec.student.name == "org/s1"
    assert LocalPlace(file, file.parent / "runs").offers().datasets  # the choice is no part of what discover reads


def test_nothing_is_written_that_was_not_shown(chooser: Chooser, file: Path) -> None:
    nothing = chooser.open_dataset(NONE)
    shown = chooser.show(nothing.pick, nothing.sample, "")
    file.write_text(file.read_text() + "# mine\n")
    now, said = chooser.save(shown, nothing.pick, nothing.sample, "")
    assert "look at them, and save once more" in said and chooser.saved == "" and "choice" not in file.read_text()
    assert shown.proposal is not None and now.proposal is not None
    with pytest.raises(SpecError, match="was changed meanwhile"):
        chooser.place.save(shown.proposal)
    _, said = chooser.save(now, nothing.pick, nothing.sample, "")
    assert "Written to" in said and file.read_text().endswith("# mine\n")


def test_a_file_keeps_its_rights_and_a_link_stays_one(chooser: Chooser, file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    place = LocalPlace(link, tmp_path / "runs")
    place.save(place.propose(place.present(), {("spec", "student", "name"): "org/s1"}))
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o640
    assert load(file).spec.student.name == "org/s1"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_resource_is_found_by_its_name_and_by_its_file(file: Path) -> None:
    runs = file.parent / "runs"
    assert LocalPlace.of("questions", "default", runs).file == file
    assert LocalPlace.of(str(file), "default", runs).file == file
    with pytest.raises(SpecError, match=r"default/other was not run here .*: name its file, `p2m choose FILE`"):
        LocalPlace.of("other", "default", runs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("the passage", "a text"), "it was edited, and there are no candidates for it as it is now: run"),
        (lambda text: text.replace("name: questions", "name: other"), "there are no candidates yet: run"),
    ],
)  # fmt: skip
def test_candidates_of_another_prompt_are_not_shown(file: Path, change: Any, said: str) -> None:
    file.write_text(change(file.read_text()))
    with pytest.raises(SpecError, match=said):
        LocalPlace(file, file.parent / "runs").offers()


def test_a_part_without_a_version_names_the_work_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "alpha-2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: alpha\nVersion: 2.0\n")
    (metadata / "entry_points.txt").write_text("[prompt2model.parts]\ndatasets.team-list = builtins:list\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = waiting_runs.YAML.replace("spec:\n", "spec:\n  parts: {datasets: team-list}\n")
    monkeypatch.setattr(waiting_runs, "load", lambda file: with_pinned_parts(load(file)))  # as `p2m run` reads it
    place = LocalPlace(waiting_runs.write(tmp_path, text), tmp_path / "runs")
    assert place.offers().datasets
    (metadata / "entry_points.txt").unlink()
    with pytest.raises(SpecError, match="no installed package brings team-list"):
        place.offers()


def test_a_run_that_is_at_work_is_told(file: Path) -> None:
    place = LocalPlace(file, file.parent / "runs")
    with RunFolder(file.parent / "runs", "default", "questions").locked():
        assert AT_WORK in place.offers().notes


def test_what_cannot_be_opened_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(Console(), here("other", None, tmp_path), 0) == REFUSED
    assert capsys.readouterr().err.startswith("default/other was not run here")


def test_a_sample_of_one_split_is_read_once(chooser: Chooser, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def counted(*key: Any) -> Sample:
        asked.append(key)
        return Sample(SQUAD, column_paths(SQUAD), split="train")

    monkeypatch.setattr("prompt2model_stages.choosing.chooser.sample", counted)
    for _ in range(2):
        assert chooser.open_dataset("rajpurkar/squad").sample.table is SQUAD
    assert len(asked) == 1


GLUE = {"name": "nyu-mll/glue", "inputColumns": ["sentence"], "outputColumn": "label"}


def test_another_configuration_of_the_picked_dataset_stays_beside_it() -> None:
    also = [{**GLUE, "config": "cola"}, {"name": "c/d"}]
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"choice": {"name": "a/b", "also": also}}})
    for config, kept in (("sst2", ["nyu-mll/glue", "c/d"]), ("cola", ["c/d"]), (None, ["c/d"])):
        fields = fields_of(Choice.model_validate({**GLUE, "config": config}), "", spec)
        assert [one["name"] for one in fields[CHOICE_PATH]["also"]] == kept, config
        assert note_of(fields, spec) == f"Used beside it, as datasets.choice.also has it: {', '.join(kept)}."


def test_the_columns_of_a_choice_are_those_of_its_configuration(chooser: Chooser) -> None:
    made = [
        DatasetCandidate(name="nyu-mll/glue", config=config, input_columns=[config], output_column="label", score=1.0)
        for config in ("sst2", "cola")
    ]
    outputs = StageOutputs(dataset_candidates=made)
    offers = replace(chooser.offers, outputs=outputs, datasets=[OfferedDataset(one) for one in made])
    for config in ("sst2", "cola"):
        choice = Choice(name="nyu-mll/glue", config=config)
        pick = given(with_choice(offers.spec, choice, None), offers.known("nyu-mll/glue", config))
        assert (pick.config, pick.inputs) == (config, (config,))
        found = offers.dataset("nyu-mll/glue", config)
        assert found is not None and found.candidate.config == config
        assert config_of(pick, choice, pick) == config and config_of(pick, None, Pick()) == config
    assert offers.known("nyu-mll/glue", None) is None


def test_a_configuration_that_the_catalog_lacks_has_no_other_ones_description() -> None:
    made = [DatasetCandidate(name="nyu-mll/glue", config=config, score=1.0) for config in ("sst2", "wnli")]
    listed, other = Facts([]).datasets(made)
    assert "movie" in description_of(listed) and dict(dataset_facts(listed))["size"]
    facts = dict(dataset_facts(other))
    assert description_of(other) == "" and not {"size", "columns", "languages"} & facts.keys()
    assert facts["license"] == dict(dataset_facts(listed))["license"]
