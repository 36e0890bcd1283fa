"""The columns of a dataset and the fields of nested ones, each with a type that a person and a teacher understand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.tables.class_names import class_names_of

DEPTH = 4
"""Levels of nested columns whose fields are listed."""
TEXT = ("string", "large_string", "string_view")
LABEL = "class label"
LIST = "list of "
_NUMERIC = re.compile(r"u?int\d|float|double|decimal|bool")
"""How Arrow's types of numbers begin."""


@dataclass(frozen=True)
class Column:
    """A column, or a field of a nested one: `answers.text`.

    type: as the hub writes it (string, int64, ...), `class label`, or a list of these.
    labels: the names of the classes.
    """

    path: str
    type: str
    labels: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether it holds texts, or lists of them."""
        return self.type.removeprefix(LIST) in TEXT

    @property
    def is_label(self) -> bool:
        """Whether it holds one of a closed set of classes."""
        return self.type == LABEL

    @property
    def says_something(self) -> bool:
        """Whether it holds texts or classes, or lists of them: what an input or an output is made of."""
        return self.is_text or self.type.removeprefix(LIST) == LABEL

    @property
    def is_numeric(self) -> bool:
        """Whether it holds numbers, or yes or no, or lists of them: scores, classes by their ids."""
        return _NUMERIC.match(self.type.removeprefix(LIST)) is not None


def columns_of(read: FirstRows) -> list[Column]:
    """The columns that can be read, those of nested ones by their paths, in the dataset's order."""
    features = {name: feature for name, feature in read.features.items() if name not in read.left_out}
    return [column for name, feature in features.items() for column in _walk(name, feature)]


def table_of(read: FirstRows) -> Table:
    """The rows as prepare will see them, so that what is checked is what will be trained on."""
    return Table(read.name, read.columns, read.rows, class_names_of(read.features))


def _walk(path: str, feature: Any, depth: int = DEPTH, inside: str = "") -> Iterator[Column]:
    if isinstance(feature, list):
        feature = {"_type": "List", "feature": feature[0]} if feature else {}
    if not isinstance(feature, Mapping) or not depth:
        return
    match feature.get("_type"):
        case "Value":
            yield Column(path, inside + str(feature.get("dtype", "")))
        case "ClassLabel":
            yield Column(path, inside + LABEL, tuple(class_names_of({path: feature}).get(path, ())))
        case "Translation":
            yield from (Column(f"{path}.{code}", "string") for code in feature.get("languages") or ())
        case str():
            yield from _walk(path, feature.get("feature"), depth - 1, LIST)
        case _:
            for name, inner in feature.items():
                yield from _walk(f"{path}.{name}", inner, depth - 1, inside)
