"""Sets fields in a YAML file and leaves every other character as it is: comments, order, quotes, line ends.

PyYAML says where each value begins and ends; the text in between is replaced. What comes out is read again, and an edit that
would change anything else is refused. A file that is JSON stays JSON (json_edit).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from prompt2model_api.loading import SpecError
from prompt2model_api.yaml_text import YamlError, documents
from prompt2model_stages.choosing.edit_places import NotEditableError, Place, at, found, meant, resource, tree_of
from prompt2model_stages.choosing.json_edit import is_json, with_json_field
from prompt2model_stages.choosing.yaml_comments import comments_in
from prompt2model_stages.choosing.yaml_writing import flow, rendered


def with_fields(text: str, fields: Mapping[tuple[str, ...], Any], origin: str) -> str:
    """The text with these fields of its Prompt2Model set.

    Args:
        text: of a file that holds one Prompt2Model, in YAML or JSON.
        fields: values by path, such as ("spec", "student", "name").
        origin: the file's name, for messages.

    Raises: SpecError where the file is written in a way in which this cannot be done, with the lines to write by hand.
    """
    edited, set_field = text, with_json_field if is_json(text) else _with_field
    try:
        for path, value in fields.items():
            edited = set_field(edited, path, value)
        right = documents(edited) == meant(documents(text), fields) and is_json(edited) == is_json(text)
        right = right and not Counter(_comments(text)) - Counter(_comments(edited))
    except (YamlError, yaml.YAMLError, NotEditableError):
        right = False
    if not right:
        lines = rendered(tree_of(fields))
        raise SpecError(f"{origin}: it uses anchors or a form that cannot be edited here. Write this by hand:\n{lines}")
    return edited


def _with_field(text: str, path: Sequence[str], value: Any) -> str:
    """Where a mapping takes the place of one in lines, key by key, so that comments between them stay."""
    there, old = at(text, path)
    if there and old == value:
        return text
    place, rest = found(resource(text), path)
    inner = _nested(rest, value)
    if place.key is None or place.value is None:
        return _inserted(text, place.mapping, place.name, inner)
    in_lines = isinstance(place.value, MappingNode) and not place.value.flow_style
    if rest or not in_lines or not isinstance(value, Mapping) or not value or not isinstance(old, Mapping):
        return _replaced(text, place, inner)
    for name, one in value.items():
        text = _with_field(text, [*path, name], one)
    for name in old:
        text = text if name in value else _removed(text, [*path, name])
    return text


def _inserted(text: str, mapping: MappingNode, name: str, value: Any) -> str:
    """With a new last key."""
    newline = _newline(text)
    if not mapping.value:  # `{}`: an empty mapping has no other form
        start, end = mapping.start_mark.index, mapping.end_mark.index
        opened, margin = text[start : text.find("{", start, end) + 1], newline + " " * (mapping.start_mark.column + 1)
        kept = "".join(margin + comment for comment in comments_in(text, start, end))
        return text[:start] + opened + (kept and kept + margin) + flow({name: value})[1:] + text[end:]
    last = mapping.value[-1][1]
    end = _end(last)
    if mapping.flow_style:
        return text[:end] + ", " + flow({name: value})[1:-1] + text[end:]
    lines = _block({name: value}, mapping.value[0][0].start_mark.column, newline)
    cut = _before_last(text, mapping) if _is_cut_off(text, last) else _past(text, end)
    before, after = text[:cut], text[cut:]
    if before.endswith("\n"):  # a text of several lines ends with its line
        return f"{before}{lines}{newline}{after}"
    return f"{before}{newline}{lines}{after if after else newline}"


def _replaced(text: str, place: Place, value: Any) -> str:
    """With another value of a key. A comment behind the old value stays there; those inside of it go before the key."""
    assert place.key is not None
    assert place.value is not None
    start, end, column = place.key.start_mark.index, _end(place.value), place.key.start_mark.column
    if end < start:
        raise NotEditableError
    newline, comments = _newline(text), comments_in(text, start, end)
    if place.mapping.flow_style:
        kept = newline.join(["", *(" " * column + comment for comment in comments), " " * column]) if comments else ""
        return text[:start] + kept + flow({place.name: value})[1:-1] + text[end:]
    kept = "".join(f"{comment}{newline}{' ' * column}" for comment in comments)
    behind = newline if end > start and text[end - 1] == "\n" else ""
    lines = _block({place.name: value}, column, newline).lstrip(" ")
    return text[:start] + kept + lines + behind + text[end:]


def _removed(text: str, path: Sequence[str]) -> str:
    """Without the lines of a key, the last of its mapping never being removed; their comments stay as lines."""
    place, _ = found(resource(text), path)
    if place.key is None or place.value is None:
        raise NotEditableError
    start, column = place.key.start_mark.index, place.key.start_mark.column
    end = _past(text, max(_end(place.value), place.key.end_mark.index))
    line = start - column
    if text[line:start].strip() or line < 0:
        raise NotEditableError
    kept = "".join(f"{' ' * column}{comment}{_newline(text)}" for comment in comments_in(text, start, end))
    rest = text[end:]
    if not text[:end].endswith("\n"):  # the line's own end goes as well
        rest = rest.removeprefix("\r").removeprefix("\n")
    return text[:line] + kept + rest


def _end(node: Node) -> int:
    """Where the value ends; a mapping in lines ends, for PyYAML, where the next thing begins."""
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _comments(text: str) -> list[str]:
    return comments_in(text, 0, len(text))


def _is_cut_off(text: str, node: Node) -> bool:
    """Whether the value ends in a `|` or `>` text whose last line has no end: with one, the text itself would have one more."""
    while isinstance(node, CollectionNode) and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return isinstance(node, ScalarNode) and node.style in ("|", ">") and not text[: node.end_mark.index].endswith("\n")


def _before_last(text: str, mapping: MappingNode) -> int:
    """Where the last key of a mapping in lines begins, with the comments above it."""
    if len(mapping.value) > 1:
        return _past(text, _end(mapping.value[-2][1]))
    start = text.rfind("\n", 0, mapping.start_mark.index) + 1
    while (above := text.rfind("\n", 0, max(start - 1, 0)) + 1) < start and _is_comment(text[above:start]):
        start = above
    return start


def _is_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _past(text: str, end: int) -> int:
    """The end of the line in which a value ends; a text of several lines ends behind its line."""
    if end and text[end - 1] == "\n":
        return end
    newline = text.find("\n", end)
    line_end = len(text) if newline < 0 else newline
    return line_end - 1 if line_end > end and text[line_end - 1] == "\r" else line_end


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _block(tree: Mapping[str, Any], column: int, newline: str) -> str:
    return newline.join(" " * column + line for line in rendered(tree).split("\n"))


def _nested(path: Sequence[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value
