"""CSV as people have it: read right, or refused with the line; a value never moves into another column.

Values stay text throughout: a reader that guesses types would turn 007 into 7, and the label `None` into nothing.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from prompt2model_stages.prepare.tables.table import MalformedError, Table

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
LINES_SHOWN = 3
PREAMBLE = 50
"""Most lines before the header that may be comments."""
LABELS = 100
"""Most different values of a column that is taken for labels."""
RAW = "its quotation marks are read as text, because one stands alone"
MOST_LINES, MOST_PART, LEAST_LINES = 20, 0.05, 6
"""Of a value of several lines that could be rows each: more than so many, or than this part of the file's, are refused. A short
letter in a small file is none."""

csv.field_size_limit(2**31 - 1)  # the default refuses texts over 128 KiB


@dataclass(frozen=True)
class _Row:
    """line: where the row begins, from 1; ends: where it ends, which is later for values of several lines."""

    line: int
    ends: int
    cells: list[str]


def read_csv(name: str, text: str, wanted: Sequence[str] = (), delimiter: str | None = None, usual: str = ",") -> Table:
    """The table in a CSV file.

    Args:
        name: what messages call it.
        text: of the file.
        wanted: columns that are asked for: the header is where they stand.
        delimiter: between values, as the spec names it; found in the header where it does not.
        usual: the delimiter that the file's suffix promises.

    Raises: MalformedError with the line and how many there are.
    """
    delimiter = {"\\t": "\t"}.get(delimiter or "", delimiter)
    text = text if "\n" in text else text.replace("\r", "\n")  # the ends of lines of old Macs
    said, text, first = _directive(text)
    notes = []
    chosen = delimiter or said or _delimiter(text, wanted, usual)
    if chosen != usual and delimiter is None:
        notes.append(f"its values are separated by {DELIMITERS.get(chosen, repr(chosen))}")
    start = _header_line(text, chosen, wanted)
    rest = text.split("\n", start)[start] if start else text
    rows, note = _rows(rest, chosen, first + start)
    if note:
        notes.append(note)
    table = _table(name, rows, chosen)
    return replace(table, notes=tuple(notes))


def _directive(text: str) -> tuple[str | None, str, int]:
    """Excel's first line `sep=;`: the delimiter, the text after it, and the line that this begins at."""
    line, _, rest = text.partition("\n")
    found = line.strip("\r \"'")
    if found.lower().startswith("sep=") and len(found) == 5:
        return found[4], rest, 2
    return ("\t", rest, 2) if line.strip("\r").lower() == "sep=\t" else (None, text, 1)


def _normal(text: str) -> str:
    return text.strip().casefold()


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [_normal(cell) for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return []


def _first_lines(text: str) -> list[str]:
    """The lines among which the header stands."""
    return text[:200_000].split("\n")[: PREAMBLE + 1]


def _delimiter(text: str, wanted: Sequence[str], usual: str) -> str:
    """The usual one where the header is in order with it; else the only one with which it is."""
    lines = [line for line in _first_lines(text) if line.strip()]
    others = [usual, *(other for other in DELIMITERS if other != usual)]
    names = {_normal(column) for column in wanted}
    for delimiter in others:
        if names and any(names <= set(_cells(line, delimiter)) for line in lines):
            return delimiter
    header = next((line for line in lines if not line.startswith("#")), "")
    if len(_cells(header, usual)) > 1:
        return usual
    several = [other for other in others if len(_cells(header, other)) > 1]
    return several[0] if len(several) == 1 else usual


def _header_line(text: str, delimiter: str, wanted: Sequence[str]) -> int:
    """How many lines stand before the header: blank ones, and comments that begin with #."""
    lines = _first_lines(text)
    names = {_normal(column) for column in wanted}
    leading = 0
    while leading < len(lines) and (not lines[leading].strip() or lines[leading].startswith("#")):
        leading += 1
    for number, line in enumerate(lines[: leading + 1]):
        if line.strip() and names and names <= set(_cells(line, delimiter)):
            return number
    for number, line in enumerate(lines[:leading]):  # `#id,text,label` is a header: as wide as the rows
        if line.strip() and leading < len(lines):
            width = len(_cells(line, delimiter))
            if width > 1 and width == len(_cells(lines[leading], delimiter)):
                return number
    return min(leading, text.count("\n"))


def _rows(text: str, delimiter: str, first: int) -> tuple[list[_Row], str]:
    """The rows, and what a person should know of how quotation marks were read.

    Quoted as the standard says (RFC 4180) where that fits the whole file. A file whose marks do not pair was written by
    a program that does not quote: it is read so, where each line then has the same number of values.
    """
    if '"' not in text:
        return _parsed(text, delimiter, first, csv.QUOTE_MINIMAL), ""
    raw = _parsed(text, delimiter, first, csv.QUOTE_NONE)
    try:
        quoted = _parsed(text, delimiter, first, csv.QUOTE_MINIMAL)
    except _UnpairedError as error:
        marked = any(len(cell) > 1 and cell[0] == cell[-1] == '"' for row in raw for cell in row.cells)
        if _even(raw) and not marked:
            return raw, RAW
        raise MalformedError(
            f"has a quotation mark that pairs with no other in the row that begins in line {error.line}",
            'Put the value into quotation marks and double those inside it: "He said ""hi""".',
        ) from error
    if _spaced(raw) and (spaced := _spaced_rows(text, delimiter, first)) is not None:
        return spaced, ""
    return _unswallowed(quoted, raw, delimiter)


def _spaced_rows(text: str, delimiter: str, first: int) -> list[_Row] | None:
    """The rows where values may be quoted after a space; None where that does not fit all of them."""
    try:
        rows = _parsed(text, delimiter, first, csv.QUOTE_MINIMAL, spaces=True)
    except _UnpairedError:
        return None
    return rows if _even(rows) else None


class _UnpairedError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _parsed(text: str, delimiter: str, first: int, quoting: int, *, spaces: bool = False) -> list[_Row]:
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=delimiter, quoting=quoting, strict=True, skipinitialspace=spaces)  # type: ignore[arg-type]
    rows: list[_Row] = []
    while True:
        begins = reader.line_num + first
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _UnpairedError(begins) from error
        if cells is None:
            return rows
        if any(cell.strip() for cell in cells) or len(cells) > 1:
            rows.append(_Row(begins, reader.line_num + first - 1, cells))


