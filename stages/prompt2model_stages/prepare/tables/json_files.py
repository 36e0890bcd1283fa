"""JSON as people have it: an object a line, one array, an object that holds the rows, or the columns.

Numbers keep the form that they are written in (0.10, 1e400, an identifier of 5,000 digits).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prompt2model_stages.json_numbers import fraction
from prompt2model_stages.prepare.tables.chat import is_chat
from prompt2model_stages.prepare.tables.table import MalformedError, Table

BETWEEN = re.compile(r"[\s,\x1e]*")
"""What stands between objects: white space, the comma of an array that lost its brackets, RFC 7464's separator."""
DIGITS = 4000
"""Longest number that Python makes an integer of."""


def _integer(text: str) -> int | str:
    return int(text) if len(text) < DIGITS else text


def _constant(text: str) -> str | None:
    return None if text == "NaN" else text  # pandas writes NaN for what is missing


class _TwiceError(Exception):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=fraction, parse_int=_integer, parse_constant=_constant
)


def read_json(name: str, text: str, wanted: Sequence[str] = ()) -> Table:
    """The table in a JSON file.

    Args:
        name: what messages call it.
        text: of the file.
        wanted: columns that are asked for; they tell a row from a table by columns.

    Raises: MalformedError with the line.
    """
    values = _values(text)
    notes: tuple[str, ...] = ()
    if len(values) == 1:
        found, note = _rows_in(values[0][1], wanted)
        rows, notes = [(values[0][0], row) for row in found], (note,) if note else ()
    else:
        rows = values
    for number, (line, row) in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise MalformedError(
                f"has a row that is no JSON object: {_kind(row)} (row {number}, line {line})",
                'Write each row as an object with the columns\' names: {"input": "…", "output": "…"}.',
            )
    if not rows:
        raise MalformedError("has no rows", "Put the rows into it, or name the file that has them.")
    return Table(name, tuple(dict.fromkeys(key for _, row in rows for key in row)), [r for _, r in rows], notes=notes)


def _values(text: str) -> list[tuple[int, Any]]:
    """The values of a file one after another, each with the line that it begins in."""
    at, line, counted = 0, 1, 0
    values: list[tuple[int, Any]] = []
    while True:
        match = BETWEEN.match(text, at)
        at = match.end() if match else at
        line, counted = line + text.count("\n", counted, at), at
        if at == len(text):
            return values
        try:
            value, at = DECODER.raw_decode(text, at)
        except _TwiceError as error:
            raise MalformedError(
                f"has an object with the key {error} twice (line {line})", "Give each key once in an object."
            ) from error
        except RecursionError as error:
            raise MalformedError(f"is nested too deep (line {line})", "Write flat rows: a text a column.") from error
        except json.JSONDecodeError as error:
            raise _no_json(text, at, error) from error
        values.append((line, value))


def _no_json(text: str, at: int, error: json.JSONDecodeError) -> MalformedError:
    """The error of the value that begins at a place; where it is a line of many, of this line alone."""
    lines = text.split("\n")
    begins = text.count("\n", 0, at)
    number, column, said = error.lineno, error.colno, error.msg
    following = lines[begins + 1].strip() if begins + 1 < len(lines) else ""
    each = following[:1] in ("", "{") and lines[begins].strip() not in ("[", "{")
    if number - 1 > begins and each and (alone := _error_in(lines[begins])) is not None:
        number, column, said = begins + 1, alone.colno, alone.msg
    wrong = sum(1 for line in lines if line.strip() and not _is_json(line)) if text.lstrip()[:1] == "{" else 0
    several = f", and {wrong} lines are not" if 1 < wrong < len(lines) / 2 else ""
    what = f"is not JSON: line {number} is no JSON: {said} (character {column}){several}"
    if re.match(r"\s*[\[{]*\s*'", lines[min(number, len(lines)) - 1]):
        return MalformedError(what, "It is Python's notation: write the rows with json.dumps, in double quotes.")
    if at == 0 and not text.lstrip().startswith(("{", "[")):
        return MalformedError(what, "If it is a table of values, rename it to end with .csv or .tsv.")
    return MalformedError(what, "Write one JSON object a line, or one array of objects.")


def _error_in(line: str) -> json.JSONDecodeError | None:
    try:
        DECODER.decode(line)
    except json.JSONDecodeError as error:
        return error
    except (RecursionError, _TwiceError):
        return None
    return None


