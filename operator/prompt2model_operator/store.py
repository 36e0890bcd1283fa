"""The cluster as last seen: what the watches brought and what the operator itself wrote.

An answer to a write goes in at once, so that the next look does not see the time before it. Older versions of an object
never replace newer ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from prompt2model_operator.kinds import RESOURCE, Kind

Body = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""


def key_of(body: Body) -> Key:
    """An object's key."""
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


def owner_of(body: Body) -> Key | None:
    """The Prompt2Model that an object belongs to, by its label."""
    name = (body["metadata"].get("labels") or {}).get(RESOURCE)
    return (body["metadata"].get("namespace", ""), name) if name else None


class Store:
    """Objects by kind and key, and by the resource that they belong to."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Key, Body]] = defaultdict(dict)
        self._owned: dict[tuple[str, Key], set[Key]] = defaultdict(set)

    def put(self, kind: Kind, body: Body) -> bool:
        """Takes an object in; whether it is newer than what was known."""
        key, objects = key_of(body), self._objects[kind.plural]
        known = objects.get(key)
        if known is not None and _is_same(known, body) and _version(body) <= _version(known):
            return False
        objects[key] = body
        if (owner := owner_of(body)) is not None:
            self._owned[kind.plural, owner].add(key)
        return True

    def drop(self, kind: Kind, body: Body) -> None:
        """Forgets an object, unless another one of its name has come meanwhile."""
        key = key_of(body)
        known = self._objects[kind.plural].get(key)
        if known is None or not _is_same(known, body):
            return
        del self._objects[kind.plural][key]
        if (owner := owner_of(known)) is not None:
            self._owned[kind.plural, owner].discard(key)

    def replace(self, kind: Kind, bodies: Iterable[Body], version: int) -> None:
        """Takes in a whole list: what is not in it is gone, unless it was written after this version of the cluster."""
        found = {key_of(body): body for body in bodies}
        for key, known in list(self._objects[kind.plural].items()):
            if key not in found and _version(known) <= version:
                self.drop(kind, known)
        for body in found.values():
            self.put(kind, body)

    def get(self, kind: Kind, key: Key) -> Body | None:
        """An object; None where there is none."""
        return self._objects[kind.plural].get(key)

    def owned(self, kind: Kind, owner: Key) -> list[Body]:
        """The objects of a kind that belong to a resource, by name."""
        keys = sorted(self._owned.get((kind.plural, owner), ()))
        return [self._objects[kind.plural][key] for key in keys]

    def all(self, kind: Kind) -> Iterator[Body]:
        """Every object of a kind."""
        return iter(list(self._objects[kind.plural].values()))


def _version(body: Body) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)


def _is_same(one: Body, other: Body) -> bool:
    return bool(one["metadata"].get("uid") == other["metadata"].get("uid"))
