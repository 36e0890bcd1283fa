"""Decides the columns, the configuration and the split of the datasets that were read.

Who proposes: the spec, where it names columns; else the catalog, the teacher, the rules, until one proposal stands. Where the
hub does not answer, the catalog's columns stay as they are, and the candidate says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prompt2model_api.conditions import Failure
from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import Choice, DatasetCandidate
from prompt2model_api.texts import cut, told
from prompt2model_stages.discover.asking import Asks
from prompt2model_stages.discover.columns.checking import Proposal, Verdict, check
from prompt2model_stages.discover.columns.guessing import guess
from prompt2model_stages.discover.columns.reading import (
    CHOICE,
    FIELD,
    Reader,
    Reading,
    as_named,
    is_at_hub,
    is_away,
    read_first,
    said_of,
    to_read,
)
from prompt2model_stages.discover.columns.schema import columns_of
from prompt2model_stages.discover.columns.teaching import ask_for_columns
from prompt2model_stages.hub_data import DEADLINE_S, FirstRows
from prompt2model_stages.stage_files import ColumnProposal, DatasetRead

CATALOG = "Catalog"
MOST_SPLITS = 3
"""Splits that are looked at until one has outputs."""

Judged = list[tuple[Proposal, Verdict]]


@dataclass(frozen=True)
class Asked:
    """What the columns are for.

    teacher: None where it is not strong enough to help. named: what the spec names.
    already: what was read before, by name. most: how many datasets would be used unasked.
    """

    teacher: Asks | None
    instruction: str
    demonstrations: Sequence[Demonstration]
    named: Choice | None = None
    already: Mapping[str, FirstRows | Failure] = field(default_factory=dict)
    most: int = 1


@dataclass(frozen=True)
class WithColumns:
    """The candidates with what is known of their columns, and what was read of those that were read."""

    candidates: list[DatasetCandidate]
    reads: list[DatasetRead]


async def with_columns(
    asked: Asked, candidates: Sequence[DatasetCandidate], read: Reader, deadline_s: float = DEADLINE_S
) -> WithColumns:
    """Decides the columns. Raises: StageError of the teacher; and, Blocked, of a dataset that the spec names."""
    found = [as_named(candidate, asked.named) for candidate in candidates]
    rows = to_read(found, asked.named, asked.most)
    reading = Reading(read, time.monotonic() + deadline_s)
    results = await asyncio.gather(*(_rows(found[row], asked, reading) for row in rows))
    reads = []
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, Failure):
            reads.append(DatasetRead(name=found[row].name, config=found[row].config, problem=result.message))
            found[row] = _unread(found[row], result)
        else:
            found[row], said = await _decided(found[row], result, asked, reading)
            reads.append(said)
    needed = [c for c in found if c.recommended or said_of(c, asked.named) is not None]
    unread = [c for c in needed if is_at_hub(c.name) and c.revision is None]
    return WithColumns([_unchecked(c) if c in unread else c for c in found], reads)


async def _rows(candidate: DatasetCandidate, asked: Asked, reading: Reading) -> FirstRows | Failure:
    if candidate.name in asked.already:
        return asked.already[candidate.name]
    return await asyncio.to_thread(read_first, candidate, reading)


def _unread(candidate: DatasetCandidate, failure: Failure) -> DatasetCandidate:
    """A candidate whose rows could not be read."""
    if is_away(failure):
        return _unchecked(candidate, failure.message)
    sentence = told(failure.message, failure.remedy, 512)
    if failure.reason == "ConfigUnnamed":
        return candidate.model_copy(update={"undecided": sentence})
    return _refused(candidate.model_copy(update={"undecided": sentence}), failure.message.removeprefix(f"{FIELD}: "))


def _unchecked(
    candidate: DatasetCandidate, why: str = "The hub does not answer, or HF_HUB_OFFLINE is set."
) -> DatasetCandidate:
    """A candidate whose columns nobody held against its rows."""
    if candidate.output_column is None:
        return candidate
    by = candidate.columns_by or CATALOG
    whose = "datasets.choice names them" if by == CHOICE else "they are the catalog's"
    return candidate.model_copy(update={"columns_by": by, "columns_reason": cut(f"Not checked: {whose}. {why}", 512)})


def _refused(candidate: DatasetCandidate, why: str) -> DatasetCandidate:
    """A candidate that is not used unasked."""
    if not candidate.recommended:
        return candidate.model_copy(update={"combinable": None})
    reason = f"{candidate.reason.rstrip('.')}, but it is not used unasked: {why.rstrip('.')}."
    return candidate.model_copy(update={"recommended": False, "combinable": None, "reason": cut(reason, 512)})


async def _decided(
    candidate: DatasetCandidate, rows: FirstRows, asked: Asked, reading: Reading
) -> tuple[DatasetCandidate, DatasetRead]:
    """The candidate with its columns, and all that was proposed for them."""
    judged = await _proposed(candidate, rows, asked)
    rows, judged = await _labelled(candidate, rows, judged, asked, reading)
    taken = next((pair for pair in judged if pair[0].by == CHOICE or (pair[0].sure and not pair[1].against)), None)
    said = _said(candidate, rows, judged, taken[0] if taken else None)
    decided = candidate.model_copy(update={"config": rows.config, "split": rows.split})
    if judged and judged[0][0].by == CATALOG and judged[0][1].unlike:
        decided = _refused(decided, judged[0][1].unlike)
    if taken is None:
        return decided.model_copy(update={"undecided": _undecided(rows, judged)}), said
    proposal, verdict = taken
    update = {"input_columns": list(proposal.inputs), "output_column": proposal.output, "columns_by": proposal.by}
    return decided.model_copy(update={**update, "columns_reason": _reason(rows, proposal, verdict, judged)}), said


async def _proposed(candidate: DatasetCandidate, rows: FirstRows, asked: Asked) -> Judged:
    """The proposals that were needed, in the order of their weight, each with what the rules say of it."""
    shown = _shown(candidate, asked)
    judged: Judged = []
    if candidate.output_column is not None and candidate.input_columns:
        by = candidate.columns_by or CATALOG
        own = Proposal(by, tuple(candidate.input_columns), candidate.output_column)
        judged.append((own, check(own, rows, shown)))
        if by == CHOICE or not judged[0][1].against:
            return judged
    if asked.teacher is not None:
        answer = await ask_for_columns(asked.teacher, rows, asked.instruction, asked.demonstrations)
        if isinstance(answer, Proposal):
            judged.append((answer, check(answer, rows, shown)))
    if (ruled := guess(rows, asked.demonstrations)) is not None:
        judged.append((ruled, check(ruled, rows, shown)))
    return judged


def _shown(candidate: DatasetCandidate, asked: Asked) -> Sequence[Demonstration]:
    """The demonstrations that rows are held against.

    None where a person names the dataset, since they have looked at it, and where the rows will be rewritten.
    """
    is_named = said_of(candidate, asked.named) is not None
    return () if is_named or candidate.transformable else asked.demonstrations


async def _labelled(
    candidate: DatasetCandidate, rows: FirstRows, judged: Judged, asked: Asked, reading: Reading
) -> tuple[FirstRows, Judged]:
    """The rows and verdicts of another split, where the one that was read has no labels, as many test splits."""
    for split in _other_splits(rows):
        if not judged or judged[0][0].by == CHOICE or not all(verdict.unlabelled for _, verdict in judged):
            break
        other = candidate.model_copy(update={"split": split, "config": rows.config})
        again = await asyncio.to_thread(read_first, other, reading)
        if isinstance(again, Failure):
            break
        shown = _shown(candidate, asked)
        rows, judged = again, [(proposal, check(proposal, again, shown)) for proposal, _ in judged]
    return rows, judged


def _other_splits(rows: FirstRows) -> list[str]:
    """The splits that may have labels where this one has none, the largest first."""
    others = [split for split in rows.splits if split != rows.split]
    return sorted(others, key=lambda split: -(rows.splits[split] or 0))[: MOST_SPLITS - 1]


def _undecided(rows: FirstRows, judged: Judged) -> str:
    """The sentence that says what a person must set."""
    paths = [column.path for column in columns_of(rows)]
    shown = ", ".join(paths[:20]) + (f" and {len(paths) - 20} more" if len(paths) > 20 else "")
    whys = [f"the {p.by.lower()} would take {p.shown}{f', but {v.against}' if v.against else ''}" for p, v in judged]
    why = f" ({'; '.join(whys)})" if whys else ""
    head = f"Set {FIELD}.inputColumns and {FIELD}.outputColumn for {rows.name} among {shown or 'its columns'}"
    return cut(f"{head}: no one can tell them{why}.", 512)


def _reason(rows: FirstRows, proposal: Proposal, verdict: Verdict, judged: Judged) -> str:
    who = {CATALOG: "the catalog's", CHOICE: "named in datasets.choice"}.get(
        proposal.by, f"proposed by the {proposal.by.lower()}"
    )
    others = [
        f"the {p.by.lower()}'s {p.shown} {f'do not serve: {v.against}' if v.against else 'would serve too'}"
        for p, v in judged
        if p.by != proposal.by and (p.inputs, p.output) != (proposal.inputs, proposal.output)
    ]
    notes = [*verdict.notes, *([verdict.against] if verdict.against else []), *others]
    return cut(
        "; ".join([f"{proposal.shown} of the split {rows.split}: {who}, checked on {len(rows.rows)} rows", *notes])
        + ".",
        512,
    )


def _said(candidate: DatasetCandidate, rows: FirstRows, judged: Judged, taken: Proposal | None) -> DatasetRead:
    """What candidates.json says of it."""
    return DatasetRead(
        name=candidate.name,
        config=rows.config,
        split=rows.split,
        splits=dict(rows.splits),
        types={column.path: column.type for column in columns_of(rows)},
        left_out=list(rows.left_out),
        proposals=[
            ColumnProposal(
                by=proposal.by,
                input_columns=list(proposal.inputs),
                output_column=proposal.output,
                sure=proposal.sure,
                taken=proposal is taken,
                against=verdict.against,
                notes=list(verdict.notes),
            )
            for proposal, verdict in judged
        ],
    )
