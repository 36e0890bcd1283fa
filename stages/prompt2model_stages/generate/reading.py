"""Reads examples out of a completion."""

from __future__ import annotations

from typing import Any

from prompt2model_stages.examples import Pair
from prompt2model_stages.json_numbers import as_text
from prompt2model_stages.teacher.parsing import parse_json

_NOTHING: tuple[Pair, ...] = ()


def read_examples(text: str) -> tuple[Pair, ...]:
    """The whole examples in a completion, in its order: {"examples": [...]}, a bare list, or one bare example.

    Prose and fences around the JSON are passed over. What was cut in the middle is left out: half an output is a wrong
    label. Empty inputs and outputs are returned too, so that they can be counted.
    """
    try:
        tree = parse_json(text)
    except ValueError:
        return _NOTHING
    if isinstance(tree, dict) and isinstance(tree.get("examples"), list):
        tree = tree["examples"]
    items = tree if isinstance(tree, list) else [tree]
    return tuple(pair for item in items if (pair := _pair(item)) is not None)


def _pair(item: Any) -> Pair | None:
    if not isinstance(item, dict) or "input" not in item or "output" not in item:
        return None
    return Pair(as_text(item["input"]), as_text(item["output"]))
