"""Reads JSON out of what a language model wrote: strictly first, then with the usual mistakes fixed.

Repaired are code fences, prose around the JSON, trailing commas, Python's literals, raw line breaks in strings, and an
answer that was cut off. Of a cut answer only what is whole is kept: half a value would be a wrong one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

from prompt2model_stages.json_numbers import fraction

_FENCE = re.compile(r"```[ \t]*[\w-]*[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LITERAL = re.compile(r"true|false|null|True|False|None")
_DECODER = json.JSONDecoder(strict=False, parse_float=fraction)
_LITERALS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_DEEPEST = 100
_OPENINGS = 50
"""So many brackets are tried: text that is not JSON must not take long to refuse."""
_SCAN: Callable[[str, int, bool], tuple[str, int]] = json.decoder.scanstring  # type: ignore[attr-defined]


def parse_json(text: str) -> Any:
    """The JSON in a text.

    Args:
        text: a model's answer.

    Returns: the value; where the text was repaired, always an object or an array. Fractions know how they are written.
    Raises: ValueError where there is none.
    """
    try:
        return json.loads(text, parse_float=fraction)
    except (ValueError, RecursionError):
        pass
    for candidate in (*_FENCE.findall(text), text):
        if (found := _first(candidate)) is not None:
            return found
    raise ValueError("no JSON in the answer")


def objects_in(text: str) -> list[tuple[dict[str, Any], bool]]:
    """The whole objects in a text, none of them inside another, and whether nothing but a code fence stands around each."""
    fence = _FENCE.fullmatch(text.strip())
    inner = (fence.group(1) if fence and "```" not in fence.group(1) else text).strip()
    found: list[tuple[dict[str, Any], bool]] = []
    at = 0
    for _ in range(_OPENINGS):
        opening = inner.find("{", at)
        if opening < 0:
            break
        try:
            value, at, whole = _value_at(inner, opening)
        except (ValueError, RecursionError):
            at = opening + 1
            continue
        if not whole:  # what follows stands inside it, in a string perhaps
            break
        found.append((value, opening == 0 and at == len(inner)))
    return found


def _value_at(text: str, at: int) -> tuple[Any, int, bool]:
    """The value that begins there, where it ends, and whether it is whole."""
    try:
        return *_DECODER.raw_decode(text, at), True
    except (ValueError, RecursionError):
        return _Reader(text).value(at, 0)


def _first(text: str) -> Any:
    """The first object or array, whatever stands around it; None where there is none."""
    for opening in islice(_OPENING.finditer(text), _OPENINGS):
        try:
            value, _, whole = _value_at(text, opening.start())
        except ValueError:
            continue
        if value or not whole:  # what follows in a value that is cut stands inside it, in a string perhaps
            return value or None
    return None


class _Reader:
    """A forgiving reader. Each method gives the value, where it ends, and whether it was whole."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, at: int, depth: int) -> tuple[Any, int, bool]:
        at = self._skip(at)
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        match self._text[at : at + 1]:
            case "{":
                return self._object(at + 1, depth)
            case "[":
                return self._array(at + 1, depth)
            case '"':
                return self._string(at)
            case "":
                return None, at, False
        return self._word(at)

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int, bool]:
        members: dict[str, Any] = {}
        while True:
            at = self._skip(at, commas=True)
            if at >= len(self._text):
                return members, at, False
            if self._text[at] == "}":
                return members, at + 1, True
            key, at, whole = self._string(at)
            at = self._skip(at)
            if not whole or at >= len(self._text):
                return members, at, False
            if self._text[at] != ":":
                raise ValueError("a key without a value")
            value, at, whole = self.value(at + 1, depth + 1)
            if whole or (value and isinstance(value, dict | list)):
                members[key] = value
            if not whole:
                return members, at, False

    def _array(self, at: int, depth: int) -> tuple[list[Any], int, bool]:
        items: list[Any] = []
        while True:
            at = self._skip(at, commas=True)
            if at >= len(self._text):
                return items, at, False
            if self._text[at] == "]":
                return items, at + 1, True
            value, at, whole = self.value(at, depth + 1)
            if whole:
                items.append(value)
            else:
                return items, at, False

    def _string(self, at: int) -> tuple[str, int, bool]:
        if self._text[at] != '"':
            raise ValueError("a string was expected")
        try:
            value, end = _SCAN(self._text, at + 1, False)
        except json.JSONDecodeError as error:
            if "Unterminated" in error.msg or ("escape" in error.msg and len(self._text) - error.pos < 8):
                return "", len(self._text), False
            raise
        return value, end, True

    def _word(self, at: int) -> tuple[Any, int, bool]:
        if number := _NUMBER.match(self._text, at):
            # a number at the very end may have lost its last digits
            return _DECODER.decode(number.group()), number.end(), number.end() < len(self._text)
        if literal := _LITERAL.match(self._text, at):
            return _LITERALS[literal.group()], literal.end(), True
        if len(self._text) - at < 5:
            return None, len(self._text), False
        raise ValueError("not a JSON value")

    def _skip(self, at: int, commas: bool = False) -> int:
        while True:
            match = _SPACE.match(self._text, at)
            at = match.end() if match else at
            if commas and self._text[at : at + 1] == ",":
                at += 1
            else:
                return at
