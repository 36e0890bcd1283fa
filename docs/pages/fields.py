"""The page of every field of a Prompt2Model, from the types and the stage graph."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from docs.pages.tables import code, page, table
from prompt2model_api.base import Model
from prompt2model_api.fields import fields_of, model_below
from prompt2model_api.graph import GRAPH
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.stage_run import Stage
from prompt2model_api.status import Prompt2ModelStatus

INTRODUCTION = """\
# Fields

Every field of `spec` and `status` of a `Prompt2Model`. `kubectl explain p2m.spec.training` shows the same descriptions.

**Runs again** names the stages whose digest the field is part of. An edit of such a field runs these stages again, and the
stages after them, where their inputs change. An edit of any other field runs nothing again: limits, budgets, resources,
retries, deadlines and secrets can be changed at any time."""

GATES = {
    "datasets.choice": "transform, prepare",
    "datasets.enabled": "discover, transform, prepare",
    "datasets.transform": "transform, prepare",
    "datasets.selection": "",
    "student.name": "train",
    "student.selection": "",
    "generation.enabled": "prepare",
    "generation.review": "",
    "generation.accepted": "",
}
"""Fields that a gate reads, or that switch a stage off: the stage whose decision or inputs they change."""


@dataclass(frozen=True)
class FieldRow:
    """One field: its path below spec or status."""

    path: str
    type: str
    default: str
    description: str
    runs_again: str


def spec_rows() -> list[FieldRow]:
    """Every field of spec, those of nested types below the field that has them."""
    return list(_rows(Prompt2ModelSpec, "", spec=True))


def status_rows() -> list[FieldRow]:
    """Every field of status."""
    return list(_rows(Prompt2ModelStatus, "", spec=False))


def runs_again(path: str) -> str:
    """The stages whose digest the field, or a field around it, is part of, in the order of the flow."""
    read = [stage for stage, node in GRAPH.items() if any(_within(path, one) for one in node.reads)]
    for around, stages in GATES.items():
        if stages and _within(path, around):
            read += [Stage(name) for name in stages.split(", ")]
    return ", ".join(stage.value for stage in GRAPH if stage in read)


def fields_page() -> str:
    """The whole page: a section for each part of spec, then status."""
    rows, parts = spec_rows(), [INTRODUCTION]
    for name, field in fields_of(Prompt2ModelSpec).items():
        if model_below(field) is None:
            continue
        below = [row for row in rows if row.path == name or row.path.startswith(f"{name}.")]
        parts += [f"## spec.{name}", below[0].description, _table("spec", below[1:])]
    plain = [row for row in rows if "." not in row.path and model_below(fields_of(Prompt2ModelSpec)[row.path]) is None]
    parts[1:1] = ["## spec", _table("spec", plain)]
    states = table(
        ("field", "type", "description"),
        [(code(f"status.{row.path}"), row.type, row.description) for row in status_rows()],
    )
    return page(*parts, "## status", "Written by the operator, whole, whenever it changes.", states)


def _table(root: str, rows: list[FieldRow]) -> str:
    heads = ("field", "type", "default", "description", "runs again")
    return table(
        heads, [(code(f"{root}.{r.path}"), r.type, code(r.default), r.description, r.runs_again or "-") for r in rows]
    )


def _rows(model: type[Model], prefix: str, *, spec: bool) -> Iterator[FieldRow]:
    for name, field in fields_of(model).items():
        path, below = prefix + name, model_below(field)
        again = runs_again(path) if spec and below is None else ""
        yield FieldRow(path, type_name(field.annotation), _default(field), description(field), again)
        if below is not None:
            yield from _rows(below, f"{path}.", spec=spec)


def description(field: FieldInfo) -> str:
    """The field's own, else that of its type."""
    below = model_below(field)
    text = field.description or (below.__doc__ if below is not None else None) or ""
    return " ".join(text.split())


def type_name(annotation: Any) -> str:
    """What a user writes: string, integer, object, one of some words, or a list or map of these."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        (one,) = [argument for argument in arguments if argument is not type(None)]
        return type_name(one)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin is Literal:
        return "one of " + ", ".join(str(argument) for argument in arguments)
    if origin is list:
        return f"list of {_many(type_name(arguments[0]))}"
    if origin is dict:
        return f"map of {_many(type_name(arguments[1]))}"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "one of " + ", ".join(one.value for one in annotation)
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return "object"
    return {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "datetime": "time"}.get(
        getattr(annotation, "__name__", ""), "object"
    )


def _many(name: str) -> str:
    return name if name.startswith(("one of", "list", "map")) else f"{name}s"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default is None:
        return ""
    value = field.default
    return value.value if isinstance(value, StrEnum) else value if isinstance(value, str) else json.dumps(value)


def _within(path: str, around: str) -> bool:
    return path == around or path.startswith(f"{around}.")
