"""Columns as the teacher proposes them: one request with the columns' types and a few rows."""

from __future__ import annotations

import json
from collections.abc import Sequence

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.texts import cut
from prompt2model_stages.discover.asking import Asks, asked
from prompt2model_stages.discover.columns.checking import Proposal
from prompt2model_stages.discover.columns.schema import Column, columns_of, table_of
from prompt2model_stages.errors import StageError
from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.prepare.tables.class_names import named
from prompt2model_stages.prepare.textualizing import text_of
from prompt2model_stages.teacher.parsing import parse_json
from prompt2model_stages.teacher.requests import TeacherRequest

TEACHER = "Teacher"
ROWS = 5
MOST_COLUMNS = 32
SHOWN = 5000
"""Characters of rows in a request; each cell gets an equal part."""
CELL = 200
ANSWER_TOKENS = 192


async def ask_for_columns(
    teacher: Asks, read: FirstRows, instruction: str, demonstrations: Sequence[Demonstration]
) -> Proposal | str:
    """The teacher's proposal, or why there is none. Raises: StageError of the teacher."""
    columns = columns_of(read)[:MOST_COLUMNS]
    if len(columns) < 2:
        return "there are fewer than two columns"
    request = TeacherRequest(
        purpose="columns",
        messages=[{"role": "user", "content": _question(read, columns, instruction, demonstrations)}],
        temperature=0.0,
        max_tokens=ANSWER_TOKENS,
        schema=_schema([column.path for column in columns]),
    )
    try:
        return proposal_of(await asked(teacher, request))
    except ValueError as error:
        return str(error)


def proposal_of(answer: str) -> Proposal:
    """The proposal in an answer. Raises: ValueError, where it has none."""
    try:
        tree = parse_json(answer)
    except ValueError as error:
        raise ValueError("the teacher's answer is no JSON") from error
    inputs, output = (tree.get("input"), tree.get("output")) if isinstance(tree, dict) else (None, None)
    if inputs == [] and output in (None, ""):
        raise ValueError("the teacher says that no columns serve")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(one, str) for one in [*inputs, output]):
        raise ValueError("the teacher's answer does not name input columns and an output column")
    return Proposal(TEACHER, tuple(dict.fromkeys(inputs)), str(output))


def _question(
    read: FirstRows, columns: Sequence[Column], instruction: str, demonstrations: Sequence[Demonstration]
) -> str:
    shown = "".join(f"Input: {cut(d.input, 200)}\nOutput: {cut(d.output, 200)}\n\n" for d in demonstrations[:2])
    types = "\n".join(f"{column.path}: {column.type}{_labels(column)}" for column in columns)
    form = json.dumps({"input": ["question", "context"], "output": "answers.text"})
    return (
        f"A small model is to be trained for this task:\n\n{instruction[:2000]}\n\n{shown}"
        f"These are the columns of the dataset {read.name} and its first rows.\n\n{types}\n\n{_rows(read, columns)}\n\n"
        "Which columns make the input of the task, and which one is its output? Name no column as input that has the output "
        f'in it, no ids and no addresses. Answer in JSON, such as {form}, or {{"input": [], "output": ""}} where none serve.'
    )


def _labels(column: Column) -> str:
    return f" ({cut(', '.join(column.labels), 200)})" if column.labels else ""


def _rows(read: FirstRows, columns: Sequence[Column]) -> str:
    table = table_of(read)
    room = min(CELL, max(16, SHOWN // (ROWS * len(columns))))
    lines = []
    for row in read.rows[:ROWS]:
        cells = {}
        for column in columns:
            try:
                value = text_of(named(table.cell(row, column.path), column.path, table.labels))
            except (ValueError, StageError):
                value = ""
            cells[column.path] = cut(value, room)
        lines.append(json.dumps(cells, ensure_ascii=False))
    return "\n".join(lines)


def _schema(paths: Sequence[str]) -> dict[str, object]:
    inputs = {"type": "array", "items": {"type": "string", "enum": list(paths)}, "maxItems": len(paths)}
    return {
        "type": "object",
        "properties": {"input": inputs, "output": {"type": "string", "enum": [*paths, ""]}},
        "required": ["input", "output"],
        "additionalProperties": False,
    }
