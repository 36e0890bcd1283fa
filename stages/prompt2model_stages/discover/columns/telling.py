"""The sentences on a dataset's columns, and what candidates.json says of it."""

from __future__ import annotations

from prompt2model_api.results import DatasetCandidate
from prompt2model_api.texts import cut
from prompt2model_stages.discover.columns.checking import Proposal, Verdict
from prompt2model_stages.discover.columns.schema import columns_of
from prompt2model_stages.hub_data import FirstRows
from prompt2model_stages.stage_files import ColumnProposal, DatasetRead

CATALOG = "Catalog"
MOST_NAMED = 20

Judged = list[tuple[Proposal, Verdict]]


def why_undecided(rows: FirstRows, judged: Judged) -> str:
    """Why a person has to say which columns to use: those there are, and what speaks against each proposal."""
    paths = [column.path for column in columns_of(rows)]
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    among = ", ".join(paths[:MOST_NAMED]) + more if paths else "those of the dataset"
    whys = [f"the {p.by.lower()} would take {p.shown}{f', but {v.against}' if v.against else ''}" for p, v in judged]
    why = f" ({'; '.join(whys)})" if whys else ""
    return cut(f"no one can tell which columns to use among {among}{why}.", 512)


def why_taken(rows: FirstRows, proposal: Proposal, verdict: Verdict, judged: Judged) -> str:
    """Who proposed the columns that are taken, what a person should know of them, and what became of the other proposals."""
    who = "the catalog's" if proposal.by == CATALOG else f"proposed by the {proposal.by.lower()}"
    others = [
        f"the {p.by.lower()}'s {p.shown} {f'do not serve: {v.against}' if v.against else 'would serve too'}"
        for p, v in judged
        if p.by != proposal.by and (p.inputs, p.output) != (proposal.inputs, proposal.output)
    ]
    notes = [*verdict.notes, *([verdict.against] if verdict.against else []), *others]
    head = f"{proposal.shown} of the split {rows.split}: {who}, checked on {len(rows.rows)} rows"
    return cut(f"{'; '.join([head, *notes])}.", 512)


def not_checked(why: str) -> str:
    """Why the catalog's columns stand as they are."""
    return cut(f"Not checked: they are the catalog's. {why}", 512)


def read_of(candidate: DatasetCandidate, rows: FirstRows, judged: Judged, taken: Proposal | None) -> DatasetRead:
    """What was read of a dataset, and all that was proposed for its columns."""
    return DatasetRead(
        name=candidate.name,
        config=rows.config,
        split=rows.split,
        splits=dict(rows.splits),
        types={column.path: column.type for column in columns_of(rows)},
        left_out=list(rows.left_out),
        proposals=[_proposed(proposal, verdict, taken) for proposal, verdict in judged],
    )


def _proposed(proposal: Proposal, verdict: Verdict, taken: Proposal | None) -> ColumnProposal:
    return ColumnProposal(
        by=proposal.by,
        input_columns=list(proposal.inputs),
        output_column=proposal.output,
        sure=proposal.sure,
        taken=proposal is taken,
        against=verdict.against,
        notes=list(verdict.notes),
    )


def refused(candidate: DatasetCandidate, why: str) -> DatasetCandidate:
    """A candidate that is not used unasked."""
    if not candidate.recommended:
        return candidate.model_copy(update={"combinable": None})
    reason = f"{candidate.reason.rstrip('.')}, but it is not used unasked: {why.rstrip('.')}."
    return candidate.model_copy(update={"recommended": False, "combinable": None, "reason": cut(reason, 512)})
