"""datasets.choice and what discover found: the spec of today counts, each entry on its own, and the gate's sentence opens it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.gates import GateState
from prompt2model_api.graph import digest
from prompt2model_api.prompt2model import Demonstration, Prompt2Model, Prompt2ModelSpec
from prompt2model_api.results import Choice, DatasetCandidate, OtherCandidate, StageOutputs, UsedDataset
from prompt2model_api.stage_run import Decision, Stage, StageRun
from prompt2model_stages.discover.columns.named import check_named, read_named
from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.hub_data.errors import config_unnamed, split_missing
from tests.unit.column_cases import REVIEWS, candidate, decided, hand_written, reviews, rows_of
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.unit

COLUMNS = {"inputColumns": ["review_id"], "outputColumn": "text"}
GLUE = [
    hand_written(name="nyu/glue", config=config, input_columns=[f"{config}_text"], recommended=False)
    for config in ("sst2", "cola")
]


def gate(candidates: list[DatasetCandidate], choice: dict[str, Any] | None, **other: Any) -> GateState:
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"choice": choice}})
    return dataset_gate(spec, StageOutputs(dataset_candidates=candidates, **other))


def used(state: GateState) -> list[UsedDataset]:
    assert state.decision is not None and state.decision.dataset is not None, state.message
    return state.decision.dataset.datasets(state.decision.dataset_revision)


@pytest.mark.parametrize("before", [{}, {"split": "test"}, COLUMNS, {**COLUMNS, "split": "test"}])
def test_a_choice_that_was_removed_or_shortened_leaves_nothing_behind(before: dict[str, Any]) -> None:
    """discover ran with a choice that the user has taken back since."""
    named = Choice.model_validate({"name": "o/d", **before})
    found = decided(reviews(), hand_written(), named=named)
    now = [(one.input_columns, one.output_column, one.split) for one in used(gate(found.candidates, None))]
    assert now == [(["text"], "label", "train")]
    shorter = [
        (one.input_columns, one.output_column, one.split) for one in used(gate(found.candidates, {"name": "o/d"}))
    ]
    assert shorter == now
    assert "Choice" not in str(found.candidates) + str(found.reads)
    assert found == decided(reviews(), hand_written(), named=Choice(name="o/d"))


UNLIKE = [
    Demonstration(input="I liked it a lot and will come again", output="positive"),
    Demonstration(input="It was awful from start to end", output="negative"),
]


@pytest.mark.parametrize("teacher", [None, '{"input": ["text"], "output": "label"}', '{"input": [], "output": ""}'])
@pytest.mark.parametrize("known", [{}, {"transformable": True}, {"input_columns": ["gone"]}, {"input_columns": []}])
def test_the_record_is_the_same_whatever_is_named(known: dict[str, Any], teacher: str | None) -> None:
    """Refusals as well: what was refused while nothing was named is not used after a choice was removed."""

    def found(choice: dict[str, Any] | None) -> object:
        asked = FakeTeacher({"columns": [teacher]}) if teacher else None
        named = Choice.model_validate(choice) if choice else None
        candidate = hand_written(combinable=True, **known)
        return decided(reviews(), candidate, teacher=asked, demonstrations=UNLIKE, named=named)

    unnamed = found(None)
    assert found({"name": "o/d"}) == unnamed
    assert found({"name": "o/d", "split": "test"}) == unnamed
    assert found({"name": "o/d", **COLUMNS}) == unnamed


def test_a_dataset_that_the_demonstrations_refuse_is_used_by_its_name_alone() -> None:
    """What the catalog knows counts for a person who names the dataset, and is no license to use it unasked."""
    (best,) = decided(reviews(), hand_written(), demonstrations=UNLIKE, named=Choice(name="o/d")).candidates
    assert (best.recommended, best.columns_by) == (False, "Catalog")
    assert best.unlike == "its outputs are bad, good, and your demonstrations have 'positive'"
    state = gate([best], {"name": "o/d"})
    assert [one.output_column for one in used(state)] == ["label"]
    assert "your demonstrations have 'positive'" in state.message
    unasked = gate([best], None).decision
    assert unasked is not None and unasked.dataset is not None and unasked.dataset.none


def test_the_teacher_is_asked_although_the_spec_names_columns() -> None:
    teacher = FakeTeacher({"columns": ['{"input": ["text"], "output": "label"}']})
    named = Choice.model_validate({"name": "o/d", **COLUMNS})
    (best,) = decided(reviews(), candidate(), teacher=teacher, named=named).candidates
    assert (best.columns_by, best.output_column) == ("Teacher", "label")


def test_a_split_that_is_written_is_the_one_that_is_read() -> None:
    """train is a word like any other; without one, the split is the one that discover found, and the reason names it."""
    found = candidate(input_columns=["text"], output_column="label", split="test")

    def reading(**split: str) -> tuple[str | None, str]:
        state = gate([found], {"name": "o/d", **split})
        return used(state)[0].split, state.message

    assert reading(split="train")[0] == "train" and "the split train" in reading(split="train")[1]
    assert reading()[0] == "test" and "It is read from the split test." in reading()[1]
    assert reading(split="dev")[0] == "dev" and "It is read from the split dev." in reading(split="dev")[1]
    unasked = gate([found.model_copy(update={"recommended": True})], None)
    assert used(unasked)[0].split == "test" and "It is read from the split test." in unasked.message
    assert used(gate([found], {"name": "o/d", **COLUMNS}))[0].split == "train"


def test_a_split_train_that_is_not_there_blocks_discover() -> None:
    def read(name: str, config: str | None, split: str | None, *_: object) -> FirstRows:
        if split == "train":
            raise split_missing("o/d", "train", ["test"], "datasets.choice")
        return rows_of(REVIEWS, reviews().rows, split="test")

    with pytest.raises(StageError, match=r"has no split train; its splits are test\."):
        read_named([hand_written()], Choice(name="o/d", split="train"), read)
    read_named([hand_written()], Choice(name="o/d"), read)


def test_a_split_that_is_not_written_changes_no_digest() -> None:
    spec, written = Prompt2ModelSpec(prompt="p"), {"split": "train"}
    for choice in ({"name": "o/d"}, {"name": "o/d", **COLUMNS}, {"none": True}):
        digests = {
            digest(spec, Stage.PREPARE, {}, gate([hand_written()], one).decision)
            for one in (choice, choice if choice.get("none") else {**choice, **written})
        }
        assert len(digests) == 1
    none = Decision(dataset=Choice(none=True)).in_digest["dataset"]
    assert none == {"none": True, "split": "train", "inputColumns": []}, "as before splits could be left out"


def test_what_discover_read_does_not_depend_on_the_columns_of_the_choice() -> None:
    """A dataset that no catalog knows: the rules' columns are in the record, the spec's are not."""
    named = Choice.model_validate({"name": "o/d", **COLUMNS})
    (best,) = decided(reviews(), candidate(), named=named).candidates
    assert (best.columns_by, best.input_columns, best.output_column) == ("Rules", ["text"], "label")


@pytest.mark.parametrize("also", [False, True])
def test_a_person_who_obeys_the_sentence_opens_the_gate(also: bool) -> None:
    path = "datasets.choice.also[0]" if also else "datasets.choice"

    def choice(**fields: Any) -> dict[str, Any]:
        one = {"name": "o/d", **fields}
        first = {"name": "o/first", "inputColumns": ["a"], "outputColumn": "b"}
        return {**first, "also": [one]} if also else one

    nobody = candidate(undecided="no one can tell which columns to use among one, other.")
    closed = gate([nobody], choice())
    assert closed.message == (
        f"{path}: o/d: no one can tell which columns to use among one, other. "
        f"Set {path}.inputColumns and {path}.outputColumn for o/d."
    )
    assert gate([nobody], choice(**COLUMNS)).open

    error = config_unnamed("o/d", ["de", "fr"], "datasets.choice")
    (found,) = decided(error, candidate(), named=Choice(name="o/d")).candidates
    closed = gate([found], choice())
    assert closed.message == (
        f"{path}: o/d: the dataset o/d has the configurations de, fr. "
        f"Name one of them in {path}.config, and set {path}.inputColumns and {path}.outputColumn."
    )
    half = gate([found], choice(config="de"))
    assert f"Set {path}.inputColumns and {path}.outputColumn for o/d." in half.message
    assert "configurations" not in half.message
    assert gate([found], choice(**COLUMNS)).message.endswith(f"Name one of them in {path}.config.")
    assert [one.config for one in used(gate([found], choice(config="de", **COLUMNS)))][-1] == "de"


def test_all_that_is_missing_is_asked_for_at_once() -> None:
    nobody = [candidate(name=f"o/{n}", undecided=f"no one knows {n}.") for n in range(3)]
    closed = gate(nobody, {"name": "o/0", "also": [{"name": "o/1", **COLUMNS}, {"name": "o/2"}]})
    assert closed.message == (
        "datasets.choice: o/0: no one knows 0. Set datasets.choice.inputColumns and datasets.choice.outputColumn for o/0. "
        "datasets.choice.also[1]: o/2: no one knows 2. "
        "Set datasets.choice.also[1].inputColumns and datasets.choice.also[1].outputColumn for o/2."
    )
    long = [c.model_copy(update={"undecided": "so " * 170}) for c in nobody]
    message = gate(long, {"name": "o/0", "also": [{"name": "o/1"}, {"name": "o/2"}]}).message
    assert len(message) <= 1024 and message.endswith(" for o/0.")


def test_a_recommended_dataset_is_opened_by_what_the_sentence_names() -> None:
    best = hand_written(config="c", undecided="no one can tell which columns to use among a, b.")
    closed = gate([best], None)
    assert closed.message == (
        "o/d would be used, but no one can tell which columns to use among a, b. Set datasets.choice.name to o/d, "
        "datasets.choice.config to c, and datasets.choice.inputColumns and datasets.choice.outputColumn to its columns, "
        "or datasets.choice.none to true."
    )
    assert gate([best], {"name": "o/d", "config": "c", **COLUMNS}).open and gate([best], {"none": True}).open


@pytest.mark.parametrize("known", [{}, {"undecided": "an earlier cause."}])
def test_where_the_hub_is_away_the_cause_is_told(known: dict[str, str]) -> None:
    away = blocked("HubUnreachable", "datasets.choice: for the dataset o/d, the hub answers with an error (502).", "")
    (found,) = decided(away, candidate(**known), named=Choice(name="o/d")).candidates
    said = gate([found], {"name": "o/d"}).message
    assert known.get("undecided", "the hub answers with an error (502)") in said
    assert "Set datasets.choice.inputColumns and datasets.choice.outputColumn for o/d." in said


def test_a_hub_that_goes_away_between_two_readings_leaves_the_first_cause() -> None:
    wrong, away = config_unnamed("o/d", ["de", "fr"], "datasets.choice"), blocked("HubUnreachable", "Away.", "")
    (best,) = decided({("old", "train"): wrong, (None, None): away}, hand_written(config="old")).candidates
    assert "the dataset o/d has the configurations de, fr." in gate([best], None).message
    missing = split_missing("o/d", "train", ["test"], "datasets.choice")
    (best,) = decided({(None, "train"): missing, (None, None): away}).candidates
    assert (best.recommended, best.undecided) == (False, missing.failure.message.removeprefix("datasets.choice: "))


def test_configurations_of_one_dataset_are_not_mixed_up() -> None:
    for config in ("sst2", "cola"):
        (one,) = used(gate(GLUE, {"name": "nyu/glue", "config": config}))
        assert (one.config, one.input_columns) == (config, [f"{config}_text"])
    both = used(gate(GLUE, {"name": "nyu/glue", "config": "cola", "also": [{"name": "nyu/glue", "config": "sst2"}]}))
    assert [(one.config, one.input_columns) for one in both] == [("cola", ["cola_text"]), ("sst2", ["sst2_text"])]
    read = decided(
        {(config, "train"): rows_of(REVIEWS, reviews().rows, config=config) for config in ("sst2", "cola")},
        *(c.model_copy(update={"input_columns": ["text"]}) for c in GLUE),
        named=Choice(name="nyu/glue", config="cola"),
    )
    assert [(one.name, one.config) for one in read.reads] == [("nyu/glue", "cola")]
    assert [c.columns_by for c in read.candidates] == [None, "Catalog"]


@pytest.mark.parametrize("columns", [{}, COLUMNS])
def test_of_several_configurations_one_is_asked_for(columns: dict[str, Any]) -> None:
    closed = gate(GLUE, {"name": "nyu/glue", **columns})
    assert (closed.open, closed.reason) == (False, "AwaitingChoice")
    assert closed.message == (
        "datasets.choice names nyu/glue without a configuration; discover knows its configurations cola, sst2. "
        "Name one of them in datasets.choice.config, or another one that it has."
    )
    behind = [OtherCandidate(name="nyu/glue", config="mrpc")]
    assert "cola, mrpc, sst2." in gate(GLUE, {"name": "nyu/glue", **columns}, other_datasets=behind).message
    assert gate(GLUE, {"name": "nyu/glue", "config": "cola", **columns}).open


def test_a_configuration_of_the_catalog_is_nobodys_choice() -> None:
    """Whether the name was written before or after discover ran: nothing but the hub's default is read unnamed."""
    after = gate(GLUE[:1], {"name": "nyu/glue"})
    assert "discover knows its configurations sst2." in after.message
    before = [*GLUE[:1], candidate(name="nyu/glue", input_columns=["text"], output_column="label")]
    assert [one.config for one in used(gate(before, {"name": "nyu/glue"}))] == [None]
    assert [one.config for one in used(gate(GLUE[:1], {"name": "nyu/glue", **COLUMNS}))] == [None], "the hub's default"


