"""Columns by rule: by their usual names, their types, and what the demonstrations look like.

A proposal is sure where only one is possible, or where the demonstrations tell which. Otherwise a person is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.discover.columns.checking import Proposal, check
from prompt2model_stages.discover.columns.schema import Column, columns_of, table_of
from prompt2model_stages.discover.languages import detect
from prompt2model_stages.examples import normalised
from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.prepare.textualizing import text_of

RULES = "Rules"
USUAL: tuple[tuple[tuple[str, ...], str], ...] = (
    (("instruction", "input"), "output"),
    (("instruction",), "output"),
    (("instruction",), "response"),
    (("prompt",), "completion"),
    (("prompt",), "response"),
    (("input",), "output"),
    (("inputs",), "targets"),
    (("source",), "target"),
    (("question", "context"), "answers.text"),
    (("question", "context"), "answer"),
    (("question",), "answer"),
    (("premise", "hypothesis"), "label"),
    (("sentence1", "sentence2"), "label"),
    (("question1", "question2"), "label"),
    (("dialogue",), "summary"),
    (("document",), "summary"),
    (("article",), "highlights"),
    (("article",), "summary"),
    (("text",), "summary"),
    (("text",), "label"),
    (("sentence",), "label"),
    (("content",), "label"),
    (("review",), "label"),
)
"""Inputs and output as datasets of the hub name them; where several are there, the first one counts."""
_IDS = ("id", "_id", "idx", "index", "uuid", "guid", "url", "link", "date", "timestamp")
LONGER = 3.0
"""One side is longer than the other where it is this many times as long."""


def guess(read: FirstRows, demonstrations: Sequence[Demonstration]) -> Proposal | None:
    """The columns that the rules propose; None where none come to mind."""
    columns = {column.path: column for column in columns_of(read)}
    return (
        _translation(list(columns.values()), demonstrations)
        or _by_name(columns, read, demonstrations)
        or _by_type(list(columns.values()), read, demonstrations)
    )


def _translation(columns: Sequence[Column], demonstrations: Sequence[Demonstration]) -> Proposal | None:
    """The two languages of `translation.de` and `translation.en` that the demonstrations are in."""
    sides = {
        column.path.rpartition(".")[2]: column.path for column in columns if column.path.startswith("translation.")
    }
    if len(sides) < 2:
        return None
    texts = ("\n".join(d.input for d in demonstrations), "\n".join(d.output for d in demonstrations))
    from_, into = (detect(text) for text in texts)
    if from_.code != into.code and from_.code in sides and into.code in sides:
        return Proposal(RULES, (sides[from_.code],), sides[into.code], sure=from_.sure and into.sure)
    first, second = list(sides.values())[:2]
    return Proposal(RULES, (first,), second, sure=False)


def _by_name(columns: dict[str, Column], read: FirstRows, demonstrations: Sequence[Demonstration]) -> Proposal | None:
    """The first usual names that are there and that nothing speaks against; sure where no other output is usual."""
    usual = [Proposal(RULES, inputs, output) for inputs, output in USUAL if {*inputs, output} <= columns.keys()]
    fine = [proposal for proposal in usual if not check(proposal, read, demonstrations).against]
    if not fine:
        return usual[0] if usual else None
    return Proposal(RULES, fine[0].inputs, fine[0].output, sure=len({proposal.output for proposal in fine}) == 1)


def _by_type(columns: Sequence[Column], read: FirstRows, demonstrations: Sequence[Demonstration]) -> Proposal | None:
    """One text with one label, or two texts of which the demonstrations tell which is the longer one."""
    texts = [column for column in columns if column.is_text and not _is_id(column, read)]
    labels = [column for column in columns if column.is_label]
    if texts and labels:
        fitting = [column for column in labels if _answers(column, demonstrations)] or labels
        sure = len(texts) == 1 and len(fitting) == 1
        return Proposal(RULES, tuple(column.path for column in texts), fitting[0].path, sure=sure)
    if len(texts) < 2:
        return None
    one, other = texts[0].path, texts[-1].path
    if len(texts) == 2 and (ordered := _by_length(one, other, read, demonstrations)):
        return Proposal(RULES, (ordered[0],), ordered[1])
    return Proposal(RULES, (one,), other, sure=False)


def _answers(column: Column, demonstrations: Sequence[Demonstration]) -> bool:
    known = {normalised(label) for label in column.labels}
    return bool(demonstrations) and all(normalised(d.output) in known for d in demonstrations)


def _by_length(
    one: str, other: str, read: FirstRows, demonstrations: Sequence[Demonstration]
) -> tuple[str, str] | None:
    """Input and output, where both the demonstrations and the columns have a longer side; None where either has none."""
    if not demonstrations:
        return None
    asked = _longer(mean(len(d.input) for d in demonstrations), mean(len(d.output) for d in demonstrations))
    there = _longer(_length(one, read), _length(other, read))
    if not asked or not there:
        return None
    return (one, other) if asked == there else (other, one)


def _longer(one: float, other: float) -> int:
    """1 where the first is far longer, -1 where the second is, else 0."""
    return 1 if one >= LONGER * other else -1 if other >= LONGER * one else 0


def _length(column: str, read: FirstRows) -> float:
    table = table_of(read)
    lengths = [len(text_of(table.cell(row, column))) for row in read.rows]
    return mean(lengths) if lengths else 0.0


def _is_id(column: Column, read: FirstRows) -> bool:
    """Whether a column names rows rather than saying anything: by its name, or since each value is one different word."""
    name = column.path.rpartition(".")[2].casefold()
    if name in _IDS or name.endswith(("_id", "_url", "_idx")):
        return True
    table = table_of(read)
    values = [text_of(table.cell(row, column.path)) for row in read.rows]
    coded = [value for value in values if value and " " not in value and any(letter.isdigit() for letter in value)]
    return len(values) > 1 and len(set(coded)) == len(values)
