"""Chat rows: OpenAI's fine-tuning form (`messages`: role, content) and ShareGPT's (`conversations`: from, value).

A conversation becomes columns: `input`, the last user's turn that was answered; `output`, that answer; `system`; and
`history`, the turns before as lines of `role: text`. docs/decisions/0026 says why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prompt2model_stages.prepare.tables.table import MalformedError, Table

COLUMNS = ("messages", "conversations", "conversation")
DERIVED = ("system", "history", "input", "output")
ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt", "ai"), "assistant"),
    **dict.fromkeys(("tool", "function", "function_call", "observation", "tool_call", "tool_response"), "tool"),
}


@dataclass(frozen=True)
class _Turn:
    role: str
    text: str
    trained: bool = True


def is_chat(row: Mapping[str, Any]) -> bool:
    """Whether the row holds a conversation."""
    return _column(row) is not None


def read_chat(table: Table, wanted: Sequence[str]) -> Table:
    """The table with the columns of its conversations; as it is where it has none, or the wanted columns already.

    Raises: MalformedError with the row and how many there are.
    """
    if all(table.has(column) for column in wanted) or not table.rows:
        return table
    column = _column(table.rows[0])
    if column is None or column in table.twice:
        return table
    found = [_read(row.get(column), number) for number, row in enumerate(table.rows, start=1)]
    rows = [{**row, **values} for row, values in zip(table.rows, found, strict=True)]
    systems = {str(values["system"]) for values in found}
    if len(systems) > 1 and "system" not in wanted:
        raise MalformedError(
            f"has conversations with {len(systems)} different system messages, on which the answers may depend",
            "Name the column system in inputColumns: [system, input]; or write the same message into all rows.",
        )
    notes = [f"it holds conversations ({column}): input is the last user's turn, output the assistant's answer to it"]
    if longer := sum(1 for values in found if values["history"]):
        notes.append(
            f"{longer} of {len(rows)} conversations have turns before, which "
            + (
                "are in history"
                if "history" in wanted
                else "are left out: inputColumns: [history, input] takes them in"
            )
        )
    if cut := sum(1 for row in table.rows if _ends_unanswered(row.get(column))):
        notes.append(
            f"{cut} of {len(rows)} conversations end with a turn that nobody answered: the answered one before counts"
        )
    columns = tuple(dict.fromkeys((*table.columns, *DERIVED)))
    return replace(table, columns=columns, rows=rows, notes=(*table.notes, *notes))


def _column(row: Mapping[str, Any]) -> str | None:
    for column in COLUMNS:
        messages = _list(row.get(column))
        if messages and all(isinstance(m, dict) and ({"role", "content"} <= m.keys() or "from" in m) for m in messages):
            return column
        if messages and isinstance(messages[0], dict) and ("role" in messages[0] or "from" in messages[0]):
            return column
    return None


def _list(value: Any) -> list[Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("["):  # CSV and some Parquet files hold it as text
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def _read(value: Any, number: int) -> dict[str, str | None]:
    messages = _list(value)
    if messages is None:
        raise MalformedError(f"has no conversation in row {number}", "Give each row its messages, or remove the row.")
    turns = _joined([_turn(message, number) for message in messages])
    system = "\n".join(turn.text for turn in turns if turn.role == "system")
    turns = [turn for turn in turns if turn.role != "system"]
    last = max((at for at, turn in enumerate(turns) if turn.role == "assistant" and turn.trained), default=None)
    if last is None or last == 0 or (turns[-1].role == "user" and last != len(turns) - 2):
        # Nobody answered, or the answer answers nothing: no example.
        return {"system": system, "history": "", "input": "", "output": ""}
    if turns[-1].role == "user":
        turns = turns[:-1]  # a question that nobody answered stands at the end
    before = turns[last - 1]
    if before.role != "user":
        raise MalformedError(
            f"has a conversation (row {number}) whose answer follows what a tool said",
            "Remove conversations with tools: a student sees a text alone.",
        )
    history = "\n".join(f"{turn.role}: {turn.text}" for turn in turns[: last - 1])
    return {"system": system, "history": history, "input": before.text, "output": turns[last].text}


def _ends_unanswered(value: Any) -> bool:
    """Whether the user has the last word, or an answer that must not be learnt (weight 0)."""
    last = (_list(value) or [{}])[-1]
    role = ROLES.get(str(last.get("role", last.get("from"))).strip().lower())
    return role == "user" or (role == "assistant" and last.get("weight") == 0)


def _turn(message: Any, number: int) -> _Turn:
    if not isinstance(message, dict):
        raise MalformedError(f"has a message in row {number} that is no object", "Write role and content.")
    said = message.get("role", message.get("from"))
    role = ROLES.get(str(said).strip().lower())
    if role is None:
        raise MalformedError(
            f"has a message in row {number} with the role {str(said)[:40]}", "Use system, user and assistant."
        )
    if message.get("tool_calls") or message.get("function_call"):
        role = "tool"
    content = message.get("content", message.get("value"))
    return _Turn(role, _text(content, number), message.get("weight") != 0)


def _text(content: Any, number: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, list) and all(isinstance(part, dict) and _part(part) is not None for part in content):
        return "\n".join(str(_part(part)) for part in content).strip()
    raise MalformedError(
        f"has a message in row {number} that is not text alone, but holds images or the like", "Remove such rows."
    )


def _part(part: Mapping[str, Any]) -> Any:
    return part.get("text") if part.get("type", "text") in ("text", "input_text", "output_text") else None


def _joined(turns: Sequence[_Turn]) -> list[_Turn]:
    """What one speaker says in several messages is one turn."""
    joined: list[_Turn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role and joined[-1].trained == turn.trained:
            joined[-1] = replace(turn, text=f"{joined[-1].text}\n{turn.text}".strip())
        else:
            joined.append(turn)
    return joined
