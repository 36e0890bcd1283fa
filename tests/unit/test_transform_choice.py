"""datasets.transform: Auto and a choice that names the dataset: who obeys the gate's sentence keeps the rewriting, or is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.gates import GateState
from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_api.results import DatasetCandidate, StageOutputs
from tests.unit.column_cases import candidate, decided, hand_written, reviews

pytestmark = pytest.mark.unit

TEACHER = {"baseURL": "http://x/v1", "model": "m"}
COLUMNS = {"inputColumns": ["text"], "outputColumn": "note"}
ASKED = "no one can tell which columns to use among text, note."
OTHER_FORM = [Demonstration(input="I liked it a lot, great evening", output="five stars")]


def gate(
    *found: DatasetCandidate,
    choice: dict[str, Any] | None = None,
    transform: str = "Auto",
    teacher: dict[str, str] | None = TEACHER,
    **other: Any,
) -> GateState:
    tree = {"prompt": "p", "datasets": {"transform": transform, "choice": choice}, "teacher": teacher, **other}
    return dataset_gate(Prompt2ModelSpec.model_validate(tree), StageOutputs(dataset_candidates=list(found)))


def is_rewritten(state: GateState) -> bool | None:
    assert state.decision is not None and state.open, state.message
    return state.decision.transform


@pytest.mark.parametrize("split", [{}, {"split": "validation"}])
@pytest.mark.parametrize("known", [{"undecided": ASKED}, {}, {"input_columns": ["text"], "output_column": "note"}])
def test_who_obeys_the_sentence_keeps_the_rewriting(known: dict[str, Any], split: dict[str, str]) -> None:
    near = candidate(transformable=True, **known)
    assert is_rewritten(gate(near, choice={"name": "o/d", **COLUMNS, **split})) is True
    asked = {"evaluation": {"gate": {"split": "Transformed"}}}
    assert gate(near, choice={"name": "o/d", **COLUMNS, **split}, **asked).open


def test_a_configuration_that_was_asked_for_keeps_the_rewriting() -> None:
    near = candidate(transformable=True, config_wanted=True, undecided="the dataset o/d has the configurations a, b.")
    assert not gate(near).open
    assert is_rewritten(gate(near, choice={"name": "o/d", "config": "a", **COLUMNS})) is True


def test_the_default_configuration_by_its_name_keeps_the_rewriting() -> None:
    asked = candidate(transformable=True)
    (near,) = decided(replace(reviews(), config="plain_text"), asked, demonstrations=OTHER_FORM).candidates
    assert (near.config, near.default_config) == (None, "plain_text")
    named = {"name": "o/d", "inputColumns": near.input_columns, "outputColumn": near.output_column}
    assert is_rewritten(gate(near, choice={**named, "config": "plain_text"})) is True
    assert is_rewritten(gate(near, choice={**named, "config": "other"})) is None


def test_a_configuration_whose_form_is_not_known_is_told() -> None:
    near = candidate(transformable=True, input_columns=["text"], output_column="note")
    state = gate(near, choice={"name": "o/d", "config": "plain_text", **COLUMNS})
    assert is_rewritten(state) is None
    assert "datasets.choice.config names plain_text. Leave config out if that is the default one" in state.message
    assert "Auto" not in gate(near, choice={"name": "o/d", "config": "x", **COLUMNS}, teacher=None).message


def test_another_split_of_the_same_dataset_is_rewritten() -> None:
    near = candidate(transformable=True, input_columns=["text"], output_column="note")
    assert is_rewritten(gate(near, choice={"name": "o/d", "split": "validation"})) is True


def test_what_auto_does_not_rewrite_is_told() -> None:
    near = candidate(transformable=True, input_columns=["text"], output_column="note")
    state = gate(near, choice={"name": "o/d", "inputColumns": ["title"], "outputColumn": "note"})
    assert is_rewritten(state) is None
    assert state.message.startswith(
        "datasets.transform is Auto, but the rows of o/d, which differ from your examples in form, are used as they are: "
        "datasets.choice names other columns than discover found (text → note). "
        "Set datasets.transform to Always to have them rewritten."
    )
    alone = gate(near, choice={"name": "o/d", **COLUMNS}, teacher=None)
    assert "are used as they are: name a teacher to have them rewritten." in alone.message
    first = hand_written(name="o/first")
    also = gate(first, near, choice={"name": "o/first", "also": [{"name": "o/d", **COLUMNS}]})
    assert "the rows of o/d, which" in also.message and "all are rewritten or none" in also.message
    assert "Auto" not in gate(first, choice={"name": "o/first"}).message


def test_rows_that_may_be_rewritten_need_not_be_as_the_demonstrations_are() -> None:
    """The catalog's columns are outdated; those by rule are there, and only the demonstrations speak against them."""
    outdated = candidate(transformable=True, input_columns=["review"], output_column="stars")
    (near,) = decided(reviews(), outdated, demonstrations=OTHER_FORM).candidates
    assert (near.undecided, near.input_columns, near.output_column) == (None, ["text"], "label")
    assert near.unlike == "its outputs are bad, good, and your demonstrations have 'five stars'"
    assert is_rewritten(gate(near)) is True and is_rewritten(gate(near, choice={"name": "o/d"})) is True


def test_rows_of_another_form_that_are_not_rewritten_wait_for_a_person() -> None:
    outdated = candidate(transformable=True, input_columns=["review"], output_column="stars", combinable=True)
    (near,) = decided(reviews(), outdated, demonstrations=OTHER_FORM).candidates
    closed = gate(near, choice={"name": "o/d"}, transform="None")
    assert not closed.open and closed.message == (
        "datasets.choice: o/d: the rules would take text → label, but its outputs are bad, good, and your demonstrations have "
        "'five stars'. Set datasets.choice.inputColumns and datasets.choice.outputColumn for o/d."
    )
    chosen = {"name": "o/d", "inputColumns": ["text"], "outputColumn": "label"}
    assert gate(near, choice=chosen, transform="None").open
    assert near.combinable is None, "not used unasked as they are"
