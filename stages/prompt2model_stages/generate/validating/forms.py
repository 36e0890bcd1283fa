"""Forms that all demonstrations' outputs have: Python, JSON, ISO dates, numbers; and how long they are.

An output without a digit is never called a wrong date or number: it may say "N/A".
"""

from __future__ import annotations

import ast
import datetime
import json
import re
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

from prompt2model_stages.examples import Pair, same_text
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.validating.base import Reason, Validator, outputs_of

LEAST = 3
"""Demonstrations that make a form."""
LEAST_OF_A_KIND = 4
"""The same for dates and numbers: three answers to questions may be years by chance."""
TIMES_LONGER, LONG = 20, 1000
"""An output is too long with so many times the characters of the longest demonstration, and so many at least."""
ECHO_WORDS, ECHO_CHARACTERS = 4, 24
"""A shorter input may well be its own output: a name that is translated, say."""
ALIKE = 0.5
"""Share of its words that a demonstration's input and output have in common, above which an input may be its own output."""

_STRUCTURE = (
    *(ast.Call, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While),
    *(ast.With, ast.Try, ast.Lambda, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.Subscript),
)
"""What prose and formulas do not have, though they may parse: `Lima`, `x = 5`."""
_OLD_PRINT = re.compile(r"^(\s*)print\s+([^\s(=].*)$", re.MULTILINE)
_OPEN_BLOCK = re.compile(r":\s*(?:#[^\n]*)?$")
_PYTHON = re.compile(r"python|パイソン|pandas|numpy", re.IGNORECASE)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_IN_FORM = re.compile(r"(?<![\d-])(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?(?![\d-])")
_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SCIENCE = re.compile(r"(?<=\d)e[-+]?\d+", re.IGNORECASE)


def python(task: Task) -> Validator | None:
    """An output that does not parse as Python, where all demonstrations do and are code beyond doubt."""
    outputs = outputs_of(task)
    named = bool(_PYTHON.search(task.wording))
    if len(outputs) < (2 if named else LEAST) or any("```" in output for output in outputs):
        return None
    trees = [_parsed(output) for output in outputs]
    structured = sum(tree is not None and _has_structure(tree) for tree in trees)
    if None in trees or 2 * structured < len(trees) or structured < (1 if named else LEAST):
        return None
    return Validator(Reason.PYTHON, lambda pair: not _is_python(pair.output))


def as_json(task: Task) -> Validator | None:
    """An output that is no JSON, or of another kind or without any common key, where all demonstrations are."""
    outputs = outputs_of(task)
    trees = [_json(output) for output in outputs]
    if len(outputs) < 2 or not all(isinstance(tree, dict | list) for tree in trees):
        return None
    kinds = {type(tree) for tree in trees}
    common = _common_keys(trees)

    def finds(pair: Pair) -> bool:
        tree = _json(pair.output)
        if not isinstance(tree, dict | list):
            return True
        if len(outputs) < LEAST or len(kinds) > 1:
            return False
        if not isinstance(tree, *kinds):
            return True
        return isinstance(tree, dict) and bool(tree) and bool(common) and not common & set(tree)

    return Validator(Reason.JSON, finds)


def date(task: Task) -> Validator | None:
    """An output with digits that are not part of a possible ISO date, where all demonstrations are ISO dates."""
    outputs = outputs_of(task)
    if len(outputs) < LEAST_OF_A_KIND or not all(_DATE.fullmatch(output) for output in outputs):
        return None
    return Validator(Reason.DATE, lambda pair: _has_other_digits(pair.output))


def number(task: Task) -> Validator | None:
    """An output of a number and words, where all demonstrations are numbers alone."""
    outputs = outputs_of(task)
    if len(outputs) < LEAST_OF_A_KIND or not all(_NUMBER.fullmatch(output) for output in outputs):
        return None

    def finds(pair: Pair) -> bool:
        text = _SCIENCE.sub("", pair.output)
        return bool(_NUMBER.search(text) and _WORD.search(text))

    return Validator(Reason.NUMBER, finds)


def echo(task: Task) -> Validator | None:
    """An output that is its input, where the demonstrations' outputs have little in common with theirs.

    Where they have much, as in corrections, a right input is its own output.
    """
    if len(task.demonstrations) < LEAST or any(_alike(pair) > ALIKE for pair in task.demonstrations):
        return None

    def finds(pair: Pair) -> bool:
        text = same_text(pair.input)
        long = len(text.split()) >= ECHO_WORDS and len(text) >= ECHO_CHARACTERS
        return (long or len(text) >= 2 * ECHO_CHARACTERS) and same_text(pair.output) == text

    return Validator(Reason.ECHO, finds)


def length(task: Task) -> Validator | None:
    """An output many times as long as the longest demonstration."""
    outputs = outputs_of(task)
    if len(outputs) < LEAST:
        return None
    most = max(LONG, TIMES_LONGER * max(map(len, outputs)))
    return Validator(Reason.LENGTH, lambda pair: len(pair.output) > most)


def _parsed(text: str) -> ast.AST | None:
    """The tree of Python code; None where it is none, or nests too deep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a string
        try:
            return ast.parse(textwrap.dedent(text).strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _is_python(text: str) -> bool:
    """Whether it parses, as it is, or with what snippets do: print as in Python 2, a block that is left open."""
    if _parsed(text) is not None:
        return True
    newer = _OLD_PRINT.sub(r"\1print(\2)", text)
    return _parsed(newer) is not None or (_OPEN_BLOCK.search(newer) is not None and _parsed(_closed(newer)) is not None)


def _closed(text: str) -> str:
    last = text.rstrip().rpartition("\n")[2]
    indent = len(last) - len(last.lstrip()) + 1
    return f"{text.rstrip()}\n{' ' * indent}pass"


def _has_structure(tree: ast.AST) -> bool:
    return any(
        isinstance(node, _STRUCTURE) or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute))
        for node in ast.walk(tree)
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _common_keys(trees: Sequence[Any]) -> set[str]:
    objects = [set(tree) for tree in trees if isinstance(tree, dict)]
    return set.intersection(*objects) if objects else set()


def _has_other_digits(text: str) -> bool:
    """Whether digits are left beside ISO dates, or a date is none of the calendar."""
    for year, month, day in _IN_FORM.findall(text):
        try:
            datetime.date(int(year), int(month or 1), int(day or 1))
        except ValueError:
            return True
    return any(letter.isdigit() for letter in _IN_FORM.sub("", text))


def _alike(pair: Pair) -> float:
    """Share of the shorter text's words that both have; of characters, where words have no spaces between them."""
    given, made = (set(text.casefold().split()) for text in (pair.input, pair.output))
    if min(len(given), len(made)) < ECHO_WORDS:
        given, made = (set(text.casefold()) - {" "} for text in (pair.input, pair.output))
    return len(given & made) / max(1, len(given))
