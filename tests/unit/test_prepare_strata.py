"""Which families are held out, where some outputs are classes and others are not."""

from __future__ import annotations

import pytest

from prompt2model_stages.examples import Example
from prompt2model_stages.prepare.strata import shares

pytestmark = pytest.mark.unit


def families(outputs: dict[str, int]) -> dict[str, list[Example]]:
    """So many families of three rows each with every output."""
    rows: dict[str, list[Example]] = {}
    for output, count in outputs.items():
        for number in range(count):
            same = [f"{output} question {number}{end}" for end in ("", ".", "?")]
            rows[f"{output} {number}"] = [Example(text, output, "own", text) for text in same]
    return rows


def test_labels_that_are_too_rare_to_be_held_out_are_trained_on() -> None:
    found = shares(families({"yes": 40, "no": 40, "maybe": 2}), 0, ["validation", "test"], set())
    assert not any(family.startswith("maybe") for split in found.values() for family in split)


def test_where_most_outputs_are_rare_labels_those_are_held_out_too() -> None:
    """One frequent label among many that are rare: a test split of it alone would measure nothing else."""
    rare = {f"intent-{number}": 2 for number in range(40)}
    found = shares(families({"other": 20, **rare}), 0, ["validation", "test"], set())
    for split in found.values():
        assert sum(family.startswith("intent") for family in split) >= 6, split
