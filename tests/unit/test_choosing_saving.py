"""What saving on the choice page writes into a file: what a person picked and nothing else, or a sentence."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from prompt2model_api.loading import SpecError, load
from prompt2model_stages.choosing.chooser import NONE, Chooser
from prompt2model_stages.choosing.file_writing import replace
from prompt2model_stages.choosing.local_place import LocalPlace
from prompt2model_stages.choosing.picking import Pick
from prompt2model_stages.choosing.sampling import Sample, sample
from prompt2model_stages.cli.choosing import choose, here
from prompt2model_stages.cli.commands import REFUSED
from prompt2model_stages.local.run_folder import RunFolder, runs_option
from prompt2model_stages.prepare.tables import Table
from tests import waiting_runs

pytestmark = pytest.mark.unit

NAME = ("spec", "student", "name")
UNREAD = Sample(Table("", (), ()))
SQUAD = Table(
    "squad",
    ("question", "context", "answers"),
    [{"question": "When?", "context": "In 1952.", "answers": {"text": ["1952"]}}],
)


def chooser_of(folder: Path, choice: str = "", student: str = "") -> Chooser:
    """Of a resource whose choice is written so."""
    text = waiting_runs.YAML
    if choice:
        text = text.replace("  datasets:\n", f"  datasets:\n    choice: {choice}\n")
    if student:
        text = text.replace("student: {selection: Manual}", f"student: {{selection: Manual, name: {student}}}")
    file = waiting_runs.write(folder, text)
    place = LocalPlace(file, folder / "runs")
    return Chooser(place, place.offers())


def file_of(chooser: Chooser) -> Path:
    assert isinstance(chooser.place, LocalPlace)
    return chooser.place.file


def saved(chooser: Chooser, pick: Pick, student: str = "", read: Sample = UNREAD) -> Any:
    """The spec of the file after saving."""
    chooser.save(chooser.show(pick, read, student), pick, read, student)
    assert chooser.saved
    return yaml.safe_load(file_of(chooser).read_text())["spec"]


@pytest.mark.parametrize("typed", ["rows.csv", "./rows.csv", "../proj/rows.csv"])
def test_a_typed_path_is_read_beside_the_file_and_written_as_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    project, elsewhere = tmp_path / "proj", tmp_path / "here"
    for folder in (project, elsewhere):
        folder.mkdir()
        (folder / "rows.csv").write_text(f"question,answer\nof {folder.name},yes\n")
    chooser = chooser_of(project)
    monkeypatch.chdir(elsewhere)
    opened = chooser.open_dataset(typed)
    assert [row["question"] for row in opened.sample.table.rows] == ["of proj"]
    pick = dataclasses.replace(opened.pick, inputs=("question",), output="answer")
    choice = saved(chooser, pick, read=opened.sample)["datasets"]["choice"]
    assert choice == {"name": typed, "split": "train", "inputColumns": ["question"], "outputColumn": "answer"}


@pytest.mark.parametrize("also", ["", ", also: [{name: ../b/more.csv, inputColumns: [q], outputColumn: a}]"])
def test_a_chosen_file_stays_as_it_is_written(tmp_path: Path, also: str) -> None:
    """The spec of the page has its absolute path."""
    (tmp_path / "rows.csv").write_text("q,a,b\n1,x,y\n2,z,w\n")
    chooser = chooser_of(tmp_path, f"{{name: ./rows.csv, inputColumns: [q], outputColumn: a{also}}}")
    path = str(tmp_path / "rows.csv")
    read = sample(path, "", "", None)
    assert read.columns == ("q", "a", "b")
    pick = Pick(name=path, split="train", inputs=("q",), output="b")
    choice = saved(chooser, pick, read=read)["datasets"]["choice"]
    assert (choice["name"], choice["outputColumn"]) == ("./rows.csv", "b")
    assert [one["name"] for one in choice.get("also", [])] == (["../b/more.csv"] if also else [])


@pytest.mark.parametrize(
    "choice",
    [
        "{name: rajpurkar/squad}",
        "{name: rajpurkar/squad, split: validation}",
        "{name: rajpurkar/squad, config: plain_text}",
        "{name: org/d0, split: dev}",
        "{name: mine/other, config: c, split: dev, share: 40}",
        "{name: rajpurkar/squad, inputColumns: [question], outputColumn: context, share: 40, "
        "also: [{name: google/boolq, split: dev}]}",
        "{none: true}",
    ],
)
@pytest.mark.parametrize("config", ["", "plain_text"], ids=["one configuration", "configurations"])
def test_with_a_student_alone_the_choice_of_a_dataset_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str, config: str
) -> None:
    def rows(name: str, asked: str, split: str, revision: str | None) -> Sample:
        return Sample(SQUAD, ("question", "context", "answers.text"), config=asked or config, split=split or "train")

    monkeypatch.setattr("prompt2model_stages.choosing.chooser.sample", rows)
    chooser = chooser_of(tmp_path, choice)
    before = file_of(chooser).read_text()
    opened = chooser.open_dataset(chooser.first_dataset())
    assert chooser.show(opened.pick, opened.sample, "").text.startswith('<p class="p2m-note">Nothing changes.</p>')
    saved(chooser, opened.pick, "org/s1", opened.sample)
    changed = "student: {selection: Manual, name: org/s1}"
    assert file_of(chooser).read_text() == before.replace("student: {selection: Manual}", changed)


def test_why_the_spec_as_it_is_cannot_go_on_is_told(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path, "{name: org/d0}", student="org/s1")
    opened = chooser.open_dataset("org/d0")
    shown = chooser.show(opened.pick, opened.sample, "org/s1")
    assert "Nothing changes." in shown.text
    assert shown.note.startswith("Set datasets.choice.inputColumns and datasets.choice.outputColumn for org/d0.")


def test_the_page_opens_what_the_spec_names_as_a_run_reads_it(tmp_path: Path) -> None:
    columns = ("question", "context"), "answers.text"
    for number, (choice, pick) in enumerate(
        [
            ("{name: rajpurkar/squad}", Pick("rajpurkar/squad", False, "", "train", *columns)),
            ("{name: rajpurkar/squad, split: dev}", Pick("rajpurkar/squad", False, "", "dev", *columns)),
            ("{name: rajpurkar/squad, config: v2}", Pick("rajpurkar/squad", False, "v2", "train")),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert chooser_of(folder, choice).open_dataset("rajpurkar/squad").pick == pick


def test_of_a_choice_only_what_was_picked_is_written(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    columns = ("question", "context"), "answers.text"
    chooser = chooser_of(folders[0], "{name: rajpurkar/squad}")
    spec = saved(chooser, Pick("rajpurkar/squad", False, "", "validation", *columns))
    assert spec["datasets"]["choice"] == {"name": "rajpurkar/squad", "split": "validation"}
    chooser = chooser_of(folders[1], "{name: rajpurkar/squad, split: dev}")
    spec = saved(chooser, Pick("rajpurkar/squad", False, "", "dev", ("question",), "context"))
    wanted = {"name": "rajpurkar/squad", "split": "dev", "inputColumns": ["question"], "outputColumn": "context"}
    assert spec["datasets"]["choice"] == wanted
    chooser = chooser_of(folders[2], "{name: rajpurkar/squad, config: v2}")
    spec = saved(chooser, Pick("rajpurkar/squad", False, "v2", "train", *columns))
    assert spec["datasets"]["choice"]["config"] == "v2" and len(spec["datasets"]["choice"]) == 5


def test_train_that_is_picked_is_written_where_discover_found_another_split(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path, "{name: rajpurkar/squad}")
    candidate = chooser.offers.datasets[0].candidate.model_copy(update={"split": "validation"})
    outputs = chooser.offers.outputs.model_copy(update={"dataset_candidates": [candidate]})
    object.__setattr__(chooser.offers, "outputs", outputs)
    opened = chooser.open_dataset("rajpurkar/squad")
    assert opened.pick.split == "validation"
    picked = Pick("rajpurkar/squad", False, "", "train", opened.pick.inputs, opened.pick.output)
    choice = saved(chooser, picked)["datasets"]["choice"]
    assert choice["split"] == "train" and choice["outputColumn"] == "answers.text"


ALSO = "{name: rajpurkar/squad, share: 50, also: [{name: google/boolq, share: 30}, {name: org/d0}]}"


def test_the_datasets_beside_the_first_one_stay_or_are_told(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path, ALSO)
    other = Pick("org/d1", False, "", "train", ("a",), "b")
    shown = chooser.show(other, UNREAD, "")
    assert shown.note == "Used beside it, as datasets.choice.also has it: google/boolq, org/d0."
    assert shown.note in shown.text
    gone = chooser.show(Pick(none=True), UNREAD, "")
    assert gone.note == "datasets.choice.also goes as well: google/boolq, org/d0 will not be used."
    assert saved(chooser, other)["datasets"]["choice"] == {
        "name": "org/d1",
        "split": "train",
        "inputColumns": ["a"],
        "outputColumn": "b",
        "share": 50,
        "also": [{"name": "google/boolq", "share": 30}, {"name": "org/d0"}],
    }


def test_one_of_them_becomes_the_first_with_its_own_share(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path, ALSO)
    choice = saved(chooser, Pick("google/boolq", False, "", "train", ("a",), "b"))["datasets"]["choice"]
    assert choice["share"] == 30 and [one["name"] for one in choice["also"]] == ["org/d0"]


def test_a_pick_without_a_configuration_takes_no_entry_of_one(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path, "{name: org/d1, share: 50, also: [{name: org/d0, config: fr, share: 30}]}")
    pick = Pick("org/d0", False, "", "train", ("a",), "b")
    shown = chooser.show(pick, UNREAD, "")
    assert shown.problem == (
        "datasets.choice.also has org/d0 with the configuration fr: name a configuration here as well, "
        "so that it is clear whether this is another one."
    )
    other = saved(chooser, Pick("org/d0", False, "de", "train", ("a",), "b"))["datasets"]["choice"]
    assert (other["share"], other["also"]) == (50, [{"name": "org/d0", "config": "fr", "share": 30}])


def test_the_default_configuration_is_known_once_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(name: str, asked: str, split: str, revision: str | None) -> Sample:
        return Sample(SQUAD, ("question", "context", "answers.text"), config=asked or "en", split=split or "train")

    monkeypatch.setattr("prompt2model_stages.choosing.chooser.sample", rows)
    chooser = chooser_of(tmp_path, "{name: org/d1, share: 50, also: [{name: google/boolq, share: 30}]}")
    opened = chooser.open_dataset("google/boolq")
    assert opened.pick.config == "en"
    pick = Pick("google/boolq", False, "en", "train", ("question",), "context")
    choice = saved(chooser, pick, "", opened.sample)["datasets"]["choice"]
    assert (choice["config"], choice["share"]) == ("en", 30) and "also" not in choice


def test_a_choice_is_not_saved_into_a_file_that_was_edited_into_another_one(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path)
    file, before = file_of(chooser), file_of(chooser).read_text()
    nothing = chooser.open_dataset(NONE)
    shown = chooser.show(nothing.pick, nothing.sample, "")
    file.write_text(before.replace("the passage", "a text"))
    now, said = chooser.save(shown, nothing.pick, nothing.sample, "")
    assert now.problem.startswith(
        "The candidates on this page were found before questions was edited (instruction): end"
    )
    assert (said, chooser.saved) == ("", "") and "choice" not in file.read_text()
    file.write_text(before.replace("name: questions", "name: others"))
    assert "those of another resource than questions is now" in chooser.show(nothing.pick, nothing.sample, "").problem
    file.write_text(before.replace("selection: Manual   #", "licenses: [MIT]   #"))
    squad = Pick("rajpurkar/squad", False, "", "train", ("question",), "answers.text")
    assert "(datasets.licenses)" in chooser.show(squad, UNREAD, "").problem
    file.write_text(before.replace("kind: Prompt2Model", "kind: Prompt2Modle"))
    assert "write `kind: Prompt2Model`" in chooser.show(nothing.pick, nothing.sample, "").problem


def test_a_student_that_somebody_chose_meanwhile_stays(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path, student="org/s1")
    file = file_of(chooser)
    file.write_text(file.read_text().replace("org/s1", "org/s2"))
    assert saved(chooser, Pick(none=True), "org/s1")["student"]["name"] == "org/s2"


def test_a_student_that_cannot_be_used_is_refused_and_not_selected_first(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path)
    broken = chooser.offers.students[0]
    why = "It has no end token."
    object.__setattr__(broken, "candidate", broken.candidate.model_copy(update={"unusable": why}))
    assert chooser.first_student() == "org/s0"
    shown = chooser.show(Pick(), UNREAD, "google/flan-t5-small")
    assert shown.problem == "google/flan-t5-small cannot be used: It has no end token. Choose another student."
    assert chooser.show(Pick(), UNREAD, "org/s0").proposal is not None


@pytest.mark.parametrize("mode", [0o444, 0o400, 0o555])
def test_a_read_only_file_is_refused(tmp_path: Path, mode: int) -> None:
    chooser = chooser_of(tmp_path)
    file = file_of(chooser)
    shown = chooser.show(Pick(none=True), UNREAD, "")
    file.chmod(mode)
    now, _ = chooser.save(shown, Pick(none=True), UNREAD, "")
    assert now.problem == f"{file} is read-only: make it writable (chmod u+w), and save then."
    assert shown.proposal is not None
    with pytest.raises(SpecError, match="is read-only"):
        chooser.place.save(shown.proposal)
    assert file.read_text() == waiting_runs.YAML and file.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("before")
    os.chown(file, 12345, 23456)
    file.chmod(0o664)
    replace(file, b"after")
    found = file.stat()
    assert (file.read_text(), found.st_uid, found.st_gid, found.st_mode & 0o777) == ("after", 12345, 23456, 0o664)


def test_a_file_of_somebody_else_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chooser = chooser_of(tmp_path)
    file = file_of(chooser)
    proposal = chooser.place.propose(chooser.place.present(), {NAME: "org/s1"})

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    theirs = os.stat_result([0o600, *[0] * 3, file.stat().st_uid + 1, *[0] * 5])
    monkeypatch.setattr(os, "fchown", refused)
    monkeypatch.setattr(os, "fstat", lambda handle: theirs)
    with pytest.raises(SpecError, match=r"it belongs to another user or group, save as that one.*nothing was changed"):
        chooser.place.save(proposal)
    assert file.read_text() == waiting_runs.YAML and [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_json_file_stays_json(tmp_path: Path) -> None:
    chooser = chooser_of(tmp_path)
    file = file_of(chooser)
    file.write_text(json.dumps(yaml.safe_load(file.read_text()), indent=2))
    chooser.save(chooser.show(Pick(none=True), UNREAD, "org/s1"), Pick(none=True), UNREAD, "org/s1")
    assert json.loads(file.read_text())["spec"]["datasets"]["choice"] == {"none": True}
    assert load(file).spec.student.name == "org/s1"


def test_half_a_stage_run_is_left_out_and_the_run_that_repairs_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = waiting_runs.write(tmp_path)
    (half,) = tmp_path.glob("runs/default/questions/discover-*/stage_run.json")
    half.write_bytes(half.read_bytes()[:200])
    assert choose(Console(), here("questions", None, tmp_path / "runs"), 0) == REFUSED
    assert (
        f"there are no candidates yet: run `p2m run {file} --runs {tmp_path / 'runs'}` first" in capsys.readouterr().err
    )
    assert RunFolder(tmp_path / "runs", "default", "questions").read_stage_runs() == {}


def test_no_name_at_all_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(Console(), here("", None, tmp_path), 0) == REFUSED
    assert capsys.readouterr().err.startswith("No resource is named: `p2m choose NAME`")


def test_what_to_run_next_names_the_runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chooser = chooser_of(tmp_path)
    saved(chooser, Pick(none=True))
    assert f"`p2m run {file_of(chooser)} --runs {tmp_path / 'runs'}` continues with it." in chooser.saved
    monkeypatch.chdir(tmp_path)
    assert runs_option(tmp_path / "runs") == runs_option(Path("runs")) == ""


def test_after_the_end_nothing_is_saved_and_a_save_at_work_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chooser = chooser_of(tmp_path)
    shown, place = chooser.show(Pick(none=True), UNREAD, ""), chooser.place
    begun, go, told = threading.Event(), threading.Event(), list[str]()
    write = place.save

    def slow(proposal: Any) -> str:
        begun.set()
        assert go.wait(10)
        return write(proposal)

    monkeypatch.setattr(LocalPlace, "save", lambda self, proposal: slow(proposal))
    at_work = threading.Thread(target=lambda: chooser.save(shown, Pick(none=True), UNREAD, ""))
    at_work.start()
    assert begun.wait(10) and chooser.at_work
    closing = threading.Thread(target=lambda: told.append(chooser.close()))
    closing.start()
    closing.join(0.2)
    assert told == []
    go.set()
    closing.join(10)
    assert told == [chooser.saved] and chooser.saved.startswith("Written to")
    _, said = chooser.save(shown, Pick(none=True), UNREAD, "")
    assert "was saved already" in said

    again = Chooser(chooser.place, chooser.place.offers())
    assert again.close() == ""
    _, said = again.save(again.show(Pick(), UNREAD, "org/s1"), Pick(), UNREAD, "org/s1")
    assert "was ended, and nothing was saved" in said and "org/s1" not in file_of(again).read_text()
