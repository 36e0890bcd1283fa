"""The tree of types, as it stands in YAML: which fields a type has, and which type lies below a field."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from prompt2model_api.base import Model


def fields_of(model: type[Model]) -> dict[str, FieldInfo]:
    """The fields by their names in YAML, in the order in which they are declared."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def model_below(field: FieldInfo) -> type[Model] | None:
    """The type below a field, also where it is optional or a list's item; None for plain values and maps."""
    return next(_models(field.annotation), None)


def models_in(model: type[Model]) -> dict[str, type[Model]]:
    """The type and all types below it, by name."""
    found: dict[str, type[Model]] = {}
    waiting = [model]
    while waiting:
        one = waiting.pop()
        if one.__name__ in found:
            continue
        found[one.__name__] = one
        waiting += [below for field in one.model_fields.values() if (below := model_below(field))]
    return found


def paths_of(model: type[Model], prefix: str = "") -> Iterator[str]:
    """The path of every field, such as `training.epochs`; list items stand under their list's path."""
    for name, field in fields_of(model).items():
        yield prefix + name
        if (below := model_below(field)) is not None:
            yield from paths_of(below, f"{prefix}{name}.")


def without_nulls(tree: Any, model: type[Model]) -> Any:
    """The tree without the nulls of fields that may be left out: an API server takes them for absent, too."""
    if isinstance(tree, list):
        return [without_nulls(item, model) for item in tree]
    if not isinstance(tree, dict):
        return tree
    fields, kept = fields_of(model), {}
    for name, value in tree.items():
        field = fields.get(name)
        if value is None and field is not None and not field.is_required():
            continue
        below = model_below(field) if field is not None else None
        kept[name] = without_nulls(value, below) if below else value
    return kept


def _models(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def close_to(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if one is near; capitals and underscores do not count."""
    plain = {_plain(one): one for one in names}
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.7)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
