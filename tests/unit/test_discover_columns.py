"""Columns, configuration and split: proposed by catalog, teacher and rules, checked on rows, decided or asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_api.results import Choice, DatasetCandidate, StageOutputs, UsedDataset
from prompt2model_stages.discover.columns.checking import Proposal, check
from prompt2model_stages.discover.columns.guessing import guess
from prompt2model_stages.discover.columns.named import read_named
from prompt2model_stages.discover.columns.reading import to_read
from prompt2model_stages.discover.columns.schema import columns_of
from prompt2model_stages.discover.columns.teaching import proposal_of
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.hub_data.errors import config_unnamed, split_missing
from prompt2model_stages.hub_data.first_rows import split_of
from tests.unit.column_cases import (
    LABEL,
    NUMBER,
    REVIEWS,
    TEXT,
    candidate,
    decided,
    hand_written,
    questions,
    reviews,
    rows_of,
)
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.unit


def test_nested_columns_are_listed_by_their_paths() -> None:
    shown = [(column.path, column.type) for column in columns_of(questions())]
    assert shown == [
        ("id", "string"),
        ("question", "string"),
        ("context", "string"),
        ("answers.text", "list of string"),
        ("answers.start", "list of int64"),
    ]
    other = rows_of(
        {"t": {"languages": ["de", "en"], "_type": "Translation"}, "turns": [{"who": TEXT}], "l": LABEL}, []
    )
    found = [(column.path, column.type, column.labels) for column in columns_of(other)]
    assert found == [
        ("t.de", "string", ()),
        ("t.en", "string", ()),
        ("turns.who", "list of string", ()),
        ("l", "class label", ("bad", "good")),
    ]


@pytest.mark.parametrize(
    ("rows", "proposal", "against"),
    [
        (reviews(), (("text",), "label"), ""),
        (questions(), (("question", "context"), "answers.text"), ""),
        (reviews(), (("text",), "stars"), "the dataset has no column stars"),
        (reviews(), (("text", "label"), "label"), "label is both input and output"),
        (reviews(0), (("text",), "label"), "the split train has no rows"),
        (
            reviews(picture={"_type": "Image"}),
            (("picture",), "label"),
            "picture holds images, sound or other files, which no student reads",
        ),
        (
            rows_of({"a": TEXT, "b": TEXT}, [{"a": f"a{n}", "b": "x" if n > 6 else ""} for n in range(10)]),
            (("a",), "b"),
            "7 of the first 10 rows have no input or no output",
        ),
        (
            rows_of({"a": TEXT, "b": TEXT}, [{"a": f"So {n}!", "b": f"so {n}"} for n in range(10)]),
            (("a",), "b"),
            "a has the output itself",
        ),
        (
            rows_of(
                {"a": TEXT, "name": TEXT, "label": LABEL},
                [{"a": f"film {n}", "name": ["minus", "plus"][n % 2], "label": n % 2} for n in range(10)],
            ),
            (("a", "name"), "label"),
            "name says the same as label in other words, so the student would learn nothing",
        ),
    ],
)
def test_what_speaks_against_columns(rows: FirstRows, proposal: tuple[tuple[str, ...], str], against: str) -> None:
    assert check(Proposal("Rules", *proposal), rows, ()).against == against


def test_demonstrations_speak_against_columns() -> None:
    by_label = Proposal("Rules", ("text",), "label")
    other = [Demonstration(input="I liked it", output="five stars")]
    said = "its outputs are bad, good, and your demonstrations have 'five stars'"
    assert check(by_label, reviews(), other).unlike == said
    assert not check(by_label, reviews(), [Demonstration(input="I liked it", output="GOOD")]).against
    by_answer = Proposal("Rules", ("question", "context"), "answers.text")
    assert "parts of their inputs" in check(by_answer, questions(), [Demonstration(input="Who?", output="Ann")]).unlike
    assert check(by_answer, questions(), [Demonstration(input="Who? Ann", output="Ann")]).notes == (
        "the outputs are parts of their inputs",
    )


@pytest.mark.parametrize(
    ("rows", "demonstrations", "proposal"),
    [
        (questions(), (), (("question", "context"), "answers.text", True)),
        (reviews(), (), (("text",), "label", True)),
        (
            rows_of(
                {"headline": TEXT, "kind": LABEL, "url": TEXT},
                [{"headline": f"news no {n}", "kind": n % 2, "url": "x"} for n in range(9)],
            ),
            (),
            (("headline",), "kind", True),
        ),
        (
            rows_of({"long": TEXT, "short": TEXT}, [{"long": "word " * 40, "short": f"a few {n}"} for n in range(9)]),
            [Demonstration(input="b", output="c " * 30)],
            (("short",), "long", True),
        ),
        (
            rows_of({"long": TEXT, "short": TEXT}, [{"long": "word " * 40, "short": f"a few {n}"} for n in range(9)]),
            (),
            (("long",), "short", False),
        ),
        (
            rows_of({"translation": {"languages": ["de", "en"], "_type": "Translation"}}, []),
            [Demonstration(input="The weather is very nice today.", output="Das Wetter ist heute sehr schön.")],
            (("translation.en",), "translation.de", True),
        ),
        (
            rows_of({"translation": {"languages": ["de", "en"], "_type": "Translation"}}, []),
            (),
            (("translation.de",), "translation.en", False),
        ),
        (rows_of({"n": NUMBER, "m": NUMBER}, []), (), None),
    ],
)
def test_columns_by_rule(rows: FirstRows, demonstrations: Sequence[Demonstration], proposal: Any) -> None:
    found = guess(rows, demonstrations)
    assert (None if found is None else (found.inputs, found.output, found.sure)) == proposal


def test_the_catalogs_columns_stay_where_they_stand() -> None:
    teacher = FakeTeacher()
    (best,) = decided(reviews(), teacher=teacher).candidates
    assert (best.recommended, best.columns_by, best.undecided) == (True, "Catalog", None)
    assert best.columns_reason == "text → label of the split train: the catalog's, checked on 12 rows."
    assert teacher.asked == []


def test_the_teacher_proposes_where_the_catalogs_columns_do_not_stand() -> None:
    teacher = FakeTeacher({"columns": [json.dumps({"input": ["text"], "output": "label"})]})
    found = decided(reviews(), hand_written(input_columns=["sentence"]), teacher=teacher)
    (best,), (read,) = found.candidates, found.reads
    assert (best.input_columns, best.columns_by, best.recommended) == (["text"], "Teacher", True)
    assert "proposed by the teacher" in (best.columns_reason or "")
    assert "the catalog's sentence → label do not serve: the dataset has no column sentence" in best.columns_reason
    assert [(p.by, p.taken) for p in read.proposals] == [("Catalog", False), ("Teacher", True), ("Rules", False)]
    asked = str(teacher.asked[0].messages[0]["content"])
    assert "label: class label (bad, good)" in asked and '"label": "bad"' in asked and "Is the review good?" in asked


@pytest.mark.parametrize(
    ("answer", "by"),
    [
        ('{"input": ["label"], "output": "label"}', "Rules"),
        ('{"input": [], "output": ""}', "Rules"),
        ("I do not know", "Rules"),
        ('{"input": ["text", "review_id"], "output": "label"}', "Teacher"),
    ],
)
def test_a_teacher_that_is_wrong_is_not_believed(answer: str, by: str) -> None:
    found = decided(reviews(), candidate(), teacher=FakeTeacher({"columns": [answer]}))
    assert (found.candidates[0].columns_by, found.candidates[0].undecided) == (by, None)


@pytest.mark.parametrize("answer", ["[]", '{"input": "a", "output": "b"}', '{"input": ["a"], "output": null}', "none"])
def test_an_answer_without_columns_is_no_proposal(answer: str) -> None:
    with pytest.raises(ValueError, match=r"^the teacher"):
        proposal_of(answer)


def test_what_nobody_can_tell_closes_the_gate_with_the_fields_to_set() -> None:
    rows = rows_of({"one": TEXT, "other": TEXT}, [{"one": f"a {n}", "other": f"b {n}"} for n in range(9)])
    (best,) = decided(rows, hand_written(), demonstrations=[Demonstration(input="a b", output="b a")]).candidates
    gate = dataset_gate(Prompt2ModelSpec(prompt="p"), StageOutputs(dataset_candidates=[best]))
    assert (gate.open, gate.failed, gate.reason) == (False, False, "AwaitingChoice")
    assert gate.message == (
        "o/d would be used, but no one can tell which columns to use among one, other (the catalog would take text → label, "
        "but the dataset has no column text, label; the rules would take one → other). Set datasets.choice.name to o/d, and "
        "datasets.choice.inputColumns and datasets.choice.outputColumn to its columns, or datasets.choice.none to true."
    )


def test_a_dataset_that_the_demonstrations_speak_against_is_not_used_unasked() -> None:
    (best,) = decided(reviews(), demonstrations=[Demonstration(input="x", output="five stars")]).candidates
    assert not best.recommended
    assert best.reason == (
        "Near, but it is not used unasked: its outputs are bad, good, and your demonstrations have 'five stars'."
    )


def test_configuration_and_split_are_chosen_by_rule() -> None:
    assert split_of({"test": 5, "train": 1}) == "train"
    assert split_of({"a": None, "b": 3, "c": 9}) == "c"
    wrong = failed("SplitMissing", "no train", "")
    (best,) = decided({(None, "train"): wrong, (None, None): reviews()}).candidates
    assert best.columns_reason is not None and best.split == "train"
    unlabelled = rows_of(REVIEWS, [{"review_id": "r", "text": f"t{n}", "label": -1} for n in range(9)], split="test",
                         splits={"test": 9, "dev": 50, "tiny": 1})  # fmt: skip
    labelled = rows_of(REVIEWS, reviews().rows, split="dev", splits=unlabelled.splits)
    there = {(None, "train"): wrong, (None, None): unlabelled, (None, "dev"): labelled}
    (best,) = decided(there).candidates
    assert (best.split, best.undecided, best.recommended) == ("dev", None, True)
    other = [Demonstration(input="x", output="five stars")]
    (best,) = decided(there, hand_written(transformable=True), demonstrations=other).candidates
    assert (best.split, best.undecided) == ("dev", None), (
        "rows that are rewritten need not look like the demonstrations"
    )


def test_the_name_of_the_default_configuration_is_kept_beside_a_candidate_without_one() -> None:
    (best,) = decided(replace(reviews(), config="plain_text")).candidates
    assert (best.config, best.default_config) == (None, "plain_text")


def test_a_configuration_that_must_be_named_closes_the_gate() -> None:
    error = config_unnamed("o/d", ["de", "fr"], "datasets.choice")
    (best,) = decided(error).candidates
    gate = dataset_gate(Prompt2ModelSpec(prompt="p"), StageOutputs(dataset_candidates=[best]))
    assert not gate.open
    assert "has the configurations de, fr. Name one of them in datasets.choice.config." in gate.message
    (best,) = decided({("old", "train"): error, (None, None): reviews()}, hand_written(config="old")).candidates
    assert (best.config, best.undecided) == (None, None)


@pytest.mark.parametrize("reason", ["DatasetGated", "DatasetNeedsCode", "DatasetUnknown"])
def test_what_cannot_be_read_is_not_used_unasked(reason: str) -> None:
    (best,) = decided(blocked(reason, "datasets.choice: the dataset o/d is closed.", "Choose another.")).candidates
    assert (best.recommended, best.reason) == (False, "Near, but it is not used unasked: the dataset o/d is closed.")
    assert best.undecided == "the dataset o/d is closed."


def test_without_a_hub_the_catalogs_columns_stay_and_it_is_said() -> None:
    (best,) = decided(blocked("HubUnreachable", "No answer.", "")).candidates
    assert (best.recommended, best.input_columns, best.columns_by) == (True, ["text"], "Catalog")
    assert best.columns_reason == "Not checked: they are the catalog's. No answer."
    found = decided(AssertionError("not asked"), hand_written(revision=None))
    assert found.reads == [] and found.candidates[0].recommended
    assert "HF_HUB_OFFLINE" in (found.candidates[0].columns_reason or "")


def test_only_what_matters_is_read() -> None:
    near = [candidate(name=f"o/{n}") for n in range(9)]
    builtin = hand_written(name="builtin:d")
    assert decided(AssertionError("not asked"), builtin, *near).reads == []
    assert decided(AssertionError("not asked"), *near, named=Choice(none=True)).reads == []
    assert [read.name for read in decided(reviews(), *near).reads] == [f"o/{n}" for n in range(5)]
    named = Choice(name="o/7")
    found = decided(reviews(), *near, named=named)
    assert [read.name for read in found.reads] == ["o/7"]
    assert found.candidates[7].output_column == "label"


def several(count: int = 6, **fields: Any) -> list[DatasetCandidate]:
    """A recommended one and so many that may be used beside it."""
    return [hand_written(**fields)] + [
        hand_written(name=f"o/{n}", recommended=False, combinable=True, **fields) for n in range(count)
    ]


def test_all_are_read_that_would_be_used_unasked_with_any_number_of_them() -> None:
    """How many are combined is no part of discover's digest."""
    best, *others = several()
    assert to_read([best, *others], None) == [0, 1, 2, 3, 4]
    forbidden = [others[0].model_copy(update={"license": "cc-by-nc-4.0"}), *others[1:3]]
    free = [c.model_copy(update={"license": "mit"}) for c in (best, *others[1:3])]
    assert to_read([free[0], forbidden[0], *free[1:]], None, ["MIT"]) == [0, 2, 3]
    near = [candidate(name=f"o/near{n}", license="mit") for n in range(3)]
    alone = others[0].model_copy(update={"license": "mit"})
    assert to_read([*near, forbidden[0], alone], None, ["MIT"]) == [0, 1, 2, 4], "for the person who chooses"
    named = Choice(name="o/3", also=[UsedDataset(name="o/1")])
    assert to_read([best, *others], named) == [0, 1, 2, 3, 4]
    assert to_read([best, *others], Choice(name="o/5")) == [0, 1, 2, 3, 4, 6]
    assert to_read([best, *others], Choice(none=True)) == [0, 1, 2, 3, 4], "none: true may be taken back"
    found = decided(reviews(), best, *others[:4], named=named)
    assert [c.columns_by for c in found.candidates] == ["Catalog"] * 5
    other = [Demonstration(input="x", output="five stars")]
    assert not any(
        c.combinable for c in decided(reviews(), hand_written(combinable=True), demonstrations=other).candidates
    )


