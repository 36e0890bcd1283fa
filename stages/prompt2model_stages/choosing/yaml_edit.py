"""Sets fields in a YAML file and leaves every other character as it is: comments, order, quotes, line ends.

PyYAML says where each value begins and ends; the text in between is replaced. What comes out is read again, and an edit that
would change anything else is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from prompt2model_api.loading import KIND, SpecError
from prompt2model_api.yaml_text import YamlError, documents

WIDE = 10**6
"""No line is broken."""


def with_fields(text: str, fields: Mapping[tuple[str, ...], Any], origin: str) -> str:
    """The text with these fields of its Prompt2Model set.

    Args:
        text: of a file that holds one Prompt2Model.
        fields: values by path, such as ("spec", "student", "name").
        origin: the file's name, for messages.

    Raises: SpecError where the file is written in a way in which this cannot be done, with the lines to write by hand.
    """
    edited = text
    try:
        for path, value in fields.items():
            edited = _with_field(edited, path, value)
        right = documents(edited) == _meant(documents(text), fields)
    except (YamlError, yaml.YAMLError, _NotEditableError):
        right = False
    if not right:
        lines = rendered(_tree(fields))
        raise SpecError(f"{origin}: it uses anchors or a form that cannot be edited here. Write this by hand:\n{lines}")
    return edited


def rendered(tree: Mapping[str, Any]) -> str:
    """A tree as lines of YAML."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDE, default_flow_style=None
    )
    return text.rstrip("\n")


class _NotEditableError(Exception):
    """The value is an alias of a place elsewhere, or what should be a mapping is none."""


@dataclass(frozen=True)
class _Place:
    """A mapping in the text, and the key that leads to what is searched. key, value: None where it is not there."""

    mapping: MappingNode
    key: ScalarNode | None
    value: Node | None


def _with_field(text: str, path: Sequence[str], value: Any) -> str:
    mapping = _resource(text)
    for depth, name in enumerate(path):
        place = _found(mapping, name)
        inner = _nested(path[depth + 1 :], value)
        if place.key is None or place.value is None:
            return _inserted(text, mapping, name, inner)
        if depth == len(path) - 1 or _is_null(place.value):
            return _replaced(text, place, name, inner)
        if not isinstance(place.value, MappingNode) or place.value.start_mark.index < place.key.end_mark.index:
            raise _NotEditableError
        mapping = place.value
    raise _NotEditableError


def _resource(text: str) -> MappingNode:
    for node in yaml.compose_all(text, yaml.SafeLoader):
        if isinstance(node, MappingNode) and any(
            key.value == "kind" and value.value == KIND for key, value in node.value
        ):
            return node
    raise _NotEditableError


def _found(mapping: MappingNode, name: str) -> _Place:
    for key, value in mapping.value:
        if key.value == name:
            return _Place(mapping, key, value)
    return _Place(mapping, None, None)


def _inserted(text: str, mapping: MappingNode, name: str, value: Any) -> str:
    """With a new last key."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if not mapping.value:  # `{}`: an empty mapping has no other form
        return text[: mapping.start_mark.index] + _flow({name: value}) + text[mapping.end_mark.index :]
    last = mapping.value[-1][1]
    end = _end(last)
    if mapping.flow_style:
        return text[:end] + ", " + _flow({name: value})[1:-1] + text[end:]
    lines = _block({name: value}, mapping.value[0][0].start_mark.column, newline)
    at = end if end and text[end - 1] == "\n" else _line_end(text, end)
    before, after = text[:at], text[at:]
    if before.endswith("\n"):  # a text of several lines ends with its line
        return f"{before}{lines}{newline}{after}"
    return f"{before}{newline}{lines}{after if after else newline}"


def _replaced(text: str, place: _Place, name: str, value: Any) -> str:
    """With another value of a key; a comment behind the old value stays."""
    assert place.key is not None
    assert place.value is not None
    start, end = place.key.start_mark.index, _end(place.value)
    if end < start:
        raise _NotEditableError
    if place.mapping.flow_style:
        return text[:start] + _flow({name: value})[1:-1] + text[end:]
    newline = "\r\n" if "\r\n" in text else "\n"
    behind = newline if end > start and text[end - 1] == "\n" else ""
    lines = _block({name: value}, place.key.start_mark.column, newline).lstrip(" ")
    return text[:start] + lines + behind + text[end:]


def _end(node: Node) -> int:
    """Where the value ends; a mapping in lines ends, for PyYAML, where the next thing begins."""
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    end = len(text) if found < 0 else found
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _block(tree: Mapping[str, Any], column: int, newline: str) -> str:
    return newline.join(" " * column + line for line in rendered(tree).split("\n"))


def _flow(tree: Mapping[str, Any]) -> str:
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDE, default_flow_style=True
    )
    return text.strip()


def _nested(path: Sequence[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def _tree(fields: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in fields.items():
        _set(tree, path, value)
    return tree


def _meant(before: list[Any], fields: Mapping[tuple[str, ...], Any]) -> list[Any]:
    after = copy.deepcopy(before)
    resource = next(tree for tree in after if isinstance(tree, dict) and tree.get("kind") == KIND)
    for path, value in fields.items():
        _set(resource, path, value)
    return after


def _set(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        if tree.get(name) is None:
            tree[name] = {}
        tree = tree[name]
    tree[path[-1]] = value


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"


class _Dumper(yaml.SafeDumper):
    """Mappings in lines, lists in one line; every text in quotes that the reader of these files would take for something else."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = bool(self.default_flow_style)
        return node


def _represent_text(dumper: _Dumper, text: str) -> Node:
    try:
        plain = documents(f"a: {text}") == [{"a": text}]
    except YamlError:
        plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _represent_text)
