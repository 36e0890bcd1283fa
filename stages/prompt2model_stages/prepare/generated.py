"""The generated examples: as generate wrote them, or as a person corrected them where generation.accepted names that.

What a person made of other examples, or a file that somebody altered since, is never read: nothing is trained on by mistake.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import blocked
from prompt2model_stages.examples import EXAMPLES, Example, VotedExample
from prompt2model_stages.job_folders import resource_folder
from prompt2model_stages.prepare.textualizing import output_text
from prompt2model_stages.reviewed import (
    NotThatVersionError,
    Version,
    counts_of,
    file_name,
    read_about,
    read_version,
    sentence_on,
)
from prompt2model_stages.stage_files import read_lines
from prompt2model_stages.statistics_files import Review
from prompt2model_stages.trimming import trimmed

CORRECTED = "corrected by a person"
"""The end of the origin of such a row."""
AGAIN = "Save them again with `p2m review`, or set generation.accepted to the hash of the generated examples alone."


@dataclass(frozen=True)
class GeneratedRows:
    """The examples. review: what a person made of them, None where nothing; notes: the same in words."""

    examples: Sequence[Example] = ()
    review: Review | None = None
    notes: Sequence[str] = field(default=())


def generated_rows(context: StageContext) -> GeneratedRows:
    """The generated examples that are trained on.

    Raises: StageError, Blocked, ReviewedMissing or ReviewedChanged, where generation.accepted names a file that cannot be used.
    """
    spec = context.job.stage_run.spec
    if "generate" not in spec.inputs:
        return GeneratedRows()
    if spec.decision is None or spec.decision.reviewed is None:
        return GeneratedRows([_example(row) for row in read_lines(context.input("generate"), EXAMPLES, VotedExample)])
    version = _version(context, spec.decision.reviewed)
    counts = counts_of(version, read_about(resource_folder(context.job), version.sha256))
    examples = [_example(row, corrected=row.corrected) for row in version.examples]
    return GeneratedRows(examples, Review(sha256=version.sha256, counts=counts), [sentence_on(counts)])


def is_corrected(example: Example) -> bool:
    """Whether a person changed this row."""
    return example.source == "generated" and example.origin.endswith(CORRECTED)


def _version(context: StageContext, sha256: str) -> Version:
    folder = resource_folder(context.job)
    place = f"{folder.uri}/{file_name(sha256)}"
    try:
        version = read_version(folder, sha256)
    except FileNotFoundError:
        message = f"The examples that generation.accepted names are not there: {place} is missing."
        raise blocked("ReviewedMissing", message, AGAIN) from None
    except NotThatVersionError as error:
        message = f"The examples that generation.accepted names cannot be used: {place} was altered, {error}."
        raise blocked("ReviewedChanged", message, AGAIN) from error
    generated = hashlib.sha256(context.input("generate").read_bytes(EXAMPLES)).hexdigest()
    if version.head.examples_sha256 != generated:
        message = f"The examples that generation.accepted names were made of other generated examples than there are now ({place})."
        raise blocked("ReviewedChanged", message, AGAIN)
    return version


def _example(row: VotedExample, *, corrected: bool = False) -> Example:
    requests = ",".join(row.requests)
    origin = f"{requests}, {CORRECTED}" if corrected else requests
    return Example(
        input=row.input.strip(), output=output_text(trimmed(row.output, lone=True)), source="generated", origin=origin
    )
