"""What the teacher is asked. All wording is here.

A teacher that can write several examples at a time gets one request with everything in it. A weak one is shown a chat
in which it seems to have answered well before, and goes on with it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task

Messages = list[dict[str, str]]

DEMONSTRATIONS_SHOWN = 8
EARLIER_SHOWN = 10
CHARACTERS_SHOWN = 12_000
"""Of all examples in a prompt together; at least one demonstration is shown whatever its length."""
CHARACTERS_IN_CHAT = 2_400
"""The same for a weak teacher, whose context may be 2,048 tokens, the answer included."""
UNKNOWN_LENGTH = 400
"""Tokens allowed to an example where no demonstration says how long one is."""
OVERHEAD = 24
"""Tokens of braces, quotes and keys around an example."""
SHORTEST, LONGEST = 64, 8192
"""Bounds of the tokens allowed to one example."""
ANSWER_TOKENS = 4096
"""Most tokens asked for in one completion of several examples."""

_PAIR: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}, "output": {"type": "string"}},
    "required": ["input", "output"],
    "additionalProperties": False,
}
ONE: dict[str, Any] = _PAIR
"""The form of a completion with one example."""
SEVERAL: dict[str, Any] = {
    "type": "object",
    "properties": {"examples": {"type": "array", "items": _PAIR}},
    "required": ["examples"],
    "additionalProperties": False,
}
"""The form of a completion with several."""


def ask_several(
    task: Task, earlier: Sequence[Pair], count: int, rng: random.Random, characters: int = CHARACTERS_SHOWN
) -> Messages:
    """Asks for `count` new examples in one completion.

    Args:
        task: instruction and demonstrations; a random few are shown.
        earlier: examples that were generated before; a random few are shown.
        count: at least 1.
        rng: decides which are shown.
        characters: of all that are shown; 0: none is.
    """
    demonstrations, before = shown(task, earlier, rng, characters)
    parts = [f"The task:\n{task.shown}"]
    if demonstrations:
        parts.append("Examples by the task's author, all of them right:\n" + _lines(demonstrations))
    if before:
        parts.append("Examples that were written since; some may be wrong:\n" + _lines(before))
    noun = "example" if count == 1 else "examples"
    parts.append(
        f"Write {count} new {noun} of this task. Each input is one that a real user might send, and differs from every "
        "input above in what it says, not in a word or a number alone: vary topic, wording, length and difficulty. "
        "Each output is what the task demands for its input, right, complete, and in the same form as the outputs of "
        f'the author. {_languages(task)}Answer with JSON alone: {{"examples": [{{"input": "...", "output": "..."}}]}}'
    )
    system = "You write data from which a small model learns a task. Right answers and varied questions matter most."
    return [_message("system", system), _message("user", "\n\n".join(parts))]


def ask_one(
    task: Task,
    earlier: Sequence[Pair],
    rng: random.Random,
    turns: int = 6,
    characters: int = CHARACTERS_IN_CHAT,
) -> Messages:
    """Asks for one new example: the chat so far is made of demonstrations and earlier examples.

    The demonstrations stand last, where a weak model takes most notice of them.

    Args:
        task: instruction and demonstrations.
        earlier: examples that were generated before.
        rng: decides which are shown, and in which order.
        turns: most turns shown.
        characters: of all that are shown; 0: none is.
    """
    demonstrations, before = shown(task, earlier, rng, characters)
    before = before[: max(0, turns - min(len(demonstrations), turns // 2))]
    chat = [*before, *demonstrations[: turns - len(before)]]
    system = f"{task.shown}\nWrite one new example of this task each time, as JSON with input and output."
    if languages := _languages(task).strip():
        system += f" {languages}"
    messages = [_message("system", system)]
    for pair in chat:
        messages += [_message("user", "Another example, please."), _message("assistant", _json(pair))]
    return [*messages, _message("user", "Another example, please.")]


def ask_output(task: Task, text: str) -> Messages:
    """Asks for the output of an input: the demonstrations are the chat so far.

    Deterministic, so that the same question has the same key in the journal.
    """
    language = f" Write it in {task.outputs_in}, as the author does." if task.outputs_in else ""
    messages = [_message("system", f"{task.shown}\nAnswer with the output alone.{language}")]
    used = 0
    for pair in task.demonstrations[:DEMONSTRATIONS_SHOWN]:
        used += len(pair.input) + len(pair.output)
        if used > CHARACTERS_IN_CHAT and len(messages) > 1:
            break
        messages += [_message("user", pair.input), _message("assistant", pair.output)]
    return [*messages, _message("user", text)]


def shown(task: Task, earlier: Sequence[Pair], rng: random.Random, characters: int) -> tuple[list[Pair], list[Pair]]:
    """The demonstrations and the earlier examples that a prompt shows, in random order, within so many characters.

    Earlier ones number 1 to EARLIER_SHOWN at random (paper, section 3.3), so that prompts differ in kind too.
    """
    demonstrations = rng.sample(task.demonstrations, min(DEMONSTRATIONS_SHOWN, len(task.demonstrations)))
    wanted = min(rng.randint(1, EARLIER_SHOWN), len(earlier))
    before = [earlier[i] for i in rng.sample(range(len(earlier)), wanted)]
    left = characters
    chosen: tuple[list[Pair], list[Pair]] = ([], [])
    for kind, pairs in enumerate((demonstrations, before)):
        for pair in pairs:
            left -= len(pair.input) + len(pair.output)
            if left >= 0 or (kind == 0 and not chosen[0] and characters > 0):
                chosen[kind].append(pair)
    return chosen


def example_tokens(task: Task) -> int:
    """Tokens allowed to one example: three times the longest demonstration, a token taken as three bytes."""
    longest = max((len(f"{p.input}{p.output}".encode()) for p in task.demonstrations), default=UNKNOWN_LENGTH)
    return max(SHORTEST, min(LONGEST, longest + OVERHEAD))


def output_tokens(task: Task) -> int:
    """Tokens allowed to an output alone, by the same measure."""
    longest = max((len(p.output.encode()) for p in task.demonstrations), default=UNKNOWN_LENGTH)
    return max(SHORTEST // 2, min(LONGEST, longest + OVERHEAD // 2))


def _languages(task: Task) -> str:
    """Which languages the examples are in, as a sentence with a space behind it; empty where nothing has to be said."""
    if not task.inputs_in and not task.outputs_in:
        one = task.written_in
        if not one or task.demonstrations:  # they may be in another one than the instruction, and show it
            return ""
        return f"The task is in {one}: write in {one}, too, where it asks for no other language. "
    if task.inputs_in == task.outputs_in:
        said = f"inputs and outputs in {task.inputs_in}"
    else:
        named = (("each input", task.inputs_in), ("each output", task.outputs_in))
        said = " and ".join(f"{what} in {language}" for what, language in named if language)
    return f"Write {said}, as the author does. "


def _lines(pairs: Sequence[Pair]) -> str:
    return "\n".join(_json(pair) for pair in pairs)


def _json(pair: Pair) -> str:
    return json.dumps({"input": pair.input, "output": pair.output}, ensure_ascii=False)


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
