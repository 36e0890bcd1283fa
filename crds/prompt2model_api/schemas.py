"""Structural schemas, as a CustomResourceDefinition wants them, from the types.

pydantic's JSON schema is taken apart: references are put in place, an optional field is the field itself, defaults made by
factories are written out (an API server fills them in, level by level), and the CEL rules of each type are added. Status has
no defaults: it is written whole by the one that owns it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from prompt2model_api.base import Model
from prompt2model_api.fields import fields_of, models_in
from prompt2model_api.rules import RULES

Schema = dict[str, Any]

KEPT = (
    *("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"),
    *("minProperties", "maxProperties", "description", "x-kubernetes-int-or-string"),
)
INT32_MAX = 2**31 - 1
TIME_LENGTH = 64


def structural(model: type[Model]) -> Schema:
    """The schema of a resource: apiVersion, kind and metadata as every resource has them, spec and status."""
    schema = _Renderer(model).resource()
    schema["properties"] |= {
        "apiVersion": {"type": "string", "maxLength": 64, "description": "Group and version of this type."},
        "kind": {"type": "string", "maxLength": 64, "description": f"{model.__name__}."},
        "metadata": {"type": "object"},
    }
    schema["required"] = ["spec"]
    return schema


class _Renderer:
    def __init__(self, model: type[Model]) -> None:
        raw = model.model_json_schema(by_alias=True)
        self._root = model
        self._models = models_in(model)
        self._definitions: dict[str, Schema] = {**raw.pop("$defs", {}), model.__name__: raw}

    def resource(self) -> Schema:
        rendered = self._object(self._root.__name__, defaults=True)
        status = fields_of(self._root)["status"]
        raw = self._definitions[self._root.__name__]["properties"]["status"]
        rendered["properties"]["status"] = self._field(raw, defaults=False)
        rendered["properties"]["status"].setdefault("description", status.description or "")
        return rendered

    def _object(self, name: str, defaults: bool) -> Schema:
        """A type with its fields."""
        model, raw = self._models[name], self._definitions[name]
        fields = fields_of(model)
        properties = {}
        for alias, below in raw["properties"].items():
            properties[alias] = self._field(below, defaults)
            factory = fields[alias].default_factory
            if defaults and factory is not None:
                properties[alias]["default"] = _default(factory())  # type: ignore[call-arg]
        rendered: Schema = {"type": "object", "properties": properties}
        if required := raw.get("required"):
            rendered["required"] = required
        if model.__doc__:
            rendered["description"] = _one_line(model.__doc__)
        if rules := RULES.get(model):
            rendered["x-kubernetes-validations"] = [rule.rendered() for rule in rules]
        return rendered

    def _field(self, raw: Mapping[str, Any], defaults: bool) -> Schema:
        """A field's schema; `raw` may be a reference, a type or null, a list, a map or a plain value."""
        own = {key: raw[key] for key in ("description", "default") if raw.get(key) is not None}
        rendered = self._value(raw, defaults) | own
        if not defaults:
            rendered.pop("default", None)
        if "description" in rendered:
            rendered["description"] = _one_line(rendered["description"] + _default_said(rendered.get("default")))
        return rendered

    def _value(self, raw: Mapping[str, Any], defaults: bool) -> Schema:
        if "anyOf" in raw:
            (one,) = [option for option in raw["anyOf"] if option.get("type") != "null"]
            return self._value(one, defaults)
        if "$ref" in raw:
            name = raw["$ref"].rsplit("/", 1)[1]
            if name in self._models:
                return self._object(name, defaults)
            return self._value(self._definitions[name], defaults)
        if raw.get("type") == "array":
            return _kept(raw) | {"items": self._field(raw["items"], defaults)} | _list_type(raw)
        if raw.get("type") == "object":
            return self._map(raw, defaults)
        return _scalar(raw)

    def _map(self, raw: Mapping[str, Any], defaults: bool) -> Schema:
        below = raw.get("additionalProperties")
        if isinstance(below, Mapping):
            return _kept(raw) | {"additionalProperties": self._field(below, defaults)}
        return _kept(raw) | {"x-kubernetes-preserve-unknown-fields": True}


def _default(made: Model) -> Schema:
    """What a factory made, as short as it can be: the API server fills in the defaults below it.

    It is not short where rules look at it: an API server runs them on a default before it fills in anything.
    """
    return made.dump() if type(made) in RULES else made.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _default_said(default: Any) -> str:
    """The default as a sentence for the end of the description, because `kubectl explain` shows descriptions alone."""
    if default in (None, "", []) or isinstance(default, dict):
        return ""
    values = default if isinstance(default, list) else [default]
    return f" Default {', '.join(map(_shown, values))}."


def _shown(value: Any) -> str:
    """As YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _scalar(raw: Mapping[str, Any]) -> Schema:
    rendered = _kept(raw)
    if "const" in raw:
        rendered["enum"] = [raw["const"]]
    if "exclusiveMinimum" in raw:  # a number in JSON Schema, a switch in OpenAPI 3.0
        rendered |= {"minimum": raw["exclusiveMinimum"], "exclusiveMinimum": True}
    if rendered.get("type") == "integer":
        rendered["format"] = "int32" if rendered.get("maximum", INT32_MAX + 1) <= INT32_MAX else "int64"
    if rendered.get("format") == "date-time":
        rendered["maxLength"] = TIME_LENGTH
    return rendered


def _list_type(raw: Mapping[str, Any]) -> Schema:
    if raw["items"].get("$ref", "").endswith("/Condition"):
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {"x-kubernetes-list-type": "atomic"}


def _kept(raw: Mapping[str, Any]) -> Schema:
    return {key: raw[key] for key in KEPT if key in raw}


def _one_line(text: str) -> str:
    return " ".join(inspect.cleandoc(text).split())