def test_what_nobody_has_read_is_not_used_unasked_without_a_word() -> None:
    found = decided(reviews(), *several())
    assert [read.name for read in found.reads] == ["o/d", "o/0", "o/1", "o/2", "o/3"]
    assert [c.combinable for c in found.candidates] == [None, True, True, True, True, None, None]
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"most": 5}})
    gate = dataset_gate(spec, StageOutputs(dataset_candidates=found.candidates))
    for name in ("o/d", "o/0", "o/1", "o/2", "o/3"):
        assert f"{name}: text → label of the split train: the catalog's, checked on 12 rows." in gate.message
    named = decided(reviews(), *several(), named=Choice(name="o/5")).candidates
    assert [c.combinable for c in named] == [None, True, True, True, True, None, True]
    assert dataset_gate(spec, StageOutputs(dataset_candidates=named)).message == gate.message, "the choice was removed"
    away = decided(AssertionError("not asked"), *several(revision=None)).candidates
    assert all("HF_HUB_OFFLINE" in str(c.columns_reason) for c in away)


@pytest.mark.parametrize("named", [None, Choice(none=True), Choice(name="o/far")], ids=["nothing", "none", "another"])
@pytest.mark.parametrize("fields", [{"recommended": True}, {"recommended": False, "transformable": True}])
def test_what_is_used_after_the_choice_was_removed_was_read(named: Choice | None, fields: dict[str, Any]) -> None:
    """Whatever was named when discover ran: the columns that the rows refute are not trained on."""
    wrong = hand_written(input_columns=["gone"], output_column="label", **fields)
    found = decided(reviews(), wrong, candidate(name="o/far"), named=named).candidates
    assert (found[0].columns_by, found[0].input_columns, found[0].undecided) == ("Rules", ["text"], None)
    assert "named another dataset" not in str(found)