def test_the_hubs_default_configuration_is_not_written_down_as_another_one() -> None:
    (best,) = decided(rows_of(REVIEWS, reviews().rows, config="plain_text"), hand_written()).candidates
    assert best.config is None and used(gate([best], {"name": "o/d"}))[0].config is None


def test_two_entries_that_turn_out_to_be_one_close_the_gate() -> None:
    choice = {"name": "o/d", "also": [{"name": "o/d", "inputColumns": ["text"], "outputColumn": "label"}]}
    closed = gate([hand_written()], choice)
    assert not closed.open and "choice names one dataset twice" in closed.message


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"name": "o/d", **COLUMNS, "also": [{"name": "o/d", **COLUMNS}]}, "names one dataset twice"),
        (
            {"name": "o/d", **COLUMNS, "share": 100, "also": [{"name": "o/e", **COLUMNS}]},
            "nothing is left for a dataset",
        ),
    ],
)
def test_what_an_earlier_version_stored_is_still_read(choice: dict[str, Any], said: str) -> None:
    """A status and a decision, of a choice that a spec must not have any more."""
    body = {"metadata": {"name": "n"}, "spec": {"prompt": "p"}, "status": {"choice": choice}}
    status = Prompt2Model.model_validate(body).status
    assert status is not None and status.choice is not None and len(status.choice.datasets()) == 2
    spec = {"resource": "n", "stage": "prepare", "digest": "ab" * 32, "storage": "/x", "decision": {"dataset": choice}}
    run = StageRun.model_validate({"metadata": {"name": "n-prepare-abababab"}, "spec": spec})
    assert run.spec.decision is not None and run.spec.decision.in_digest["dataset"]
    with pytest.raises(ValidationError, match=said):
        gate([], choice)


