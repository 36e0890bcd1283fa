"""Class ids and their names, as the `datasets` library describes them: also inside lists and structs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

UNLABELLED = -1
"""The id of rows whose label is withheld, as in many test splits."""


def class_names_in(metadata: bytes | str) -> dict[str, Sequence[str]]:
    """The class names in the metadata that `datasets` writes into Parquet files, by path; none where it is no such."""
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        return {}
    info = found.get("info") if isinstance(found, dict) else None
    return class_names_of(info.get("features") if isinstance(info, dict) else None)


def class_names_of(features: Any) -> dict[str, Sequence[str]]:
    """The names of each column or nested field (`a.b`) that holds class ids.

    Args:
        features: of a dataset, in the form of `datasets.Features.to_dict()`.
    """
    if not isinstance(features, Mapping):
        return {}
    return {path: names for column, feature in features.items() for path, names in _walk(str(column), feature)}


def _walk(path: str, feature: Any) -> Iterator[tuple[str, Sequence[str]]]:
    if isinstance(feature, list):
        for inner in feature[:1]:
            yield from _walk(path, inner)
    elif isinstance(feature, Mapping):
        kind = feature.get("_type")
        if kind == "ClassLabel":
            if names := _names(feature.get("names")):
                yield path, names
        elif isinstance(kind, str):
            yield from _walk(path, feature.get("feature"))
        else:
            for name, inner in feature.items():
                yield from _walk(f"{path}.{name}", inner)


def _names(names: Any) -> list[str]:
    if isinstance(names, Mapping):  # a dataset card's form: by id
        return [str(names[key]) for key in sorted(names, key=int)]
    return [str(name) for name in names] if isinstance(names, list) else []


def named(value: Any, path: str, labels: Mapping[str, Sequence[str]]) -> Any:
    """The value with each class id at or below the path replaced by its name; None for a withheld label.

    Raises: ValueError for an id that no class has.
    """
    if isinstance(value, list | tuple):
        return [named(item, path, labels) for item in value]
    if isinstance(value, dict):
        return {key: named(item, f"{path}.{key}", labels) for key, item in value.items()}
    names = labels.get(path)
    if names is None or isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, float):
        if value != value:
            return None
        if not value.is_integer():
            raise ValueError(f"the class id {value}")
    if not isinstance(value, int | float):
        return value
    number = int(value)
    if number != UNLABELLED and not 0 <= number < len(names):
        raise ValueError(f"the class id {number}, and there are {len(names)} classes")
    return None if number == UNLABELLED else names[number]
