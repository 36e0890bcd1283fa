"""Examples in tables: Markdown, CSV, tabs. Beyond doubt only with usual column names, or below a heading for examples."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from prompt2model_stages.discover.layouts.common import Found, around, is_heading
from prompt2model_stages.discover.layouts.templates import without_template
from prompt2model_stages.discover.layouts.words import FAMILIES, VALUES, is_label

_ROW = re.compile(r"^\s*\|?(.*?)\|?\s*$")
_CELLS = re.compile(r"(?<!\\)\|")
_RULE = re.compile(
    r"^\s*\|?(?:\s*:?-{2,}:?\s*\|)+(?:\s*:?-{2,}:?\s*)?\|?\s*$|^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)+\|?\s*$"
)
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_NUMBERS = ("#", "no", "no.", "nr", "nr.", "id", "n", "example", "beispiel")


def markdown_table(prompt: str) -> Found | None:
    """Pairs in the rows of a Markdown table; None where there is none."""
    lines = prompt.splitlines()
    for at, line in enumerate(lines[1:], 1):
        if "|" not in line or "|" not in lines[at - 1] or not _RULE.match(line.strip()):
            continue
        header = _cells(lines[at - 1])
        end = next((n for n in range(at + 1, len(lines)) if "|" not in lines[n]), len(lines))
        rows = [_cells(row) for row in lines[at + 1 : end]]
        found = _rows(header, rows, _announced(lines[: at - 1]))
        if found is not None:
            return Found(around("\n".join(lines[: at - 1]), "\n".join(lines[end:])), found)
    return None


def separated_values(prompt: str) -> Found | None:
    """Pairs in lines between commas, semicolons or tabs below a row of column names; None where there are none."""
    lines = prompt.splitlines()
    for by in ("\t", ",", ";"):
        for at, line in enumerate(lines):
            header = [cell.strip() for cell in _split(line, by) or []]
            if len(header) < 2 or not (_usual(header) or (at and _is_fenced(lines[at - 1], header))):
                continue
            if all(is_label(name, VALUES) for name in header):
                return Found(prompt, [])  # `bad,good` may be the first row
            block, end = _block(lines, at, by, len(header))
            found = (
                _rows(header, block[1:], _announced(lines[:at]) or _is_fenced(lines[at - 1], header)) if block else None
            )
            if found:
                before = [text for text in lines[:at] if not _FENCE.match(text)]
                after = [text for text in lines[end:] if not _FENCE.match(text)]
                return Found(around("\n".join(before), "\n".join(after)), found)
    return None


def tabs(prompt: str) -> Found | None:
    """Pairs in two lines or more, one below the other, with one tab each; None where there are none."""
    lines = prompt.splitlines()
    numbers = [
        n for n, line in enumerate(lines) if line.count("\t") == 1 and all(cell.strip() for cell in line.split("\t"))
    ]
    if len(numbers) < 2 or numbers[-1] - numbers[0] != len(numbers) - 1:
        return None
    pairs = [(given.strip(), output.strip()) for given, output in (lines[n].split("\t") for n in numbers)]
    if any("\t" in line.strip() for n, line in enumerate(lines) if n not in numbers) or _is_heading_row(pairs[0]):
        return None
    if all(is_label(cell, VALUES) for cell in pairs[0]):
        return Found(prompt, [])
    return Found(around("\n".join(lines[: numbers[0]]), "\n".join(lines[numbers[-1] + 1 :])), pairs)


def _is_heading_row(row: tuple[str, str]) -> bool:
    """Whether a row may as well name the columns as be an example."""
    return any(is_label(row[1], words) for _, words in FAMILIES)


def _cells(line: str) -> list[str]:
    match = _ROW.match(line)
    cells = _CELLS.split(match[1] if match else line)
    return [re.sub(r"\s*<br ?/?>\s*", "\n", cell.strip().replace("\\|", "|")) for cell in cells]


def _split(line: str, by: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=by, strict=True), None)
    except csv.Error:
        return None


def _block(lines: Sequence[str], at: int, by: str, width: int) -> tuple[list[list[str]] | None, int]:
    """The rows from a line on until a blank line or a fence, and where they end; None where one has another width."""
    text = "\n".join(lines[at:]) + "\n"
    try:
        reader = csv.reader(io.StringIO(text), delimiter=by, strict=True, skipinitialspace=by != "\t")
        rows: list[list[str]] = []
        last = 0
        for row in reader:
            if not row or _FENCE.match(row[0]):
                break
            if len(row) != width:
                return None, at
            rows.append([cell.strip() for cell in row])
            last = reader.line_num
    except csv.Error:
        return None, at
    return rows, at + last


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]], is_announced: bool) -> list[tuple[str, str]] | None:
    """The rows as pairs; None where the columns do not say which is which."""
    columns = [n for n, name in enumerate(header) if name.strip().strip("*_`").lower() not in _NUMBERS]
    if not rows or len(columns) < 2 or any(len(row) != len(header) for row in rows):
        return None
    names = [header[n].strip("*_` ") for n in columns]
    order = _usual(names)
    if order is None and not (is_announced and len(columns) == 2):
        return None
    given, output = order or ([0], 1)
    pairs = [(_given([row[n] for n in columns], names, given), row[columns[output]].strip()) for row in rows]
    pairs = [pair for pair in without_template(pairs) if pair[0].strip() and pair[1]]
    return _without_quotes(pairs) or None


def _usual(names: Sequence[str]) -> tuple[list[int], int] | None:
    """Which columns are inputs and which is the output, by their names."""
    for inputs, outputs in FAMILIES:
        answers = [n for n, name in enumerate(names) if is_label(name.strip("*_` "), outputs)]
        asked = [n for n, name in enumerate(names) if is_label(name.strip("*_` "), inputs) and n not in answers[:1]]
        if len(names) == 2 and len(answers) == 2 and is_label(names[0], inputs):
            return [0], 1  # `English | German`: both words may name either
        if len(answers) == 1 and asked:
            others = [n for n in range(len(names)) if n != answers[0]]
            return others, answers[0]
    return None


def _given(cells: Sequence[str], names: Sequence[str], columns: Sequence[int]) -> str:
    if len(columns) == 1:
        return cells[columns[0]].strip()
    return "\n".join(f"{names[n]}: {cells[n].strip()}" for n in columns)


def _without_quotes(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    for mark in ("`", '"'):
        if all(len(v) > 2 and v[0] == v[-1] == mark for pair in pairs for v in pair):
            return [(given[1:-1], output[1:-1]) for given, output in pairs]
    return pairs


def _announced(before: Sequence[str]) -> bool:
    line = next((text for text in reversed(before) if text.strip() and not _FENCE.match(text)), "")
    return is_heading(line)


def _is_fenced(line: str, header: Sequence[str]) -> bool:
    return re.match(r"^\s*```[ \t]*(?:csv|tsv)", line) is not None and len(header) == 2