def test_all_licenses_are_decided_and_change_no_digest() -> None:
    names = {"o/1": "mit", "o/2": "cc-by-4.0", "o/3": None}
    found = [hand_written(name=name, license=license, recommended=False) for name, license in names.items()]
    choice = {"name": "o/1", "also": [{"name": "o/2"}, {"name": "o/3"}]}
    decision = gate(found, choice).decision
    assert decision is not None
    assert (decision.dataset_license, decision.also_licenses) == ("MIT", {"o/2": "CC-BY-4.0"})
    assert [decision.license_of(name) for name in names] == ["MIT", "CC-BY-4.0", None]
    away = [found[0], found[1].model_copy(update={"revision": None})]
    pinned = gate(away, {"name": "o/1", "also": [{"name": "o/2", "revision": "v1"}]}).decision
    assert pinned is not None and pinned.also_licenses is None, "the hub did not say so: prepare asks it"
    other = gate([c.model_copy(update={"license": "mit"}) for c in found], choice).decision
    spec = Prompt2ModelSpec(prompt="p")
    assert other is not None and other != decision
    assert digest(spec, Stage.PREPARE, {}, other) == digest(spec, Stage.PREPARE, {}, decision)
    several = [
        hand_written(license="mit"),
        hand_written(name="o/2", license="odbl", recommended=False, combinable=True),
    ]
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"most": 2}})
    unasked = dataset_gate(spec, StageOutputs(dataset_candidates=several)).decision
    assert unasked is not None and unasked.also_licenses == {"o/2": "ODbL-1.0"}


