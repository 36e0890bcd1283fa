"""The rows of the chosen datasets: one, or several that share datasets.maxRows, each with its own columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prompt2model_api.data_files import is_path
from prompt2model_api.named_datasets import field_of
from prompt2model_api.results import UsedDataset
from prompt2model_api.shares import shares_of
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.licensing import known_license
from prompt2model_stages.examples import Example
from prompt2model_stages.hub_data import told_waits
from prompt2model_stages.prepare.hub_datasets import FIELD, Drawn
from prompt2model_stages.prepare.retrieving import load_choice
from prompt2model_stages.prepare.source_content import check_content, chosen_sha256
from prompt2model_stages.prepare.textualizing import examples_of

LICENSE_LIMIT = 253


def chosen_datasets(context: StageContext) -> list[UsedDataset]:
    """The datasets that the choice gate decided for; none where it decided for none."""
    decision = context.job.stage_run.spec.decision
    if decision is None or decision.dataset is None:
        return []
    return [one for one in decision.dataset.datasets(decision.dataset_revision) if one.output_column is not None]


def chosen_rows(
    context: StageContext, notes: list[str], most: int | None = None, say: Callable[[str], None] = lambda text: None
) -> list[Example]:
    """The rows of the chosen datasets as they are; none where none is chosen.

    Args:
        context: of a stage that reads datasets.maxRows and seed, with the choice gate's decision.
        notes: what a person should know of how they were read is added.
        most: so many rows of all of them together; datasets.maxRows where not given.
        say: hears why it takes long where the hub has to be asked again.
    """
    datasets, seed = chosen_datasets(context), context.spec.seed
    read: list[_Read] = []
    spare = 0
    rows_wanted = context.spec.datasets.max_rows if most is None else most
    named = context.job.stage_run.spec.sources
    for number, (dataset, part) in enumerate(zip(datasets, parts_of(rows_wanted, datasets), strict=True)):
        wanted = part + spare
        with told_waits(dataset.name, FIELD, say):
            table = load_choice(dataset, dataset.revision, wanted, seed)
        if (content := named.get(where := field_of(number))) is not None:
            check_content(content, where, dataset.name, chosen_sha256(dataset))
        if isinstance(table, Drawn) and table.note:
            notes.append(table.note)
        columns = dataset.input_columns, str(dataset.output_column)
        rows = examples_of(table, *columns, "retrieved", wanted, seed, notes=notes)
        spare = wanted - len(rows)
        read.append(_Read(table.name, rows))
    if len(read) > 1:
        notes.append(_combined(read))
    return [row for one in read for row in one.rows]


def dataset_license(context: StageContext) -> str | None:
    """The licenses of the datasets; None where there are none, or they are files. Raises: StageError LicenseNotAllowed, Blocked."""
    decision, allowed = context.job.stage_run.spec.decision, context.job.settings.licenses
    found = []
    for dataset in chosen_datasets(context):
        if not is_path(dataset.name):
            known = decision.license_of(dataset.name) if decision is not None else None
            found.append(known_license(Kind.DATASETS, dataset.name, known, allowed, revision=dataset.revision))
    return ", ".join(dict.fromkeys(found))[:LICENSE_LIMIT] or None


def parts_of(rows: int, datasets: Sequence[UsedDataset]) -> list[int]:
    """How many rows each dataset gives, so many together as are wanted.

    Its share (see shares_of), dealt by the largest remainder. Where there are
    rows enough, each dataset gives one at least: it was named to be used.
    """
    exact = [rows * share for share in shares_of(datasets)]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda at: (parts[at] - exact[at], at))
    for at in by_remainder[: rows - sum(parts)]:
        parts[at] += 1
    for at in [at for at, part in enumerate(parts) if part == 0]:
        largest = max(range(len(parts)), key=lambda other: parts[other])
        if parts[largest] > 1:
            parts[largest], parts[at] = parts[largest] - 1, 1
    return parts


@dataclass(frozen=True)
class _Read:
    """What one dataset gave."""

    name: str
    rows: Sequence[Example]


def _combined(read: Sequence[_Read]) -> str:
    """The sentence on how several datasets were combined."""
    told = ", ".join(f"{len(one.rows):,} of {one.name}" for one in read)
    seen: dict[str, set[str]] = {}
    for one in read:
        for row in one.rows:
            seen.setdefault(row.group, set()).add(one.name)
    twice = sum(len(names) > 1 for names in seen.values())
    once = f"; {twice:,} inputs are in more than one of them and count once" if twice else ""
    return f"The retrieved rows are {told}{once}."
