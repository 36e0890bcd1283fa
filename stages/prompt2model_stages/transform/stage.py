"""transform: rewrites the rows of the chosen dataset into the task's form, with the teacher.

Reads task.json of discover and the chosen dataset, as prepare would. Writes plan.txt, transformed.jsonl and statistics.json. What
the teacher answered is in its journal, so a killed attempt asks nothing twice.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.results import Spent, StageOutputs, TransformedCounts
from prompt2model_api.texts import cut
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import failed
from prompt2model_stages.examples import TRANSFORMED, Example, Pair, TransformedExample, group_of
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.stage import task_of
from prompt2model_stages.prepare.chosen import chosen_datasets, chosen_rows, dataset_license
from prompt2model_stages.reporting import so_far
from prompt2model_stages.stage_files import DiscoveredTask, json_lines
from prompt2model_stages.statistics_files import RefusedRow, TransformationStatistics
from prompt2model_stages.teacher import open_teacher
from prompt2model_stages.transform.base import Refused, Result, Unusable, texts_of
from prompt2model_stages.transform.prompts import SAMPLE
from prompt2model_stages.transform.rewriting import Rewriter, summary, write_plan

PLAN = "plan.txt"
PLANNED_FROM = 200
"""Rows of which a few are shown for the plan, whatever datasets.maxRows is: with more rows the plan stays, and what was asked."""
SAMPLES = 50
"""Refused rows that the statistics name, with the teacher's own words."""
NO_PLAN = (
    "The teacher gave no plan for the dataset: its rows are rewritten by the instruction and the demonstrations alone."
)


@dataclass(frozen=True)
class _Transformed:
    plan: str
    results: list[Result]
    spent: Spent


def run(context: StageContext) -> StageOutputs:
    """One attempt of transform.

    Raises: StageError of the teacher and of loading a dataset; LicenseNotAllowed (Blocked); NothingTransformed (Failed) where
        no row is of use; TeacherAnswersGarbage (Blocked) where the teacher does not keep to the form.
    """
    task = task_of(DiscoveredTask.read(context.input("discover")))
    notes: list[str] = []
    done, total = so_far(context.folder, "rows", context.spec.datasets.max_rows)
    context.reporter.progress(done, total, "rows", "reading the dataset")
    license_name = dataset_license(context)

    def say(why: str) -> None:
        context.reporter.progress(done, total, "rows", f"reading the dataset: {why}")

    rows, dataset = chosen_rows(context, notes, say=say), dataset_name(context)
    if not any(row.input or row.output for row in rows):
        raise failed(
            "NothingTransformed",
            f"{dataset} has no row with an input or an output.",
            "Choose another dataset, split or columns in datasets.choice, or none: true.",
        )
    transformed = asyncio.run(_transform(context, task, dataset, rows, plan_sample(context)))
    outputs = write(context, transformed, [*notes, *([] if transformed.plan else [NO_PLAN])], dataset)
    return outputs.model_copy(update={"license": license_name})


def dataset_name(context: StageContext) -> str:
    """The chosen dataset, or several of them, for messages."""
    return " and ".join(one.name for one in chosen_datasets(context)) or "the dataset"


def plan_sample(context: StageContext) -> list[Example]:
    """The rows that the plan is made from: drawn with the seed, since the first rows of many a dataset are of one kind."""
    rows = chosen_rows(context, [], PLANNED_FROM)
    whole = [row for row in rows if row.input and row.output] or rows
    return random.Random(context.spec.seed).sample(whole, min(SAMPLE, len(whole)))


async def _transform(
    context: StageContext, task: Task, dataset: str, rows: Sequence[Example], sample: Sequence[Example]
) -> _Transformed:
    waiting = ""  # how far batches are, where rows go in batches

    def tell(message: str) -> None:
        nonlocal waiting
        waiting = message

    def watch(done: int, total: int, rewritten: int) -> None:
        told = f"{waiting}; {rewritten} rewritten" if waiting else f"{rewritten} rewritten"
        context.reporter.progress(done, total, "rows", told)

    async with open_teacher(context.job, stage="transform", tell=tell) as teacher:
        plan = await write_plan(task, sample, teacher)
        results = await Rewriter(task, plan, dataset, rows, teacher, watch, context.spec.seed).rewrite()
        return _Transformed(plan, results, teacher.spent)


def write(context: StageContext, transformed: _Transformed, notes: Sequence[str], dataset: str) -> StageOutputs:
    """Writes the files and sums them up. The same journal gives the same transformed.jsonl, byte by byte."""
    results = transformed.results
    context.folder.write_bytes(PLAN, transformed.plan.encode("utf-8", "replace"))
    context.folder.write_bytes(
        TRANSFORMED, json_lines(example_of(r, r.outcome) for r in results if isinstance(r.outcome, Pair))
    )
    counts = counts_of(results)
    refused = [(result, result.outcome) for result in results if isinstance(result.outcome, Refused)]
    TransformationStatistics(
        **counts.model_dump(),
        samples=[RefusedRow(origin=r.row.origin, reason=o.reason, why=o.why) for r, o in refused[:SAMPLES]],
    ).write(context.folder)
    rest = summary(results)
    told = f"{counts.rewritten} of {counts.rows} rows of {dataset} are rewritten into the task's form"
    told += f"; not used: {rest}." if rest else "."
    return StageOutputs(transformed=counts, notes=[cut(told, 512), *notes], spent=transformed.spent)


def counts_of(results: Sequence[Result]) -> TransformedCounts:
    """How many rows came to what."""
    refused = Counter(r.outcome.reason.value for r in results if isinstance(r.outcome, Refused))
    unusable = Counter(r.outcome.value for r in results if isinstance(r.outcome, Unusable))
    return TransformedCounts(
        rows=len(results),
        rewritten=sum(isinstance(r.outcome, Pair) for r in results),
        refused=dict(sorted(refused.items())),
        unusable=dict(sorted(unusable.items())),
    )


def example_of(result: Result, pair: Pair) -> TransformedExample:
    """The line of a rewritten row, with what prepare needs to know of the row's own texts."""
    row = result.row
    made_from = tuple(group_of(text) for text in texts_of(row))
    answered = group_of(row.output) if row.output else ""
    return TransformedExample(pair.input, pair.output, row.origin, result.request, made_from, answered)
