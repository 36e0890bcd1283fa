"""Sets a field in a JSON file, which stays JSON; its other characters stay as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from yaml.nodes import MappingNode

from prompt2model_stages.choosing.edit_places import found, resource

INDENT = 2


def is_json(text: str) -> bool:
    """Whether the text is one JSON object: a program that reads JSON alone may read it too."""
    try:
        return isinstance(json.loads(text.removeprefix("\ufeff")), dict)
    except ValueError:
        return False


def with_json_field(text: str, path: Sequence[str], value: Any) -> str:
    """The text with the field set. JSON is YAML, so PyYAML says where values begin and end.

    Raises: NotEditableError, yaml.YAMLError.
    """
    root = resource(text)
    place, rest = found(root, path)
    for name in reversed(rest):
        value = {name: value}
    if place.key is not None and place.value is not None:
        start, end, column = place.value.start_mark.index, place.value.end_mark.index, place.key.start_mark.column
        return text[:start] + _dumped(text, root, value, column) + text[end:]
    mapping = place.mapping
    if not mapping.value:
        start, end, column = (
            mapping.start_mark.index,
            mapping.end_mark.index,
            _indent_at(text, mapping.start_mark.index),
        )
        return text[:start] + _dumped(text, root, {place.name: value}, column) + text[end:]
    key, last = mapping.value[-1]
    end, column = last.end_mark.index, key.start_mark.column
    in_lines = not text[key.start_mark.index - column : key.start_mark.index].strip()
    between = f",{_newline(text)}{' ' * column}" if in_lines else ", "
    return f"{text[:end]}{between}{json.dumps(place.name)}: {_dumped(text, root, value, column)}{text[end:]}"


def _dumped(text: str, root: MappingNode, value: Any, column: int) -> str:
    """The value as the file has its values: in lines, or all in one."""
    indent = root.value[0][0].start_mark.column if root.start_mark.line != root.end_mark.line else None
    if indent is None:
        return json.dumps(value, ensure_ascii=False)
    lines = json.dumps(value, ensure_ascii=False, indent=indent or INDENT).split("\n")
    return f"{_newline(text)}{' ' * column}".join(lines)


def _indent_at(text: str, index: int) -> int:
    """Spaces at the start of a line."""
    line = text[text.rfind("\n", 0, index) + 1 : index]
    return len(line) - len(line.lstrip(" "))


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
