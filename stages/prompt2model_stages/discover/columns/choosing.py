"""Decides the columns, the configuration and the split of the datasets that were read.

Who proposes: the catalog, the teacher, the rules, until one proposal stands. A candidate is the same whether the spec names the
dataset or not, and with what columns: the spec may be another one when the choice gate reads it. Where the hub does not answer, the
catalog's columns stay as they are, and the candidate says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prompt2model_api.candidates import SHOWN
from prompt2model_api.conditions import Failure
from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import Choice, DatasetCandidate
from prompt2model_api.texts import cut
from prompt2model_stages.discover.asking import Asks
from prompt2model_stages.discover.columns.checking import Proposal, Verdict, check
from prompt2model_stages.discover.columns.guessing import RULES, guess
from prompt2model_stages.discover.columns.reading import (
    Place,
    Reader,
    Reading,
    is_at_hub,
    is_away,
    places_of,
    read_first,
    to_read,
)
from prompt2model_stages.discover.columns.teaching import ask_for_columns
from prompt2model_stages.discover.columns.telling import (
    CATALOG,
    Judged,
    not_checked,
    read_of,
    refused,
    why_taken,
    why_undecided,
)
from prompt2model_stages.hub_data import DEADLINE_S, FirstRows
from prompt2model_stages.stage_files import DatasetRead

FIELD = "datasets.choice"
MOST_SPLITS = 3
"""Splits that are looked at until one has outputs."""
NO_COMMIT = "The hub names no commit of it: it does not answer, does not show it, or HF_HUB_OFFLINE is set."
NOT_AMONG = f"Discover reads at most {SHOWN} datasets that may be used unasked, and none whose license is not allowed."


@dataclass(frozen=True)
class Asked:
    """What the columns are for.

    teacher: None where it is not strong enough to help. named: what the spec names, so that it is read.
    already: what was read before. licenses: that a dataset may have; None: any.
    """

    teacher: Asks | None
    instruction: str
    demonstrations: Sequence[Demonstration]
    named: Choice | None = None
    already: Mapping[Place, FirstRows | Failure] = field(default_factory=dict)
    licenses: Sequence[str] | None = None


@dataclass(frozen=True)
class WithColumns:
    """The candidates with what is known of their columns, and what was read of those that were read."""

    candidates: list[DatasetCandidate]
    reads: list[DatasetRead]


async def with_columns(
    asked: Asked, candidates: Sequence[DatasetCandidate], read: Reader, deadline_s: float = DEADLINE_S
) -> WithColumns:
    """Decides the columns. Raises: StageError of the teacher."""
    found, reads = list(candidates), []
    named, rows = places_of(found, asked.named), to_read(found, asked.named, asked.licenses)
    reading = Reading.begun(read, deadline_s, asked.already)
    first = [asyncio.to_thread(read_first, found[row], reading, is_named=row in named) for row in rows]
    for row, result in zip(rows, await asyncio.gather(*first), strict=True):
        if isinstance(result, Failure):
            reads.append(DatasetRead(name=found[row].name, config=found[row].config, problem=result.message))
            found[row] = _unread(found[row], result)
            continue
        dataset = _Dataset(found[row], asked, read, deadline_s)
        found[row], said = await _decided(dataset, result)
        reads.append(said)
    for row, candidate in enumerate(found):
        if row not in rows and is_at_hub(candidate.name):
            found[row] = _left(candidate, is_named=row in named)
    return WithColumns(found, reads)


@dataclass(frozen=True)
class _Dataset:
    """A dataset whose columns are decided, whether the spec names it or not."""

    candidate: DatasetCandidate
    asked: Asked
    read: Reader
    deadline_s: float

    def judge(self, proposal: Proposal, rows: FirstRows) -> Verdict:
        """What the rules say of a proposal."""
        return check(proposal, rows, self.asked.demonstrations)

    def stands(self, verdict: Verdict) -> bool:
        """Whether the columns can be used; rows that may be rewritten need not be what the demonstrations show."""
        return not (verdict.wrong or verdict.doubt or (verdict.unlike and not self.candidate.transformable))

    def guess(self, rows: FirstRows) -> Proposal | None:
        """The columns that the rules propose; for rows that may be rewritten, where the demonstrations tell none, without them."""
        found = guess(rows, self.asked.demonstrations)
        if self.candidate.transformable and (found is None or not found.sure):
            return guess(rows, ())
        return found

    def taken(self, judged: Judged) -> tuple[Proposal, Verdict] | None:
        """The first proposal that stands; else the catalog's columns where nothing but the demonstrations speaks against them.

        Those are for a person who names the dataset: they have looked at it.
        """
        readable = (pair for pair in judged if pair[0].by == CATALOG and not (pair[1].wrong or pair[1].doubt))
        return next((pair for pair in judged if pair[0].sure and self.stands(pair[1])), None) or next(readable, None)


def _unread(candidate: DatasetCandidate, failure: Failure) -> DatasetCandidate:
    """A candidate whose rows could not be read."""
    if is_away(failure):
        return _unchecked(candidate, failure.message)
    cause = failure.message.removeprefix(f"{FIELD}: ")
    if failure.reason == "ConfigUnnamed":
        return candidate.model_copy(update={"undecided": cut(cause, 512), "config": None, "config_wanted": True})
    return refused(candidate.model_copy(update={"undecided": cut(cause, 512)}), cause)


def _unchecked(candidate: DatasetCandidate, why: str) -> DatasetCandidate:
    """A candidate whose columns nobody held against its rows, because the hub is away."""
    if candidate.output_column is None:
        return candidate.model_copy(
            update={"undecided": candidate.undecided or cut(f"its rows were not read. {why}", 512)}
        )
    return candidate.model_copy(update={"columns_by": CATALOG, "columns_reason": not_checked(why)})


def _left(candidate: DatasetCandidate, *, is_named: bool) -> DatasetCandidate:
    """A candidate that was not read: it is not used beside another one, and where it is used alone, that is said.

    Without columns it is not used alone either: a person is asked for them.
    """
    is_used = candidate.recommended or candidate.transformable
    if candidate.revision is None and (is_used or candidate.combinable or is_named):
        return _unchecked(candidate, NO_COMMIT)
    if is_used:
        return _unchecked(candidate, NOT_AMONG)
    return candidate.model_copy(update={"combinable": None})


async def _decided(dataset: _Dataset, rows: FirstRows) -> tuple[DatasetCandidate, DatasetRead]:
    """The candidate with its columns, and all that was proposed for them."""
    candidate = dataset.candidate
    rows, judged = await _labelled(dataset, rows, await _proposed(dataset, rows))
    taken = dataset.taken(judged)
    said = read_of(candidate, rows, judged, taken[0] if taken else None)
    config = candidate.config if candidate.config == rows.config else None
    default = rows.config if candidate.config is None else None
    decided = candidate.model_copy(update={"config": config, "split": rows.split, "default_config": default})
    against = [pair[1].unlike for pair in judged if pair[0].by == CATALOG or pair is taken]
    if unlike := next(filter(None, against), ""):
        decided = refused(decided, unlike)
    if taken is None:
        return decided.model_copy(update={"undecided": why_undecided(rows, judged)}), said
    proposal, verdict = taken
    update = {"input_columns": list(proposal.inputs), "output_column": proposal.output, "columns_by": proposal.by}
    update |= {"columns_reason": why_taken(rows, proposal, verdict, judged)}
    update |= {"unlike": cut(verdict.unlike, 512)} if verdict.unlike else {}
    return decided.model_copy(update=update), said


async def _proposed(dataset: _Dataset, rows: FirstRows) -> Judged:
    """The proposals that were needed, in the order of their weight, each with what the rules say of it."""
    candidate, asked = dataset.candidate, dataset.asked
    judged: Judged = []
    if candidate.output_column is not None and candidate.input_columns:
        own = Proposal(CATALOG, tuple(candidate.input_columns), candidate.output_column)
        judged.append((own, dataset.judge(own, rows)))
        if dataset.stands(judged[0][1]):
            return judged
    if asked.teacher is not None:
        answer = await ask_for_columns(asked.teacher, rows, asked.instruction, asked.demonstrations)
        if isinstance(answer, Proposal):
            judged.append((answer, dataset.judge(answer, rows)))
    if (ruled := dataset.guess(rows)) is not None:
        judged.append((ruled, dataset.judge(ruled, rows)))
    return judged


async def _labelled(dataset: _Dataset, rows: FirstRows, judged: Judged) -> tuple[FirstRows, Judged]:
    """The rows and verdicts of another split, where the one that was read has no labels, as many test splits.

    The teacher may have been asked meanwhile, so what is left of the first reading's deadline says nothing.
    """
    reading = Reading.begun(dataset.read, dataset.deadline_s, dataset.asked.already)
    for split in _other_splits(rows):
        if not judged or not all(verdict.unlabelled for _, verdict in judged):
            break
        other = dataset.candidate.model_copy(update={"split": split, "config": rows.config})
        again = await asyncio.to_thread(read_first, other, reading)
        if isinstance(again, Failure):
            break
        proposals = [_anew(dataset, proposal, again) for proposal, _ in judged]
        rows, judged = again, [(proposal, dataset.judge(proposal, again)) for proposal in proposals]
    return rows, judged


def _anew(dataset: _Dataset, proposal: Proposal, rows: FirstRows) -> Proposal:
    """The proposal for other rows: the rules guess again, since without outputs they could not be sure."""
    return (dataset.guess(rows) or proposal) if proposal.by == RULES else proposal


def _other_splits(rows: FirstRows) -> list[str]:
    """The splits that may have labels where this one has none, the largest first."""
    others = [split for split in rows.splits if split != rows.split]
    return sorted(others, key=lambda split: -(rows.splits[split] or 0))[: MOST_SPLITS - 1]
