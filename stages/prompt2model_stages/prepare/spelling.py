"""How the values of a column are written where another file has them too: `0.0` of a CSV file is the 0 of a Parquet file.

A file of text has the spelling of whoever wrote it, a typed one has none. So the text is read as what the other file has, and
both are written in one way: a label that is spelled in two ways is never right in evaluation.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from prompt2model_stages.classes import SHORT, are_labels
from prompt2model_stages.examples import Example
from prompt2model_stages.json_numbers import Written, fraction

EXACT = 2**53
"""Integers up to here are the same as floats."""
SHOWN = 60
"""Characters of a label in a note."""
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""Leading zeros are left: 007 is no number that a typed file could have."""
_BOOLEANS = {"true": True, "false": False}
_ALIKE = 0.5
"""How alike two labels are for one to be shown as what the other may have meant."""


@dataclass(frozen=True)
class Spelling:
    """How cells are written.

    integral: whole floats are written as integers.
    as_numbers, as_booleans: texts that are some are read as such.
    plain: floats lose the form that they were written in, since others beside them have none.
    """

    integral: bool = False
    as_numbers: bool = False
    as_booleans: bool = False
    plain: bool = False

    def read(self, cell: Any) -> Any:
        """The cell, or what its text says."""
        if isinstance(cell, str):
            cell = self._of_text(cell)
        return float(cell) if self.plain and isinstance(cell, Written) and math.isfinite(cell) else cell

    def _of_text(self, cell: str) -> Any:
        text = cell.strip()
        if self.as_booleans:
            return _BOOLEANS.get(text.casefold(), cell)
        if self.as_numbers and (found := _NUMBER.fullmatch(text)):
            return fraction(text) if found[2] or found[3] else int(text)
        return cell


def spelling_of(own: Sequence[Any], beside: Sequence[Any]) -> Spelling:
    """How the cells of a column are read, and written as those of the same column in another file.

    Args:
        own: the cells, with the names of classes for their ids.
        beside: those of the other file; none where there is no such file.
    """
    if not beside:
        return Spelling(integral=integral_cells(own))
    reading = Spelling(as_numbers=_are_numbers(beside), as_booleans=_are_booleans(beside))
    other = Spelling(as_numbers=_are_numbers(own), as_booleans=_are_booleans(own))
    cells = [*map(reading.read, own), *map(other.read, beside)]
    floats = floats_in(cells)
    whole_too = any(isinstance(cell, int) and not isinstance(cell, bool) for cell in cells)
    return Spelling(
        integral=integral_cells(cells) or (bool(floats) and whole_too),
        as_numbers=reading.as_numbers,
        as_booleans=reading.as_booleans,
        plain=not _one_form_each(floats),
    )


def _one_form_each(floats: Sequence[float]) -> bool:
    """Whether each number is written in one form, so that nothing is lost where the forms stay."""
    forms = {number.written for number in floats if isinstance(number, Written)}
    return all(isinstance(number, Written) for number in floats) and len(forms) == len({*map(float, floats)})


def integral_cells(cells: Sequence[Any]) -> bool:
    """Whether all floats are integers; False also where there are none. pandas makes floats of integers where one is missing."""
    floats = floats_in(cells)
    return bool(floats) and all(number.is_integer() and abs(number) < EXACT for number in floats)


def floats_in(value: Any) -> list[float]:
    """The floats in a value or its lists."""
    if isinstance(value, list | tuple):
        return [number for item in value for number in floats_in(item)]
    return [value] if isinstance(value, float) and not math.isnan(value) else []


def unseen_labels(train: Sequence[str], tests: Sequence[Example], shown: bool = True) -> str | None:
    """What a person should know of labels in test data that none of the outputs to train on is; None where outputs are no labels.

    Long outputs are answers, however many rows have each: those of other questions are rightly others.

    Args:
        train: the outputs to train on.
        tests: the user's own test rows.
        shown: whether labels may be repeated; not what an address of the web answered.
    """
    known = set(train)
    short = [row for row in tests if len(row.output.split()) <= SHORT]
    unseen = [row.output for row in short if known.isdisjoint({row.output, *row.references})]
    if not unseen or not are_labels(train):
        return None
    which = f" ({_example(unseen, known)})" if shown else ""
    return (
        f"{len(unseen):,} of {len(tests):,} rows of your test data have a label that no row to train on has{which}. "
        "The student will not give it: spell labels alike, or add rows with it."
    )


def _example(unseen: Sequence[str], known: set[str]) -> str:
    """A label, and the one to train on that it may be; the most frequent one that is like another, or of all."""
    labels = [label for label, _ in sorted(Counter(unseen).items(), key=lambda one: (-one[1], one[0]))]
    for label in labels:
        if found := _most_alike(label, known):
            return f"`{label[:SHOWN]}`; train has `{found[:SHOWN]}`"
    return f"`{labels[0][:SHOWN]}`"


def _most_alike(label: str, known: set[str]) -> str | None:
    by_case = {one.casefold(): one for one in sorted(known)}
    if _NUMBER.fullmatch(label):
        return next((one for one in sorted(known) if _NUMBER.fullmatch(one) and float(one) == float(label)), None)
    found = get_close_matches(label.casefold(), sorted(by_case), 1, _ALIKE)
    return by_case[found[0]] if found else None


def _are_numbers(cells: Sequence[Any]) -> bool:
    kinds = {type(cell) for cell in cells if not _missing(cell)}
    return bool(kinds) and kinds <= {int, float, Written}


def _are_booleans(cells: Sequence[Any]) -> bool:
    return {type(cell) for cell in cells if not _missing(cell)} == {bool}


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))
