"""The figures of `p2m data`, on rows whose truth is known."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from prompt2model_api.stage_run import Stage, StageRunPhase
from prompt2model_stages.data_report import page_of, report_of, sections_of
from prompt2model_stages.data_report.counting import Counting
from prompt2model_stages.data_report.figures import DataReport, LengthFigures, Overlap
from prompt2model_stages.data_report.rows import DataRow
from prompt2model_stages.data_report.sections import TERMINAL_LABELS, Section
from prompt2model_stages.examples import Example, Pair
from prompt2model_stages.percentiles import at_most
from prompt2model_stages.prepare.nearest import nearest
from prompt2model_stages.prepare.splitting import Dropped, split
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.data_page import data_page
from prompt2model_stages.tracking.folders import read_stage_folders
from tests.data_folder import DataFolder, example

pytestmark = pytest.mark.unit

TEACHER = {"baseURL": "https://llm.example/v1", "model": "m"}
PRICED = {**TEACHER, "price": {"inputPerMillion": 1.0, "outputPerMillion": 2.0}}


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def section(report: DataReport, title: str, labels: int | None = None) -> Section:
    return next(one for one in sections_of(report, labels) if one.title.startswith(title))


def words(section: Section) -> str:
    return " ".join((*section.before, *section.after))


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [([], 50, 0), ([7], 50, 7), ([7], 95, 7), ([1, 2], 50, 1), ([1, 2, 3], 50, 2), (list(range(1, 101)), 95, 95)],
)
def test_a_percentile_is_one_of_the_values(values: list[int], percent: int, wanted: int) -> None:
    assert at_most(values, percent) == wanted
    assert at_most(list(range(1, 21)), 95) == 19  # 19 of 20 are 95 %


def test_sizes_sources_and_different_inputs(folder: DataFolder) -> None:
    rows = [example("Where is it?", "a"), example("where is IT", "b"), example("How?", "a", "generated")]
    folder.prepared({"train": rows, "validation": [], "test-own": [example("Why?", "a")]})
    found = {split.name: split for split in report_of(folder.sources(), 0).splits}
    assert list(found) == ["train", "validation", "test-own"]
    assert (found["train"].rows, found["train"].inputs) == (3, 2)
    assert found["train"].sources == {"own": 2, "generated": 1}
    assert (found["validation"].rows, found["validation"].sources) == (0, {})


def test_lengths_are_those_of_the_rows(folder: DataFolder) -> None:
    rows = [example("x" * length, "y" * (2 * length)) for length in range(1, 101)]
    random.Random(0).shuffle(rows)
    folder.prepared({"train": rows})
    (train,) = report_of(folder.sources(), 0).splits
    assert (train.input, train.output) == (LengthFigures(50, 95, 100), LengthFigures(100, 190, 200))


def test_labels_are_counted_by_split_and_free_outputs_are_not(folder: DataFolder) -> None:
    train = [example(f"number {n}", "bug" if n % 4 else "bill") for n in range(20)]
    folder.prepared({"train": train, "test-own": [example("thing", "bug"), example("new", "idea")]})
    report = report_of(folder.sources(), 0)
    assert report.labels is not None
    assert [(label.output, label.rows) for label in report.labels] == [
        ("bug", {"train": 15, "test-own": 1}),
        ("bill", {"train": 5}),
        ("idea", {"test-own": 1}),
    ]
    told = words(section(report, "Labels", labels=2))
    assert "1 rarer label is not listed" in told and "1 label is never trained on: “idea”" in told
    folder.prepared({"train": [example(f"number {n}", f"text {n}") for n in range(20)]})
    free = report_of(folder.sources(), 0)
    assert free.labels is None and "not a closed set" in words(section(free, "Labels"))


def test_many_outputs_are_forgotten_while_they_are_counted() -> None:
    counting = Counting(0)
    rows = [DataRow(f"question {n}", f"answer {n % 5000}", "own", "") for n in range(50_000)]
    assert sum(1 for _ in counting.through("train", rows)) == 50_000
    assert counting.labels() is None and not counting._distinct and counting._outputs is None


def test_an_input_in_two_splits_is_found_whatever_its_case_and_punctuation(folder: DataFolder) -> None:
    train = [example("Reset my password", "a"), example("I was charged twice!", "b")]
    tests = {"test-retrieved": [example("reset my PASSWORD.", "a", "retrieved"), example("Why", "b", "retrieved")]}
    folder.prepared({"train": train, "validation": [example("i was charged twice", "b")], **tests})
    report = report_of(folder.sources(), 0)
    assert report.overlaps == [Overlap("train", "validation", 1), Overlap("train", "test-retrieved", 1)]
    assert "1 input is both in train and in test-retrieved" in words(section(report, "Leaks"))
    assert (report.nearest[0].similarity, report.nearest[0].train) == (1.0, Pair("Reset my password", "a"))


def test_the_nearest_pairs_are_found_in_the_files_again(folder: DataFolder) -> None:
    train = [example("the red house by the lake", "a"), example("something else here", "b")]
    far, near = example("nothing in common", "a"), example("the red house by the sea", "b")
    folder.prepared({"train": train, "validation": [example("the red house by the lak", "c")], "test-own": [far, near]})
    first = report_of(folder.sources(), 0).nearest[0]
    # Of 2 x 20 and 19 letters, `lake` and `sea` stand alone: 1 - 7 / 39.
    assert (first.similarity, first.test.input, first.train.input) == (0.821, near.input, train[0].input)
    assert (first.test.output, first.train.output) == ("b", "a")
    assert first.split == "test-own"


def test_they_are_the_ones_that_prepare_found_too(folder: DataFolder) -> None:
    chance = random.Random(3)
    vocabulary = ["open", "close", "door", "window", "lamp", "order", "refund", "late", "early", "parcel"]
    rows = [example(" ".join(chance.choices(vocabulary, k=6)), f"answer {n}", "generated", str(n)) for n in range(400)]
    made = split(rows, 0)
    folder.prepared(made.examples)
    wanted = [(near.similarity, near.test.input, near.train.input) for near in nearest(made.examples)]
    report = report_of(folder.sources(), 0)
    assert [(near.similarity, near.test.input, near.train.input) for near in report.nearest] == wanted
    assert len(wanted) == 10 and report.recorded == wanted[0][0] and not report.overlaps


def test_changed_files_are_noticed(folder: DataFolder) -> None:
    rows = {"train": [example("one two three four", "a")], "test-own": [example("one two three five", "b")]}
    folder.prepared(rows)
    statistics = folder.stage_folder(Stage.PREPARE).read_json("statistics.json")
    folder.prepared({**rows, "train": [example("nothing", "a"), example("one two four", "b")]})
    folder.stage_folder(Stage.PREPARE).write_json("statistics.json", statistics)
    assert "the files were changed since" in words(section(report_of(folder.sources(), 0), "Leaks"))


def test_what_was_left_out_is_what_prepare_counted(folder: DataFolder) -> None:
    dropped = Dropped(duplicates=Counter(retrieved=7, generated=2), leaks=Counter(generated=3))
    folder.prepared({"train": [example("a", "b")]}, dropped)
    grid = section(report_of(folder.sources(), 0), "Left out").grid
    assert grid is not None
    assert [row[1:] for row in grid.rows] == [("9", "2 generated, 7 retrieved"), ("3", "3 generated")]


def test_different_questions_are_the_families_of_prepare(folder: DataFolder) -> None:
    folder.prepared({"train": [example("a", "b")]})
    path = folder.stage_folder(Stage.PREPARE)
    told = words(section(report_of(folder.sources(), 0), "Rows by split"))
    assert "was not counted by the version" in told
    path.write_json(
        "statistics.json",
        {**path.read_json("statistics.json"), "grouping": {"groups": 40, "families": 31, "largest": 4}},
    )
    told = words(section(report_of(folder.sources(), 0), "Rows by split"))
    assert "Different questions: 31 of 40 different inputs" in told


def test_tokens_are_what_train_counted_also_while_it_trains(folder: DataFolder) -> None:
    folder.prepared({"train": [example("a", "b")]})
    assert "Not known yet" in words(section(report_of(folder.sources(), 0), "Lengths in tokens"))
    lengths = {"median_input": 20, "p95_input": 70, "longest_input": 90, "median_output": 3, "p95_output": 4}
    counts = {"rows": 1000, "cut_inputs": 25, "cut_outputs": 0, "longest_output": 5, **lengths}
    folder.training(counts, {"rows": 100, "cut_inputs": 0, "cut_outputs": 1, "longest_input": 9, "longest_output": 9})
    report = report_of(folder.sources(), 0)
    tokens = section(report, "Lengths in tokens")
    assert tokens.grid is not None
    assert tokens.title == "Lengths in tokens of local/tiny"
    assert list(tokens.grid.rows) == [
        ("train", "20 / 70 / 90", "3 / 4 / 5", "25 (2.5 %)", "0"),
        ("validation", "-", "-", "0", "1 (1.0 %)"),  # an earlier version wrote no medians
    ]
    assert "and no lengths" in words(tokens)
    assert report.states["train"] == "running" and folder.sources(live=False).stages[Stage.TRAIN].state == "stopped"


def test_the_cost_is_what_was_spent_and_for_a_thousand_examples(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path, teacher=PRICED)
    folder.discovered()
    folder.generated({f"input {n}": "x" for n in range(40)}, usd=0.02)
    cost = report_of(folder.sources(), 0).cost
    assert [(one.stage, one.requests, one.tokens, one.usd) for one in cost.stages] == [
        ("discover", 2, 120, 0.001),
        ("generate", 10, 1000, 0.02),
    ]
    assert cost.per_thousand == 0.5  # 2 cents for 40
    told = section(report_of(folder.sources(), 0), "Cost")
    assert told.grid is not None and list(told.grid.rows)[-1] == ("all", "12", "1,120", "0.021")
    assert "0.50 US dollars for 1,000 generated examples" in words(told)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [({"teacher": TEACHER}, "price is not known"), ({"seed": 1}, "embedded teacher costs nothing")],
)
def test_no_dollars_where_nobody_knows_a_price(tmp_path: Path, spec: dict[str, object], sentence: str) -> None:
    folder = DataFolder(tmp_path, **spec)
    folder.generated({"a": "b"})
    told = section(report_of(folder.sources(), 0), "Cost")
    assert told.grid is not None and [row[3] for row in told.grid.rows] == ["-"]
    assert sentence in words(told) and "1,000" not in words(told)


def test_datasets_have_the_license_that_the_gate_found(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path, teacher=TEACHER)
    folder.generated({"a": "b"})
    rows = [
        example("x", "y", "retrieved", "org/tickets@0123/train#4"),
        example("z", "y", "retrieved", "other@9/train#1"),
    ]
    folder.prepared({"train": rows}, read={"org/tickets@0123/train": 90, "other@9/train": 10}, license="MIT, CC0-1.0")
    found = {one.name: one for one in report_of(folder.sources(), 0).origins}
    first, other, teacher = found.values()
    assert (first.license, first.read, first.rows) == ("MIT", 90, {"train": 1})
    assert other.license == "not known"  # prepare's license is that of both
    assert teacher.name == "m at llm.example" and teacher.read == 1


def test_rows_are_drawn_by_the_seed(folder: DataFolder) -> None:
    folder.prepared({"train": [example(f"row {n}", "x") for n in range(30)]})
    drawn = {seed: [row.input for row in report_of(folder.sources(), seed).samples] for seed in range(80)}
    assert drawn[4] == [row.input for row in report_of(folder.sources(), 4).samples]
    assert all(len(set(rows)) == 3 for rows in drawn.values())
    assert {row for rows in drawn.values() for row in rows} == {f"row {n}" for n in range(30)}


def test_with_generate_alone_it_says_what_is_missing(folder: DataFolder) -> None:
    folder.discovered()
    folder.generated({"a b c": "x", "A b c!": "y", "other": "x"})
    report = report_of(folder.sources(), 0)
    assert [(split.name, split.rows, split.inputs) for split in report.splits] == [("generated", 3, 2)]
    assert not report.prepared and report.states == {"discover": "done", "generate": "done"}
    assert "There are no splits yet" in words(section(report, "State"))
    titles = {one.title for one in sections_of(report)}
    assert not any(title.startswith(("Left out", "Leaks")) for title in titles)


def test_with_nothing_it_says_so(folder: DataFolder) -> None:
    told = [words(one) for one in sections_of(report_of(folder.sources(), 0))]
    assert "No stage was started yet." in told[0] and "No rows are written yet" in told[0]
    folder.begin(Stage.GENERATE).write_json("progress.json", {"done": 12, "total": 40, "unit": "examples"})
    assert folder.sources().stages[Stage.GENERATE].state == "running, 12 of 40 examples"
    assert folder.sources(live=False).stages[Stage.GENERATE].state == "stopped, 12 of 40 examples"
    folder.fail(Stage.GENERATE)
    assert folder.sources().stages[Stage.GENERATE].state == "blocked (DiskFull)"


def test_rows_of_an_earlier_version_lack_columns(folder: DataFolder) -> None:
    folder.prepare()  # without origin, and with repeated inputs in no split
    report = report_of(folder.sources(), 0)
    assert {split.name: split.rows for split in report.splits}["train"] == 40
    assert report.recorded is None


def test_a_damaged_file_is_named(folder: DataFolder) -> None:
    folder.prepared({"train": [example("a", "b")]})
    folder.stage_folder(Stage.PREPARE).write_bytes("train.parquet", b"PAR1 and no more")
    with pytest.raises(ValueError, match=r"train\.parquet cannot be used"):
        report_of(folder.sources(), 0)


def test_object_storage_gives_the_same_figures(folder: DataFolder) -> None:
    rows = [example(f"number {n} of many", "a", "generated", references=["a", "b"]) for n in range(600)]
    folder.prepared({"train": rows[:500], "test-generated": rows[500:]})
    sources = folder.sources()
    elsewhere = Folder("memory://data-report/prepare")
    for name in (prepared := sources.stages[Stage.PREPARE]).folder.names():
        elsewhere.write_bytes(name, prepared.folder.read_bytes(name))
    moved = replace(sources, stages={Stage.PREPARE: replace(prepared, folder=elsewhere)})
    assert report_of(moved, 0) == report_of(sources, 0)


class TestPage:
    """The HTML file."""

    def test_texts_are_escaped_and_nothing_is_loaded(self, folder: DataFolder) -> None:
        folder.discovered("<script>alert(1)</script> & more")
        rows = [example('<img src="https://evil.example/x.png">', "</td><script>alert(2)</script>")]
        folder.prepared({"train": rows, "test-own": [example('<img src="https://evil.example/y">', "z")]})
        html = page_of(report_of(folder.sources(), 0)).decode()
        assert "<script" not in html and "<img" not in html
        assert not re.search(r"""(src|href)=["']|url\(|@import""", html.replace("&quot;", ""))
        assert "default-src 'none'" in html and "&lt;script&gt;alert(1)" in html

    def test_it_lists_every_label(self, folder: DataFolder) -> None:
        rows = [example(f"input {n}", f"label {n % 30}") for n in range(300)]
        folder.prepared({"train": rows})
        report = report_of(folder.sources(), 0)
        assert page_of(report).decode().count('<td class="text" dir="auto">label ') >= 30
        grid = section(report, "Labels", TERMINAL_LABELS).grid
        assert grid is not None and len(grid.rows) == TERMINAL_LABELS

    def test_prepare_and_train_give_it_and_the_same_folder_the_same_bytes(self, folder: DataFolder) -> None:
        folder.discovered()
        folder.generated({"a": "b"})
        folder.prepared({"train": [example("a", "b", "generated")]})
        folder.train()
        stages = {one.stage: one for one in read_stage_folders(folder.folder)}
        first = data_page(folder.folder, stages[Stage.PREPARE])
        assert first is not None and first == data_page(folder.folder, stages[Stage.PREPARE])
        assert b"generate done" in first[1] and b"train done" not in first[1]
        later = data_page(folder.folder, stages[Stage.TRAIN])
        assert later is not None and later[0] == first[0] and b"train done" in later[1]
        assert data_page(folder.folder, stages[Stage.GENERATE]) is None

    def test_none_while_prepare_has_no_result(self, folder: DataFolder) -> None:
        folder.begin(Stage.PREPARE, StageRunPhase.RUNNING)
        folder.begin(Stage.TRAIN)
        stages = {one.stage: one for one in read_stage_folders(folder.folder)}
        assert data_page(folder.folder, stages[Stage.TRAIN]) is None


def test_inputs_of_one_text_count_once_whatever_the_source() -> None:
    counting = Counting(0)
    rows = [Example("Same?", "a", "own", ""), Example("same", "b", "generated", "")]
    for _ in counting.through("train", [DataRow(r.input, r.output, r.source, "") for r in rows]):
        pass
    (figures,) = counting.figures()
    assert (figures.rows, figures.inputs) == (2, 1)
