"""The page of every value of the chart: from values.yaml with its comments, and the operator's settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from docs.pages.fields import description
from docs.pages.tables import code, page, table
from prompt2model_api.base import Model
from prompt2model_api.fields import fields_of, model_below
from prompt2model_operator.settings import Settings

CHART = Path(__file__).parents[2] / "charts" / "prompt2model"
INTRODUCTION = """\
# Chart values

Every value of the chart `prompt2model`, with its default. `helm install ... -f my-values.yaml` or `--set` changes them; a
value that is not on this page is refused. Quantities are strings: `cpu: "4"`."""


@dataclass(frozen=True)
class Value:
    """One value: its path, its default as YAML, and what the comment above it says."""

    path: str
    default: str
    description: str


def values() -> list[Value]:
    """The leaves of values.yaml; `settings` is described by the operator's types instead."""
    text = (CHART / "values.yaml").read_text("utf-8")
    root = yaml.compose(text)
    return list(_leaves(root, "", text.splitlines()))


def settings() -> list[Value]:
    """The leaves of `settings` that the chart's other values do not say."""
    allowed = set(_settings_schema()["properties"])
    return [value for value in _settings(Settings, "settings.") if value.path.split(".")[1] in allowed]


def chart_values_page() -> str:
    """The whole page."""
    heads = ("value", "default", "description")
    main = table(heads, [(code(v.path), code(v.default), v.description) for v in values()])
    told = table(heads, [(code(v.path), code(v.default), v.description) for v in settings()])
    return page(INTRODUCTION, main, "## settings", "What the operator is told beside these, under `settings`.", told)


def _settings_schema() -> dict[str, Any]:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    found: dict[str, Any] = schema["$defs"]["Settings"]
    return found


def _leaves(node: Any, prefix: str, lines: list[str]) -> Iterator[Value]:
    for key, value in node.value:
        path = prefix + key.value
        if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style and key.value != "resources":
            yield from _leaves(value, f"{path}.", lines)
        elif path != "settings":
            default = yaml.safe_load(yaml.serialize(value))
            yield Value(path, "" if default == "" else json.dumps(default), _comment(lines, key.start_mark.line))


def _comment(lines: list[str], at: int) -> str:
    """The comment lines straight above a key, as one text."""
    found: list[str] = []
    while at > 0 and lines[at - 1].strip().startswith("#"):
        at -= 1
        found.insert(0, lines[at].strip().removeprefix("#").strip())
    return " ".join(found)


def _settings(model: type[Model], prefix: str) -> Iterator[Value]:
    for name, field in fields_of(model).items():
        below = model_below(field)
        told = description(field)
        if below is None:
            yield Value(prefix + name, json.dumps(field.get_default()) if field.get_default() is not None else "", told)
        elif "requests" in below.model_fields:
            yield Value(
                prefix + name,
                json.dumps(field.get_default(call_default_factory=True).dump()),
                f"Requests and limits of {name}'s pods.",
            )
        else:
            yield from _settings(below, f"{prefix}{name}.")
