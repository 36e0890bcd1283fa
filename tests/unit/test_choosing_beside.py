"""p2m choose and the datasets of datasets.choice.also: none of them goes, or loses its commit, unsaid."""

from __future__ import annotations

from typing import Any

import pytest

from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_stages.choosing.picking import CHOICE_PATH, Pick, choice_of, fields_of, given, note_of

pytestmark = pytest.mark.unit

COLUMNS = {"inputColumns": ["a"], "outputColumn": "b"}


def picked(pick: Pick, default: str = "", **choice: Any) -> tuple[dict[str, Any], str]:
    """What is written of datasets.choice, and the page's note."""
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"choice": {**COLUMNS, **choice}}})
    fields = fields_of(choice_of(pick, spec.datasets.choice, given(spec)), "", spec, default)
    return fields[CHOICE_PATH], note_of(fields, spec, default)


def also(**fields: Any) -> dict[str, Any]:
    return {**COLUMNS, **fields}


def test_another_configuration_of_the_same_dataset_stays() -> None:
    french = also(name="o/x", config="fr", share=30)
    now, note = picked(Pick("o/x", False, "de", "train", ("c",), "b"), name="o/x", config="de", share=70, also=[french])
    assert (now["inputColumns"], now["share"], now["also"]) == (["c"], 70, [french])
    assert note == "Used beside it, as datasets.choice.also has it: o/x."


def test_the_configuration_that_is_picked_moves_with_its_share_and_no_other() -> None:
    both = [also(name="o/x", config="fr", share=20), also(name="o/x", config="it", share=10)]
    now, note = picked(Pick("o/x", False, "it", "train", ("a",), "b"), name="o/x", config="de", share=70, also=both)
    assert (now["config"], now["share"], now["also"]) == ("it", 10, both[:1])
    assert note == "Used beside it, as datasets.choice.also has it: o/x."


def test_of_two_splits_the_one_that_is_picked_moves() -> None:
    splits = [also(name="o/y", split="a", share=10), also(name="o/y", split="b", share=20)]
    now, _ = picked(Pick("o/y", False, "", "b", ("a",), "b"), name="o/x", share=70, also=splits)
    assert (now["split"], now["share"], now["also"]) == ("b", 20, splits[:1])


def test_a_commit_that_is_lost_is_said() -> None:
    now, note = picked(
        Pick("o/y", False, "", "train", ("a",), "b"), name="o/x", also=[also(name="o/y", revision="v1.0")]
    )
    assert now["name"] == "o/y" and "also" not in now
    assert note == (
        "The revision v1.0 of o/y goes, since only datasets of also have one: the commit that discover found is read."
    )


def test_a_new_dataset_takes_the_place_of_the_first_alone() -> None:
    beside = also(name="o/y", share=30)
    now, note = picked(Pick("o/z", False, "", "train", ("a",), "b"), name="o/x", share=70, also=[beside])
    assert (now["name"], now["share"], now["also"]) == ("o/z", 70, [beside])
    assert note == "Used beside it, as datasets.choice.also has it: o/y."


def test_a_configuration_that_may_not_be_the_default_one_takes_nothing_of_it() -> None:
    bare = also(name="o/y", share=10)
    pick = Pick("o/y", False, "fr", "train", ("a",), "b")
    now, note = picked(pick, name="o/x", share=70, also=[bare])
    assert (now["config"], now["share"], now["also"]) == ("fr", 70, [bare])
    assert note.endswith(
        "o/y is used beside it without a configuration: if fr is its default one, that is the same one."
    )
    now, _ = picked(pick, "en", name="o/x", share=70, also=[bare])
    assert (now["share"], now["also"]) == (70, [bare])
    now, _ = picked(pick, "fr", name="o/x", share=70, also=[bare])
    assert (now["config"], now["share"]) == ("fr", 10) and "also" not in now


def test_of_two_splits_none_goes_for_a_third_one() -> None:
    splits = [also(name="o/y", split="a", share=10), also(name="o/y", split="b", share=20)]
    now, _ = picked(Pick("o/y", False, "", "c", ("a",), "b"), name="o/x", share=50, also=splits)
    assert (now["split"], now["share"], now["also"]) == ("c", 50, splits)
    now, _ = picked(Pick("o/y", False, "", "b", ("c",), "b"), name="o/x", share=50, also=splits)
    assert (now["inputColumns"], now["share"], now["also"]) == (["c"], 20, splits[:1])
    _, note = picked(Pick("o/y", False, "", "c", ("a",), "b"), name="o/x", also=splits[:1])
    assert note == "o/y was read from the split a, and is read from c now."