def test_more_than_are_read_are_said_not_to_be_checked() -> None:
    many = [hand_written(name=f"o/{n}") for n in range(7)]
    other = [Demonstration(input="x", output="five stars")]
    for named in (None, Choice(none=True)):
        found = decided(reviews(), *many, demonstrations=other, named=named).candidates
        assert [c.recommended for c in found] == [False] * 5 + [True] * 2, "those that were read are refused"
        message = dataset_gate(Prompt2ModelSpec(prompt="p"), StageOutputs(dataset_candidates=found)).message
        assert message.endswith(
            "Not checked: they are the catalog's. Discover reads at most 5 datasets that may be used unasked, and none whose "
            "license is not allowed."
        )


def test_an_unread_dataset_without_columns_is_asked_for() -> None:
    many = [candidate(name=f"o/{n}", transformable=True) for n in range(6)]
    last = decided(rows_of({"n": NUMBER}, [{"n": 1}]), *many).candidates[5]
    assert (last.undecided or "").startswith("its rows were not read. Discover reads at most 5 datasets")
    teacher = {"baseURL": "https://t.example/v1", "model": "m"}
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "teacher": teacher, "datasets": {"transform": "Auto"}})
    gate = dataset_gate(spec, StageOutputs(dataset_candidates=[last]))
    assert (gate.open, gate.reason) == (False, "AwaitingChoice") and "Set datasets.choice.name to o/5" in gate.message
    unsaid = dataset_gate(spec, StageOutputs(dataset_candidates=[many[0]]))
    assert not unsaid.open
    assert unsaid.message.startswith(
        "o/0 would be used, but nobody has told which of its columns to use. Set datasets.choice."
    )


