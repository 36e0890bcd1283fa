"""card.json: what the service says of its task, in its author's words. evaluate writes it beside the golden requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CARD = "card.json"


def task_card(task: Mapping[str, Any]) -> dict[str, Any]:
    """The instruction as it was written, its language, the demonstrations.

    Args:
        task: discover's task.json.
    """
    original = task.get("originalInstruction")
    # The language is that of the original; a task that was only given in English has no other text.
    return {
        "format": 1,
        "instruction": original or task["instruction"],
        "language": task.get("language") or "",
        "demonstrations": [{"input": one["input"], "output": one["output"]} for one in task.get("demonstrations", [])],
    }
