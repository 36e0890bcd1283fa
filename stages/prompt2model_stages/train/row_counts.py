"""What of the rows the student does not see, or cannot write: counted before the first step, and refused above a bound.

A cut target is learnt without an end token, so that its beginning is not taught as the whole answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.spec.training import Training
from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.percentiles import at_most
from prompt2model_stages.student.encoding import Encoded, StudentEncoder
from prompt2model_stages.trimming import trimmed

MAX_CUT_OUTPUTS = 5.0
MAX_CUT_INPUTS = 20.0
MAX_UNWRITABLE = 5.0
MIN_DISTINCT = 2
"""The bounds where the spec names none; the first three are percentages of the training rows."""


@dataclass(frozen=True)
class RowCounts:
    """Of one split.

    rows, distinct: rows, and different outputs among them.
    cut_inputs, cut_outputs: rows longer than the limits.
    unwritable: rows whose output the tokenizer does not give back: unknown tokens, other letters.
    respaced: rows whose output comes back with other white space.
    longest_input, longest_output: tokens, uncut; what the limits would have to be for nothing to be cut.
    median_input, p95_input, median_output, p95_output: tokens, uncut: what half of the rows, and 95 % of them, have at most.
    example: an unwritable output, and how it comes back.
    """

    rows: int
    distinct: int
    cut_inputs: int
    cut_outputs: int
    unwritable: int
    respaced: int
    longest_input: int
    longest_output: int
    median_input: int = 0
    p95_input: int = 0
    median_output: int = 0
    p95_output: int = 0
    example: tuple[str, str] | None = None


def count(encoder: StudentEncoder, rows: Sequence[Encoded], outputs: Sequence[str]) -> RowCounts:
    """Counts over a split; `outputs` are those of the rows, in their order."""
    distinct = list(dict.fromkeys(outputs))
    back = dict(zip(distinct, encoder.round_trips(distinct), strict=True))
    unwritable = {output for output, text in back.items() if text is None or _letters(text) != _letters(output)}
    respaced = {
        output for output, text in back.items() if output not in unwritable and text != trimmed(output, lone=True)
    }
    first = next(iter(sorted(unwritable)), None)
    settings = encoder.settings
    inputs, written = sorted(row.source_tokens for row in rows), sorted(row.target_tokens for row in rows)
    return RowCounts(
        rows=len(rows),
        distinct=len(back),
        cut_inputs=sum(row.source_tokens > settings.max_input_tokens for row in rows),
        cut_outputs=sum(row.target_tokens > settings.max_output_tokens for row in rows),
        unwritable=sum(output in unwritable for output in outputs),
        respaced=sum(output in respaced for output in outputs),
        longest_input=at_most(inputs, 100),
        longest_output=at_most(written, 100),
        median_input=at_most(inputs, 50),
        p95_input=at_most(inputs, 95),
        median_output=at_most(written, 50),
        p95_output=at_most(written, 95),
        example=None if first is None else (first[:80], (back[first] or "unknown tokens")[:80]),
    )


def sentences(counts: RowCounts, split: str = "training") -> list[str]:
    """What a person should know of a split, a sentence each; none where every row is whole."""
    rows, found = f"{counts.rows:,} {split} rows", []
    if counts.cut_outputs:
        then = "they are learnt cut, without an end" if split == "training" else "they are measured cut"
        found.append(
            f"{counts.cut_outputs:,} of {rows} have outputs over training.maxOutputTokens; {then}. The longest has "
            f"{counts.longest_output:,} tokens."
        )
    if counts.cut_inputs:
        found.append(
            f"{counts.cut_inputs:,} of {rows} have inputs over training.maxInputTokens, which are cut. The longest has "
            f"{counts.longest_input:,} tokens."
        )
    if counts.unwritable:
        found.append(f"{counts.unwritable:,} of {rows} have outputs that the student's tokenizer cannot write.")
    if counts.respaced:
        found.append(
            f"{counts.respaced:,} of {rows} have outputs that the tokenizer gives back with other white space."
        )
    return found


def doubt(validation: RowCounts, training: Training) -> list[str]:
    """A sentence where more of the validation rows is lost than the spec allows of the training rows."""
    over = [
        field
        for field, part, given, default in (
            ("maxUnwritablePercent", validation.unwritable, training.max_unwritable_percent, MAX_UNWRITABLE),
            ("maxCutOutputsPercent", validation.cut_outputs, training.max_cut_outputs_percent, MAX_CUT_OUTPUTS),
            ("maxCutInputsPercent", validation.cut_inputs, training.max_cut_inputs_percent, MAX_CUT_INPUTS),
        )
        if _over(part, validation.rows, given, default)
    ]
    if not over:
        return []
    named = ", ".join(f"training.{field}" for field in over)
    return [
        f"The best epoch is chosen by validation rows of which too much is lost (over {named}): another epoch may be better "
        "on whole rows."
    ]


def refusal(counts: RowCounts, training: Training) -> StageError | None:
    """The error where more of the training rows is lost than the spec allows; None where it is not."""
    if counts.distinct < _bound(training.min_distinct_outputs, MIN_DISTINCT):
        return failed(
            "OutputsAllEqual",
            f"The {counts.rows:,} training rows have {counts.distinct} different output(s): the student would give the same "
            "answer to everything.",
            "Check the data's output column, or set training.minDistinctOutputs to 1 if that is what you want.",
        )
    if _over(counts.unwritable, counts.rows, training.max_unwritable_percent, MAX_UNWRITABLE):
        wanted, got = counts.example or ("", "")
        return failed(
            "OutputsNotWritable",
            f"The student's tokenizer cannot write {_share(counts.unwritable, counts.rows)} of the training outputs: "
            f"{wanted!r} comes back as {got!r}.",
            "Choose a student whose tokenizer knows this language and script, or raise training.maxUnwritablePercent.",
        )
    if _over(counts.cut_outputs, counts.rows, training.max_cut_outputs_percent, MAX_CUT_OUTPUTS):
        return failed(
            "OutputsCut",
            f"{_share(counts.cut_outputs, counts.rows)} of the training outputs are longer than training.maxOutputTokens.",
            f"Raise training.maxOutputTokens to {counts.longest_output}, leave long rows out, or raise "
            "training.maxCutOutputsPercent.",
        )
    if _over(counts.cut_inputs, counts.rows, training.max_cut_inputs_percent, MAX_CUT_INPUTS):
        return failed(
            "InputsCut",
            f"{_share(counts.cut_inputs, counts.rows)} of the training inputs are longer than training.maxInputTokens.",
            f"Raise training.maxInputTokens to {counts.longest_input}, shorten the instruction, or raise "
            "training.maxCutInputsPercent.",
        )
    return None


def _letters(text: str) -> str:
    """The text without white space: some tokenizers give `a , b` back as `a, b`."""
    return "".join(text.split())


def _bound(given: float | None, default: float) -> float:
    return default if given is None else given


def _over(part: int, rows: int, given: float | None, default: float) -> bool:
    return part > 0 and 100 * part > _bound(given, default) * rows


def _share(part: int, rows: int) -> str:
    return f"{part:,} of {rows:,} ({math.ceil(1000 * part / rows) / 10:g} %)"