def _even(rows: Sequence[_Row]) -> bool:
    return len({len(row.cells) for row in rows}) <= 1


def _spaced(raw: Sequence[_Row]) -> bool:
    """Whether values are quoted after a space, as in `a, "b, c"`."""
    return any(cell.startswith((' "', '  "')) for row in raw for cell in row.cells)


def _unswallowed(quoted: list[_Row], raw: list[_Row], delimiter: str) -> tuple[list[_Row], str]:
    """The rows, and a note, where two lone marks, lines apart, may have made one value of the rows between them.

    Both readings are possible then. With tabs, which hardly a text holds, the lines are rows. With another delimiter they
    are a letter of several lines, unless one of them ends with what is a label elsewhere in the file, or there are too
    many of them: a note is then too little.
    """
    long = [row for row in quoted if row.ends > row.line]
    if not long or not _even(raw) or len(raw) == len(quoted):
        return quoted, ""
    if delimiter == "\t":
        return raw, RAW
    width = len(quoted[0].cells)
    labels = Counter(row.cells[-1].strip() for row in quoted[1:] if len(row.cells) == width)
    most = min(MOST_LINES, max(LEAST_LINES, MOST_PART * len(raw)))
    for row in long:
        inside = [other.cells[-1].strip() for other in raw if row.line <= other.line < row.ends]
        seen = len(labels) <= LABELS and any(labels[value] for value in inside if value)
        if seen or row.ends - row.line + 1 > most:
            raise MalformedError(
                f"has a quotation mark in line {row.line} that pairs with one in line {row.ends} and makes one value of "
                "what may be rows",
                "If they are rows, double each mark and put its value into marks; else give the value's lines other ends.",
            )
    return quoted, (
        f"{len(long):,} of its rows are of several lines, of which each could be a row; line {long[0].line} to line "
        f"{long[0].ends} are the first: if they are rows, double each quotation mark and put its value into marks"
    )


def _table(name: str, rows: Sequence[_Row], delimiter: str) -> Table:
    if not rows:
        raise MalformedError("has no rows", "Put the rows into it, or name the file that has them.")
    whole = [cell.strip() for cell in rows[0].cells]
    header = list(whole)
    while header and not header[-1]:
        header.pop()
    widths = _widths(rows, len(whole), len(header))
    _refuse_ragged(rows, widths, len(header), delimiter)
    counts = Counter(column for column in header if column)
    used = [(at, column) for at, column in enumerate(header) if column]
    body = [{column: row.cells[at] if at < len(row.cells) else None for at, column in used} for row in rows[1:]]
    twice = frozenset(column for column, count in counts.items() if count > 1)
    return Table(name, tuple(dict.fromkeys(column for _, column in used)), body, twice=twice)


def _widths(rows: Sequence[_Row], whole: int, header: int) -> set[int]:
    """How many values a row may have: as many as the header; one more and empty where all rows end with a delimiter."""
    found = {len(row.cells) for row in rows[1:]}
    if (
        len(rows) > 2
        and len(found) == 1
        and all(not any(cell.strip() for cell in row.cells[whole:]) for row in rows[1:])
    ):
        width = found.pop()
        return {whole, header, width} if width > whole else {whole, header}
    return {whole, header}


def _refuse_ragged(rows: Sequence[_Row], widths: set[int], header: int, delimiter: str) -> None:
    wrong = [row for row in rows[1:] if len(row.cells) not in widths]
    if not wrong:
        return
    shown = ", ".join(f"line {row.line} has {len(row.cells)}" for row in wrong[:LINES_SHOWN])
    more = f" and {len(wrong) - LINES_SHOWN} more" if len(wrong) > LINES_SHOWN else ""
    named = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}.get(delimiter, repr(delimiter))
    raise MalformedError(
        f"has {len(wrong)} of {len(rows) - 1} rows with another number of values than its header, which names {header}: "
        f"{shown}{more}",
        f'Put a value that holds {named} into quotation marks ("…"), and give each row a value for each column.',
    )
