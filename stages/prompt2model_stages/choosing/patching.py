"""Fields of a resource in a cluster as a merge patch, and what the resource is after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prompt2model_api.results import Choice
from prompt2model_stages.choosing.picking import CHOICE_PATH, Fields

Tree = dict[str, Any]


def patch_of(fields: Fields, version: str | None = None) -> Tree:
    """The merge patch: a choice takes the place of another one whole, so what it does not have is removed.

    Args:
        fields: to set.
        version: the resourceVersion that it is for; the API server refuses it for any other. None: for any.
    """
    tree: Tree = {"metadata": {"resourceVersion": version}} if version else {}
    for path, value in fields.items():
        empty = {info.alias or name: None for name, info in Choice.model_fields.items()} if path == CHOICE_PATH else {}
        put(tree, path, {**empty, **value} if path == CHOICE_PATH else value)
    return tree


def put(tree: Tree, path: Sequence[str], value: Any) -> None:
    """Sets one field."""
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def value_at(tree: Any, path: Sequence[str]) -> Any:
    """One field; None where it is not there."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def merged(tree: Any, patch: Any) -> Any:
    """RFC 7386, as the API server does it."""
    if not isinstance(patch, dict):
        return patch
    found = dict(tree) if isinstance(tree, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found
