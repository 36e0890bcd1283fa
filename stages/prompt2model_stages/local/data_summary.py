"""What `p2m validate` says of the user's files: rows, labels, lengths, and how they were read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

from prompt2model_stages.classes import are_labels
from prompt2model_stages.examples import same_text
from prompt2model_stages.prepare.own_data import OwnExamples
from prompt2model_stages.prepare.splitting import OWN_LEFT_OUT
from prompt2model_stages.prepare.web import is_web

LABELS_SHOWN = 20
LABEL_LENGTH = 50
MISSING_WORDS = {"nan", "none", "null", "na", "n/a", "nil", "-"}
SPREADSHEET_ERROR = re.compile(r"#(REF!|N/A|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!)")


def summary_of(where: str, own: OwnExamples) -> list[str]:
    """Lines for a person: what the file holds, then what to look at.

    Args:
        where: the spec's field that names the file.
        own: at least one of its examples has an input and an output.
    """
    filled = [example for example in own.examples if example.input and example.output]
    outputs = Counter(example.output for example in filled)
    rows, without = len(own.examples), len(own.examples) - len(filled)
    lines = [f"{where}: {rows} {_plural(rows, 'row')} in {own.table.name}"]
    if without:
        inputs = sum(1 for example in own.examples if not example.input)
        answers = sum(1 for example in own.examples if not example.output)
        lines.append(f"  {without} left out: {inputs} without an input, {answers} without an output")
    if is_web(own.table.name):
        return lines  # what an address answers is in no message
    if len(outputs) <= LABELS_SHOWN and all(len(label) <= LABEL_LENGTH for label in outputs):
        shown = ", ".join(f"{' '.join(label.split())} {count}" for label, count in _ordered(outputs))
        lines.append(f"  labels: {shown}")
    else:
        lines.append(f"  {len(outputs)} different outputs")
    lines.append(
        f"  input {_lengths([len(e.input) for e in filled])}, output {_lengths([len(e.output) for e in filled])} characters"
    )
    return lines + [f"  {note}" for note in (*own.table.notes, *_doubts(where, own, outputs))]


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _lengths(lengths: Sequence[int]) -> str:
    low, high = min(lengths), max(lengths)
    return str(low) if low == high else f"{low} to {high} (median {median(lengths):.0f})"


def _doubts(where: str, own: OwnExamples, outputs: Counter[str]) -> list[str]:
    """What is read as it stands, and may not be meant."""
    doubts = []
    errors = [n for n, e in enumerate(own.examples, start=1) if SPREADSHEET_ERROR.fullmatch(e.output)]
    if errors:
        doubts.append(
            f"{len(errors)} {_plural(len(errors), 'output')} {_verb(errors)} an error of a spreadsheet "
            f"({own.examples[errors[0] - 1].output} in row {errors[0]}), taken as text: correct the sheet"
        )
    missing = sorted(label for label in outputs if label.casefold() in MISSING_WORDS)
    if missing:
        doubts.append(f"{', '.join(missing)} as an output is taken as text: leave a value empty where it is missing")
    folded: dict[str, list[str]] = {}
    for label in outputs if len(outputs) <= LABELS_SHOWN else ():
        folded.setdefault(label.casefold(), []).append(label)
    for alike in folded.values():
        if len(alike) > 1:
            doubts.append(f"{' and '.join(sorted(alike))} differ in case alone and are different outputs")
    if there_before := _there_before(where, own):
        doubts.append(there_before)
    if any("\ufffd" in e.input or "\ufffd" in e.output for e in own.examples):
        doubts.append("some texts hold the character \ufffd: the file was once read in a wrong encoding")
    return doubts


def _there_before(where: str, own: OwnExamples) -> str | None:
    """Of rows that have the input of another one; few are not worth a line."""
    wordings: dict[str, Counter[str]] = defaultdict(Counter)
    for example in own.examples:
        if example.input and example.output:
            wordings[same_text(example.input)][example.output] += 1
    rows = sum(votes.total() for votes in wordings.values())
    others = sum(votes.total() - max(votes.values()) for votes in wordings.values())
    twice = sum(max(votes.values()) - 1 for votes in wordings.values())
    if others + twice <= OWN_LEFT_OUT * rows:
        return None
    labels = are_labels(output for votes in wordings.values() for output in votes.elements())
    kept = "each of them is right" if where.endswith("testData") and not labels else "the most frequent one is kept"
    return (
        f"{others} of {rows} rows have the input of another row and another output ({kept}), {twice} have the input and the "
        "output of another row"
    )


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _verb(found: Sequence[int]) -> str:
    return "is" if len(found) == 1 else "are"
