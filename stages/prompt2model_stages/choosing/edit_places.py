"""Where a field of the Prompt2Model stands in the text of a file, and what the file means once it is set."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from prompt2model_api.loading import KIND
from prompt2model_api.yaml_text import documents


class NotEditableError(Exception):
    """The value is an alias of a place elsewhere, or what should be a mapping is none."""


@dataclass(frozen=True)
class Place:
    """A mapping in the text, and the key that leads to what is searched. key, value: None where it is not there."""

    mapping: MappingNode
    name: str
    key: ScalarNode | None
    value: Node | None


def resource(text: str) -> MappingNode:
    """The Prompt2Model among the documents. Raises: NotEditableError."""
    for node in yaml.compose_all(text, yaml.SafeLoader):
        if isinstance(node, MappingNode) and any(
            key.value == "kind" and value.value == KIND for key, value in node.value
        ):
            return node
    raise NotEditableError


def found(mapping: MappingNode, path: Sequence[str]) -> tuple[Place, Sequence[str]]:
    """The place of a path, or of its first part that is not there or null, and the rest of the path below that.

    Raises: NotEditableError where the path leads through an alias, or through something that is no mapping.
    """
    for depth, name in enumerate(path):
        place = _place(mapping, name)
        if place.key is None or place.value is None or depth == len(path) - 1 or is_null(place.value):
            return place, path[depth + 1 :]
        if not isinstance(place.value, MappingNode) or place.value.start_mark.index < place.key.end_mark.index:
            raise NotEditableError
        mapping = place.value
    raise NotEditableError


def at(text: str, path: Sequence[str]) -> tuple[bool, Any]:
    """Whether the field is there, and its value. Raises: YamlError, NotEditableError."""
    value: Any = _of_kind(documents(text.removeprefix("\ufeff")))
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False, None
        value = value[name]
    return True, value


def meant(before: list[Any], fields: Mapping[tuple[str, ...], Any]) -> list[Any]:
    """The documents as they should be, with these fields set."""
    after = copy.deepcopy(before)
    tree = _of_kind(after)
    for path, value in fields.items():
        _set(tree, path, value)
    return after


def tree_of(fields: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """The fields alone, as a tree."""
    tree: dict[str, Any] = {}
    for path, value in fields.items():
        _set(tree, path, value)
    return tree


def is_null(node: Node) -> bool:
    """Whether nothing is written there, or null."""
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _place(mapping: MappingNode, name: str) -> Place:
    for key, value in mapping.value:
        if key.value == name:
            return Place(mapping, name, key, value)
    return Place(mapping, name, None, None)


def _of_kind(trees: list[Any]) -> dict[str, Any]:
    of_kind = (tree for tree in trees if isinstance(tree, dict) and tree.get("kind") == KIND)
    if (tree := next(of_kind, None)) is None:
        raise NotEditableError
    return tree


def _set(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        if tree.get(name) is None:
            tree[name] = {}
        tree = tree[name]
    tree[path[-1]] = value
