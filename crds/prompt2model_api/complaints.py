"""pydantic's errors as sentences: the field as it stands in YAML, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from prompt2model_api import base_url
from prompt2model_api.base import QUANTITY_PATTERN, Model
from prompt2model_api.fields import close_to, fields_of, model_below, paths_of
from prompt2model_api.prompt2model import NAME_LIMIT, PROMPT_LIMIT, Prompt2Model
from prompt2model_api.spec.parts import PART_PATTERN

Location = tuple[int | str, ...]
Said = tuple[str, str]

SHOWN_LENGTH = 60

ADVICE: dict[Location, str] = {
    ("spec", "teacher", "budget", "tokens"): "write the most that may be spent, or unlimited: true for no limit",
    ("spec", "teacher", "budget", "usd"): "write the most that may be spent, or unlimited: true for no limit",
    ("spec", "evaluation", "gate", "atLeast"): 'write Teacher, or a number from 0 to 100 in quotes, such as "85"',
    ("spec", "teacher", "baseURL"): "write an address such as https://api.example.com/v1",
    ("spec",): "write at least `prompt:` with the task in plain words",
    ("metadata",): "write `metadata:` and below it `name:`",
    ("metadata", "name"): "write a name, such as dates",
}
"""What to do, for fields where the type alone does not say it."""

PATTERN_ADVICE = {
    QUANTITY_PATTERN: "write a Kubernetes quantity, such as 500m, 2 or 3Gi",
    PART_PATTERN: "write the name of a part, such as my-retriever or my-retriever==1.2.0",
}


def complaints(error: ValidationError, model: type[Model] = Prompt2Model) -> list[str]:
    """One sentence for each error, in the order of the fields."""
    details = error.errors(include_url=False)
    meant = {_meant(tuple(detail["loc"]), model) for detail in details if detail["type"] == "extra_forbidden"}
    follow_ups = [d for d in details if d["type"] == "missing" and tuple(d["loc"]) in meant]
    return [_complaint(detail, model) for detail in details if detail not in follow_ups]


def path_of(location: Iterable[int | str]) -> str:
    """`spec.demonstrations[2].input`, counted from 0 as an API server does."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _complaint(detail: ErrorDetails, model: type[Model]) -> str:
    location = tuple(detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":  # a validator's own words
        return _joined(path_of(location), str(context["error"]))
    if kind == "json_invalid":
        return "a text holds half a character (an escape such as \\ud800): delete it"
    if kind == "extra_forbidden":
        return _unknown_field(location, model)
    if location[:2] == ("metadata", "name") and kind != "missing":
        return _bad_name(detail["input"])
    if kind == "string_too_long" and context["max_length"] == PROMPT_LIMIT:
        return f"{path_of(location)} is over 32 KiB: shorten it, or bring examples as a file in datasets.own"
    if kind == "missing":
        return f"{path_of(location)} is missing: {ADVICE.get(location, 'add it')}"
    what, todo = _said(kind, context, detail["input"]) or (f"is wrong ({detail['msg']})", "fix it")
    return f"{path_of(location)} {what}: {ADVICE.get(location, todo)}"


def _joined(path: str, words: str) -> str:
    return f"{path}: {words}" if path else words


def _unknown_field(location: Location, model: type[Model]) -> str:
    *parents, name = location
    name, siblings = str(name), fields_of(_model_at(parents, model))
    if (meant := _meant(location, model)) is not None:
        return f"{path_of(location)} is not a field: did you mean {meant[-1]}?"
    elsewhere = [path for path in paths_of(model) if path.rsplit(".", 1)[-1] == name and not path.startswith("status")]
    if elsewhere:
        return f"{path_of(location)} is not a field here: did you mean {elsewhere[0]}?"
    return f"{path_of(location)} is not a field: delete it, or write one of {', '.join(siblings)}"


def _meant(location: Location, model: type[Model]) -> Location | None:
    """The field that an unknown one was probably meant to be."""
    name = close_to(str(location[-1]), fields_of(_model_at(location[:-1], model)))
    return (*location[:-1], name) if name else None


def _model_at(location: Iterable[int | str], model: type[Model]) -> type[Model]:
    for part in location:
        if isinstance(part, str):
            model = model_below(fields_of(model)[part]) or model
    return model


def _bad_name(name: object) -> str:
    if not isinstance(name, str):
        return "metadata.name " + ": ".join(_wrong_type("text", name))
    if len(name) > NAME_LIMIT:
        return f"metadata.name has {len(name)} characters: shorten it to {NAME_LIMIT} at most"
    return f"metadata.name is {_shown(name)}: use lower-case letters, digits and -, with a letter or digit at both ends"


def _said(kind: str, context: Mapping[str, Any], given: object) -> Said | None:
    """What is wrong and what to do; None for errors that no field of ours can have."""
    bounds = {
        "greater_than_equal": ("at least", "ge"),
        "greater_than": ("more than", "gt"),
        "less_than_equal": ("at most", "le"),
    }
    wanted = {
        "string_type": "text",
        "int_type": "a whole number",
        "float_type": "a number",
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "a mapping",
        "model_type": "a mapping",
    }
    if kind in bounds:
        words, key = bounds[kind]
        return f"is {_shown(given)}", f"it must be {words} {_number(context[key])}"
    if kind in wanted:
        return _wrong_type(wanted[kind], given)
    if kind in ("enum", "literal_error"):
        expected = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        return f"is {_shown(given)}", f"write one of {expected}"
    if kind == "string_pattern_mismatch" and context["pattern"] == base_url.PATTERN:
        return "is no address", "write one"  # it is not repeated: it may hold a password
    if kind == "string_pattern_mismatch":
        return f"is {_shown(given)}", PATTERN_ADVICE.get(context["pattern"], f"it must match {context['pattern']}")
    return _size(kind, context, given)


def _size(kind: str, context: Mapping[str, Any], given: object) -> Said | None:
    if kind == "string_too_short":
        return "is empty", "write something, or leave the field out"
    if kind == "string_too_long":
        return f"has over {context['max_length']} characters", "shorten it"
    if kind == "too_short":
        return "has too few entries", f"it needs at least {context['min_length']}"
    if kind == "too_long":
        return "has too many entries", f"it takes at most {context['max_length']}"
    if kind in ("int_parsing_size", "finite_number"):
        return f"is {_shown(given)}", "the number is out of range"
    return None


def _wrong_type(wanted: str, given: object) -> Said:
    if given is None:
        return "has no value", f"write {wanted}, or leave the field out"
    if wanted != "text":
        return f"is {_shown(given)}, {_type_of(given)}", f"write {wanted}{_unquote(wanted, given)}"
    if isinstance(given, bool):
        return f"is {str(given).lower()} (YAML takes yes, no, on and off so)", "put the text in quotes"
    if isinstance(given, int | float):
        return f"is the number {_shown(given)} and must be text", f'put it in quotes ("{_shown(given)}")'
    return f"is {_type_of(given)}", "write text"


def _unquote(wanted: str, given: object) -> str:
    return ", without quotes" if isinstance(given, str) and "number" in wanted and _is_number(given) else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _type_of(given: object) -> str:
    if isinstance(given, bool):
        return "a truth value"
    if isinstance(given, int):
        return "a number"
    if isinstance(given, float):
        return "a number with a fraction"
    if isinstance(given, str):
        return "text"
    return "a list" if isinstance(given, list) else "a mapping"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _shown(given: object) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, list | dict):
        return "[…]" if isinstance(given, list) else "{…}"
    text = " ".join(str(given).split())
    return (f'"{text[:SHOWN_LENGTH]}{"…" if len(text) > SHOWN_LENGTH else ""}"') if isinstance(given, str) else text
