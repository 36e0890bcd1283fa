"""Columns by rule: by their usual names, their types, and what the demonstrations look like.

A proposal is sure where only one is possible, or where the demonstrations tell which. Otherwise a person is asked: so where
another column of texts, classes or numbers could be meant as well, where the demonstrations say the contrary, and where the
outputs are bare numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import mean

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.discover.columns.checking import Proposal, check, is_number
from prompt2model_stages.discover.columns.schema import Column, columns_of, table_of
from prompt2model_stages.discover.languages import detect
from prompt2model_stages.examples import normalised
from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.prepare.tables.class_names import named
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
_PLACE = re.compile(r"(^|_)(start|begin|end|offset|position|span)s?$")
"""How the names end of numbers that say where an answer stands in its context."""
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
    """The first usual names that are there and that nothing speaks against; sure where no other columns could be meant."""
    usual = [Proposal(RULES, inputs, output) for inputs, output in USUAL if {*inputs, output} <= columns.keys()]
    fine = [proposal for proposal in usual if not check(proposal, read, demonstrations).against]
    if not fine:
        return replace(usual[0], sure=False) if usual else None
    is_alone = len({proposal.output for proposal in fine}) == 1
    return _judged(replace(fine[0], sure=is_alone), list(columns.values()), read, demonstrations)


def _by_type(columns: Sequence[Column], read: FirstRows, demonstrations: Sequence[Demonstration]) -> Proposal | None:
    """One text with one label, or two texts of which the demonstrations tell which is the longer one."""
    texts = [column for column in columns if column.is_text and not _is_id(column, read, demonstrations)]
    labels = [column for column in columns if column.is_label]
    if texts and labels:
        fitting = [column for column in labels if _answers(column, demonstrations)] or labels
        found = Proposal(RULES, tuple(column.path for column in texts), fitting[0].path, sure=len(texts) == 1)
        return _judged(found, columns, read, demonstrations)
    if len(texts) < 2:
        return None
    one, other = texts[0].path, texts[-1].path
    if len(texts) == 2 and (ordered := _by_length(one, other, read, demonstrations)):
        return _judged(Proposal(RULES, (ordered[0],), ordered[1]), columns, read, demonstrations)
    return Proposal(RULES, (one,), other, sure=False)


def _judged(
    proposal: Proposal, columns: Sequence[Column], read: FirstRows, demonstrations: Sequence[Demonstration]
) -> Proposal:
    """The proposal; not sure where something else could be meant, or where the demonstrations say the contrary."""
    others = [column for column in columns if column.path not in (*proposal.inputs, proposal.output)]
    meant = (column for column in others if column.says_something or column.is_numeric)
    is_only = all(
        _is_id(column, read, demonstrations) or _is_place_of(proposal.output, column, read) for column in meant
    )
    return replace(proposal, sure=proposal.sure and is_only and not _is_contradicted(proposal, read, demonstrations))


def _is_contradicted(proposal: Proposal, read: FirstRows, demonstrations: Sequence[Demonstration]) -> bool:
    """Whether the demonstrations go the other way, or the outputs are numbers that no demonstration bears out."""
    if len(proposal.inputs) == 1:
        ordered = _by_length(proposal.inputs[0], proposal.output, read, demonstrations)
        if ordered is not None and ordered[1] != proposal.output:
            return True
    outputs = [text for text in _texts(proposal.output, read) if text]
    return bool(outputs) and all(map(is_number, outputs)) and not any(is_number(d.output) for d in demonstrations)


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
    texts = _texts(column, read)
    return mean(map(len, texts)) if texts else 0.0


def _texts(column: str, read: FirstRows) -> list[str]:
    """A column as text, classes by their names; nothing for what cannot be read."""
    table = table_of(read)
    texts = []
    for row in read.rows:
        try:
            texts.append(text_of(named(table.cell(row, column), column, table.labels)))
        except ValueError:  # bytes that are no text, a class id without a name: the check says so
            texts.append("")
    return texts


def _is_id(column: Column, read: FirstRows, demonstrations: Sequence[Demonstration]) -> bool:
    """Whether a column names rows rather than saying anything: by its name, or by its values.

    A name alone does not tell: values that come again are those of classes, as in label_id, unless there is only one. Without
    such a name each value is one different word with a digit; numbers, of which a score has different ones too, count the rows up.
    Codes that look like the outputs of the demonstrations may be what is asked for. Bare numbers look like any id of such a name.
    """
    name, values = column.path.rpartition(".")[2].casefold(), _texts(column.path, read)
    filled = [value for value in values if value]
    asked = _shapes_asked(demonstrations)
    is_asked = bool(asked) and column.is_text and asked <= {_shape(value) for value in filled}
    if is_asked and asked != {_shape("0")}:
        return False
    if (name in _IDS or name.endswith(("_id", "_url", "_idx"))) and len(set(filled)) in (0, 1, len(filled)):
        return True
    if column.is_numeric:
        return len(values) > 1 and all(value.isdigit() for value in values) and _rises([int(value) for value in values])
    coded = [value for value in values if _is_code(value)]
    return not is_asked and len(values) > 1 and len(set(coded)) == len(values)


def _is_code(text: str) -> bool:
    """Whether a text is one word with a digit."""
    return bool(text) and " " not in text and any(letter.isdigit() for letter in text)


def _shapes_asked(demonstrations: Sequence[Demonstration]) -> set[str]:
    """The shapes of the outputs, where all of them are codes."""
    outputs = [d.output.strip() for d in demonstrations]
    return {_shape(output) for output in outputs} if all(map(_is_code, outputs)) else set()


def _shape(text: str) -> str:
    """How a code is built: INV-2024-77 and RE-1-5 alike are letters, digits and digits with a dash between them."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", text.strip()))


def _is_place_of(output: str, column: Column, read: FirstRows) -> bool:
    """Whether numbers beside the output in its own nested column say where it stands: answers.answer_start of answers.text.

    Or there are none in any row.
    """
    parent, _, name = column.path.casefold().rpartition(".")
    if not column.is_numeric or not parent or parent != output.casefold().rpartition(".")[0]:
        return False
    return _PLACE.search(name) is not None or not any(_texts(column.path, read))


def _rises(numbers: Sequence[int]) -> bool:
    return all(one < following for one, following in pairwise(numbers))
