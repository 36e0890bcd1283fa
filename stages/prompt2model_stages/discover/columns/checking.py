"""Checks proposed columns on a dataset's first rows, converted to text as prepare will do it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.texts import cut
from prompt2model_stages.discover.columns.schema import columns_of, table_of
from prompt2model_stages.errors import StageError
from prompt2model_stages.examples import Example, normalised
from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.textualizing import examples_of

FEW = 5
"""With fewer filled rows, nothing is said of what the columns have in common."""
EMPTY = 0.5
"""More rows than this share without an input or output are an objection."""
SAME = 0.5
"""An input column that has the output itself in this share of the rows gives it away."""
CONTAINED = 0.9
CLASSES = 3
"""A column of classes has each of them this often among the rows, on average."""
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Proposal:
    """Columns that somebody proposes. by: Catalog, Teacher or Rules. sure: it needs no person to confirm it."""

    by: str
    inputs: tuple[str, ...]
    output: str
    sure: bool = True

    @property
    def shown(self) -> str:
        """The columns in short."""
        return f"{', '.join(self.inputs)} → {self.output}"


@dataclass(frozen=True)
class Verdict:
    """What the rules say of a proposal.

    wrong: why it cannot be read so; empty where it can.
    unlabelled: it is wrong only because no row of this split has an output.
    doubt: why the columns are doubtful; empty where nothing speaks against them.
    unlike: why rows made of them are not what the demonstrations show; empty where they are.
    notes: what a person should know.
    """

    wrong: str = ""
    unlabelled: bool = False
    doubt: str = ""
    unlike: str = ""
    notes: tuple[str, ...] = ()

    @property
    def against(self) -> str:
        """What speaks against using it unasked."""
        return self.wrong or self.doubt or self.unlike


def check(proposal: Proposal, read: FirstRows, demonstrations: Sequence[Demonstration]) -> Verdict:
    """The verdict on a proposal."""
    table = table_of(read)
    if wrong := _unreadable(proposal, read, table):
        return Verdict(wrong=wrong)
    try:
        rows = examples_of(table, proposal.inputs, proposal.output, "retrieved")
    except StageError as error:
        return Verdict(wrong=error.failure.message.rstrip("."))
    if not any(row.output for row in rows):
        said = f"none of the first {len(rows)} rows of the split {read.split} has an output in {proposal.output}"
        return Verdict(wrong=said, unlabelled=True)
    filled = [row for row in rows if row.input.strip() and row.output.strip()]
    return Verdict(
        doubt=_empty(len(rows) - len(filled), len(rows)) or _given_away(proposal, table),
        unlike=_unlike(proposal, read, filled, demonstrations) if demonstrations else "",
        notes=tuple(_notes(proposal, read, len(rows) - len(filled), rows)),
    )


def _unreadable(proposal: Proposal, read: FirstRows, table: Table) -> str:
    wanted = [*proposal.inputs, proposal.output]
    if media := [column for column in wanted if column.partition(".")[0] in read.left_out]:
        return f"{media[0]} holds images, sound or other files, which no student reads"
    if missing := [column for column in wanted if not table.has(column)]:
        return f"the dataset has no column {', '.join(missing)}"
    if proposal.output in proposal.inputs:
        return f"{proposal.output} is both input and output"
    output = table.column(proposal.output)
    if around := [column for column in proposal.inputs if output.startswith(f"{table.column(column)}.")]:
        return f"the input column {around[0]} contains the output {proposal.output}"
    return "" if read.rows else f"the split {read.split} has no rows"


def _empty(empty: int, rows: int) -> str:
    return f"{empty} of the first {rows} rows have no input or no output" if empty > EMPTY * rows else ""


def _given_away(proposal: Proposal, table: Table) -> str:
    """Whether an input column says the output, in the same or in other words."""
    for column in proposal.inputs:
        pairs = [
            (normalised(row.input), normalised(row.output))
            for row in examples_of(table, [column], proposal.output, "retrieved")
            if row.input and row.output
        ]
        if len(pairs) < FEW:
            continue
        if sum(given == output for given, output in pairs) >= SAME * len(pairs):
            return f"{column} has the output itself"
        inputs, outputs = ({pair[side] for pair in pairs} for side in (0, 1))
        few = 2 <= len(outputs) <= len(pairs) / CLASSES
        if few and len(inputs) == len(outputs) == len(set(pairs)):
            return f"{column} says the same as {proposal.output} in other words, so the student would learn nothing"
    return ""


def _unlike(
    proposal: Proposal, read: FirstRows, rows: Sequence[Example], demonstrations: Sequence[Demonstration]
) -> str:
    """Why the outputs are not what the demonstrations show: other classes, numbers for words, copies for new texts."""
    return (
        _other_classes(proposal, read, rows, demonstrations)
        or _numbers(rows, demonstrations)
        or _copied(rows, demonstrations)
    )


def _other_classes(
    proposal: Proposal, read: FirstRows, rows: Sequence[Example], demonstrations: Sequence[Demonstration]
) -> str:
    """Outputs of a closed set: of a column of classes, or of one whose rows have few texts, of which the rest may be unseen."""
    named = next((column.labels for column in columns_of(read) if column.path == proposal.output), ())
    labels = named or tuple(dict.fromkeys(row.output for row in rows))
    known = {normalised(label) for label in labels}
    others = [d.output for d in demonstrations if normalised(d.output) not in known]
    is_closed = bool(named) or 2 <= len(labels) <= len(rows) / CLASSES
    if not others or not is_closed or (not named and len(others) < len(demonstrations)):
        return ""
    shown = ", ".join(cut(label, 40) for label in labels[:6]) + (", …" if len(labels) > 6 else "")
    return f"its outputs are {shown}, and your demonstrations have {others[0][:40]!r}"


def _numbers(rows: Sequence[Example], demonstrations: Sequence[Demonstration]) -> str:
    """Numbers, where no demonstration has one: ids of classes whose names nobody knows, or scores."""
    if not rows or not all(is_number(row.output) for row in rows) or any(is_number(d.output) for d in demonstrations):
        return ""
    return f"its outputs are numbers, such as {rows[0].output[:40]}, and those of your demonstrations are not"


def is_number(text: str) -> bool:
    """Whether a text is a number and nothing else."""
    return _NUMBER.fullmatch(text.strip()) is not None


def _copied(rows: Sequence[Example], demonstrations: Sequence[Demonstration]) -> str:
    """Outputs that are parts of the inputs, where those of the demonstrations are not."""
    if len(rows) < FEW or not _contained(rows) or any(d.output in d.input for d in demonstrations):
        return ""
    return "its outputs are parts of their inputs, and those of your demonstrations are not"


def _contained(rows: Sequence[Example]) -> bool:
    return sum(row.output in row.input for row in rows) >= CONTAINED * len(rows)


def _notes(proposal: Proposal, read: FirstRows, empty: int, rows: Sequence[Example]) -> list[str]:
    notes = []
    if empty:
        notes.append(f"{empty} of the first {len(rows)} rows have no input or no output and are left out")
    if len(rows) >= FEW and _contained(rows):
        notes.append("the outputs are parts of their inputs")
    lists = sum(
        isinstance(value := table_of(read).cell(row, proposal.output), list) and len(value) > 1 for row in read.rows
    )
    if lists:
        notes.append(f"{lists} of the first {len(rows)} rows have several outputs, which are joined by commas")
    if read.left_out:
        notes.append(f"images, sound or other files are left out: {', '.join(read.left_out[:8])}")
    return notes