def test_the_reasons_of_many_datasets_each_have_a_part_of_the_sentence() -> None:
    long = [c.model_copy(update={"columns_reason": f"{c.name} {'so ' * 160}"}) for c in several(4)]
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"most": 5}})
    message = dataset_gate(spec, StageOutputs(dataset_candidates=long)).message
    assert len(message) <= 1024 and all(f"{c.name}: {c.name} so" in message for c in long)


def test_what_a_person_says_counts() -> None:
    named = Choice(name="o/d", input_columns=["review_id"], output_column="text", split="test")
    found = decided(reviews(), named=named)
    assert (found.candidates[0].columns_by, found.candidates[0].input_columns) == ("Catalog", ["text"])
    assert [proposal.by for proposal in found.reads[0].proposals] == ["Catalog"]
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"choice": named.dump()}})
    decision = dataset_gate(spec, StageOutputs(dataset_candidates=found.candidates)).decision
    assert decision is not None and decision.dataset is not None
    used = decision.dataset
    assert (used.input_columns, used.output_column, used.split) == (["review_id"], "text", "test")
    wrong = Choice(name="o/d", input_columns=["title"], output_column="text")
    with pytest.raises(StageError, match=r"datasets.choice: o/d: the dataset has no column title\.") as error:
        read_named([candidate()], wrong, lambda *_: reviews())
    assert (error.value.failure.reason, error.value.failure.state) == ("ColumnMissing", "Blocked")

    def no_split(*_: object) -> FirstRows:
        raise split_missing("o/d", "train", ["test"], "datasets.choice")

    with pytest.raises(StageError, match=r"has no split train; its splits are test\."):
        read_named([candidate()], named.model_copy(update={"split": "train"}), no_split)


def test_a_choice_without_columns_takes_those_that_were_found() -> None:
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"choice": {"name": "o/d"}}})
    found = decided(reviews(), candidate(config="main"), named=spec.datasets.choice).candidates
    decision = dataset_gate(spec, StageOutputs(dataset_candidates=found)).decision
    assert decision is not None and decision.dataset is not None
    assert (decision.dataset.input_columns, decision.dataset.output_column) == (["text"], "label")
    assert decision.dataset_revision == "c1"
    closed = dataset_gate(spec, StageOutputs(dataset_candidates=[candidate()]))
    assert (
        not closed.open
        and "Set datasets.choice.inputColumns and datasets.choice.outputColumn for o/d." in closed.message
    )
