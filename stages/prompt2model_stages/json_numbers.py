"""Numbers of JSON that keep the form that they are written in: 5.10 stays 5.10, and 1e400 is no infinity."""

from __future__ import annotations

import json
from typing import Any


class Written(float):
    """A number with a fraction or an exponent, and how it is written."""

    written: str = ""


def fraction(text: str) -> Written:
    """What json's `parse_float` takes."""
    number = Written(text)
    number.written = text
    return number


def json_text(value: Any) -> str:
    """The value as JSON in one line, its numbers as they were written."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json_text(key)}: {json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(json_text(item) for item in value) + "]"
    return value.written if isinstance(value, Written) else json.dumps(value, ensure_ascii=False)


def as_text(value: Any) -> str:
    """A value of an answer as text: what is missing is empty, an output that is JSON or a number stays as it was written."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json_text(value)
