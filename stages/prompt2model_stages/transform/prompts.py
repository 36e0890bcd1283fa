"""What the teacher is asked: a plan once, then each row. All wording is here.

Source: Gandhi et al. 2024, Better Synthetic Data by Retrieving and Transforming Existing Datasets (DataTune), section 3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.prompts import LONGEST, Messages, example_tokens
from prompt2model_stages.transform.base import USED, Refusal

DEMONSTRATIONS_SHOWN = 5
CHARACTERS_SHOWN = 6_000
"""Of all demonstrations in a prompt together; at least one is shown whatever its length."""
SAMPLE = 5
"""Rows that the plan is made from."""
ROW_SHOWN = 1_500
"""Characters of an input or an output of such a row: the plan is about the form, not about the whole text."""
PLAN_TOKENS = 800
OVERHEAD = 80
"""Tokens of braces, keys and a reason around a rewritten row."""
BYTES_PER_TOKEN = 2
"""Rather too few: an answer that is cut is lost."""

ROW_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "refused": {"type": "string", "enum": [USED, *Refusal]},
        "why": {"type": "string"},
        "input": {"type": "string"},
        "output": {"type": "string"},
    },
    "required": ["refused", "why", "input", "output"],
    "additionalProperties": False,
}
"""The form of the answer to a row: a pair, or a refusal with its reason. The decision stands before what it is about."""

_SYSTEM = (
    "You turn rows of an existing dataset into examples of another task, from which a small model learns that task."
)
_REFUSALS = (
    f'"{Refusal.UNRELATED}" where the row has nothing that an example of the task could be made of, '
    f'"{Refusal.INCOMPLETE}" where it lacks what the output needs, '
    f'"{Refusal.UNCLEAR}" where you cannot be sure that the output is right, '
    f'"{Refusal.LANGUAGE}" where it is in a language that the task does not have, '
    f'"{Refusal.OTHER}" for anything else'
)


def ask_plan(task: Task, sample: Sequence[Pair]) -> Messages:
    """Asks for one plan for all rows of a dataset.

    Args:
        task: instruction and demonstrations.
        sample: rows as they are; the first few are shown, long ones cut.
    """
    rows = "\n".join(_json(Pair(_cut(row.input), _cut(row.output))) for row in sample[:SAMPLE])
    wish = (
        "Write a plan with which each row of the dataset can be turned into an example of the task: what of a row becomes "
        "the input, how the output is made from what the row says, and in what form both are. Say which rows are of no use "
        "for the task. The facts must come from the row. Answer with the plan alone: at most eight short numbered steps."
    )
    return [
        _message("system", _SYSTEM),
        _message("user", "\n\n".join([*_task(task), f"Some rows of the dataset:\n{rows}", wish])),
    ]


def ask_row(task: Task, plan: str, row: Pair) -> Messages:
    """Asks for one row in the task's form, or for a refusal. plan: empty where there is none."""
    wish = (
        "Turn this row into one example of the task: an input that a real user might send, and the output that the task "
        "demands for it, in the form of the author's examples. Keep to the facts of the row and invent none. "
        f'Answer with JSON alone: {{"refused": "{USED}", "why": "", "input": "...", "output": "..."}}. '
        "A wrong example does more harm than none. Where no right one can be made, leave input and output empty, say in a few "
        f"words why, and write as refused: {_REFUSALS}."
    )
    parts = [*_task(task), *([f"The plan for all rows:\n{plan}"] if plan else []), f"The row:\n{_json(row)}", wish]
    return [_message("system", _SYSTEM), _message("user", "\n\n".join(parts))]


def ask_again(messages: Sequence[Mapping[str, str]], answer: str) -> Messages:
    """Asks again about a row after an answer whose `refused` cannot be read."""
    words = ", ".join(f'"{word}"' for word in (USED, *Refusal))
    wish = (
        f'In this answer, "refused" is none of {words}. Answer again with the same JSON: write "{USED}" there if the '
        "example is right, else the word that says why not."
    )
    return [*map(dict, messages), _message("assistant", answer), _message("user", wish)]


def row_tokens(task: Task, row: Pair) -> int:
    """Tokens allowed to a rewritten row: as much as a long example of the task, or the row and half as much again."""
    size = len(f"{row.input}{row.output}".encode()) // BYTES_PER_TOKEN
    return min(LONGEST, max(example_tokens(task), size) + OVERHEAD)


def _task(task: Task) -> list[str]:
    """The parts of a prompt that say what the task is."""
    shown: list[str] = []
    left = CHARACTERS_SHOWN
    for pair in task.demonstrations[:DEMONSTRATIONS_SHOWN]:
        left -= len(pair.input) + len(pair.output)
        if left >= 0 or not shown:
            shown.append(_json(pair))
    parts = [f"The task:\n{task.instruction.strip()}"]
    return [*parts, "Examples by the task's author, all of them right:\n" + "\n".join(shown)] if shown else parts


def _cut(text: str) -> str:
    return text if len(text) <= ROW_SHOWN else f"{text[:ROW_SHOWN]}…"


def _json(pair: Pair) -> str:
    return json.dumps({"input": pair.input, "output": pair.output}, ensure_ascii=False)


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