def test_a_wrong_entry_is_told_with_its_own_field() -> None:
    also = [UsedDataset(name="o/2", input_columns=["title"], output_column="text")]
    named = Choice(name="o/d", input_columns=["text"], output_column="label", also=also)
    found = [candidate(), candidate(name="o/2")]
    with pytest.raises(StageError) as error:
        read_named(found, named, lambda *_: reviews())
    assert error.value.failure.message == "datasets.choice.also[0]: o/2: the dataset has no column title."
    assert "datasets.choice.also[0].inputColumns" in error.value.failure.remedy

    def unnamed(name: str, *_: object) -> FirstRows:
        if name == "o/2":
            raise config_unnamed(name, ["de", "fr"], "datasets.choice")
        return reviews()

    with pytest.raises(StageError) as error:
        read_named(found, Choice(name="o/d", also=[UsedDataset(name="o/2")]), unnamed)
    assert error.value.failure.remedy == "Name one of them in datasets.choice.also[0].config."
    assert error.value.failure.state == "Blocked"


def test_columns_that_were_found_are_held_against_the_split_that_is_named() -> None:
    unlabelled = [{"review_id": f"r{n}", "text": f"t {n}", "label": -1} for n in range(9)]

    def read(name: str, config: str | None, split: str | None, *_: object) -> FirstRows:
        return rows_of(REVIEWS, unlabelled, split="test") if split == "test" else reviews()

    named = Choice(name="o/d", split="test")
    rows = read_named([hand_written()], named, read)
    assert sorted(str(place[2]) for place in rows) == ["test", "train"]
    (found,) = decided(reviews(), hand_written(), named=named).candidates
    with pytest.raises(StageError, match="none of the first 9 rows of the split test has an output in label"):
        check_named([found], named, rows)
    check_named([found], Choice(name="o/d"), read_named([hand_written()], Choice(name="o/d"), read))
