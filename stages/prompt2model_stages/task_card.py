"""card.json: what the service says of its task, in its author's words. evaluate writes it beside the golden requests."""

from __future__ import annotations

from typing import Any

from prompt2model_stages.stage_files import DiscoveredTask

CARD = "card.json"


def task_card(task: DiscoveredTask) -> dict[str, Any]:
    """The instruction as it was written, its language, the demonstrations.

    Args:
        task: discover's task.json.
    """
    # The language is that of the original; a task that was only given in English has no other text.
    return {
        "format": 1,
        "instruction": task.original_instruction or task.instruction,
        "language": task.language,
        "demonstrations": [one.dump() for one in task.demonstrations],
    }