def _is_json(line: str) -> bool:
    try:
        DECODER.decode(line.strip().rstrip(","))
    except (ValueError, RecursionError, _TwiceError):
        return False
    return True


def _rows_in(value: Any, wanted: Sequence[str]) -> tuple[list[Any], str]:
    """The rows of a file with a single value, and how they were found in it."""
    if isinstance(value, list):
        return value, ""
    if not isinstance(value, dict) or is_chat(value):
        return [value], ""
    for form in FORMS:
        if (found := form(value, wanted)) is not None:
            return found
    return [value], ""


Found = tuple[list[Any], str] | None


def _by_columns(value: Mapping[str, Any], wanted: Sequence[str]) -> Found:
    """pandas' to_json() and to_dict("list"): each column with its values, by row or in order."""
    names = [name for name in wanted if name in value] if wanted else list(value)
    held = [value[name] for name in names]
    if not held or (wanted and len(names) < len(wanted)):
        return None
    if all(isinstance(one, dict) and one for one in held):
        _refuse_uneven(value, {name: list(value[name]) for name in names})
        columns = {name: one for name, one in value.items() if isinstance(one, dict) and one.keys() == held[0].keys()}
        return [{name: one[row] for name, one in columns.items()} for row in held[0]], "it is written by columns"
    if all(isinstance(one, list) for one in held) and not all(isinstance(x, dict) for one in held for x in one):
        _refuse_uneven(value, {name: list(range(len(value[name]))) for name in names})
        lists = {name: one for name, one in value.items() if isinstance(one, list) and len(one) == len(held[0])}
        return [{name: one[row] for name, one in lists.items()} for row in range(len(held[0]))], (
            "it is written by columns"
        )
    return None


def _refuse_uneven(value: Mapping[str, Any], keys: Mapping[str, list[Any]]) -> None:
    if len({tuple(sorted(map(str, of))) for of in keys.values()}) > 1:
        sizes = ", ".join(f"{name} has {len(of)}" for name, of in keys.items())
        raise MalformedError(
            f"is written by columns, and they have different rows: {sizes}", "Give each column a value for each row."
        )


def _split(value: Mapping[str, Any], wanted: Sequence[str]) -> Found:
    """pandas' orient="split": names, and rows as lists."""
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        return None
    uneven = [number for number, row in enumerate(data, start=1) if len(row) != len(columns)]
    if uneven or len(set(map(str, columns))) < len(columns):
        raise MalformedError(
            f"names {len(columns)} columns, some twice or with rows of another length: {len(uneven)} rows",
            "Give each column its own name, and each row a value for each column.",
        )
    return [dict(zip(map(str, columns), row, strict=True)) for row in data], "its rows are in data, named by columns"


def _in_a_field(value: Mapping[str, Any], wanted: Sequence[str]) -> Found:
    """{"data": [{…}, …]}, whatever the field is called."""
    if wanted and all(name.partition(".")[0] in value for name in wanted):
        return None  # a row, which has a list of objects, too
    held = {name: _unwrapped(one) for name, one in value.items() if isinstance(one, list) and one}
    held = {name: rows for name, rows in held.items() if isinstance(rows[0], dict)}
    fitting = [
        name for name, rows in held.items() if wanted and all(name.partition(".")[0] in rows[0] for name in wanted)
    ]
    found = fitting or list(held)
    if len(found) > 1:
        raise MalformedError(
            f"holds several tables: {', '.join(found)}", "Write the one that is meant into a file of its own."
        )
    return (held[found[0]], f"its rows are in {found[0]}") if found else None


def _unwrapped(rows: list[Any]) -> list[Any]:
    """Rows as the hub's viewer serves them: each in a field `row` of an object."""
    inner = [row["row"] for row in rows if isinstance(row, dict) and isinstance(row.get("row"), dict)]
    return inner if len(inner) == len(rows) else rows


def _by_rows(value: Mapping[str, Any], wanted: Sequence[str]) -> Found:
    """pandas' orient="index": each row under its key."""
    rows = list(value.values())
    if not rows or not wanted or not all(isinstance(row, dict) for row in rows):
        return None
    outer = {name.partition(".")[0] for name in wanted}
    return (rows, "each row stands under a key") if all(outer & row.keys() for row in rows) else None


FORMS: tuple[Callable[[Mapping[str, Any], Sequence[str]], Found], ...] = (_split, _by_columns, _in_a_field, _by_rows)


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "an array"
    return "null" if value is None else "a text" if isinstance(value, str) else "a number or a truth value"
