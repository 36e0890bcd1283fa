"""The report at the end of a run: scores side by side, where the systems differ, what each stage cost, how to go on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prompt2model_api.results import Interval, Scores, StageOutputs
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_stages.differing_rows import DifferingRow
from prompt2model_stages.stage_files import read_lines
from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

MOST_DIFFERENCES = 6
WIDE = 100
"""Characters of a line that holds a row of scores."""


def scores_tables(scores: Iterable[Scores], width: int) -> list[Table]:
    """A table a test split: student, untrained student and teacher on the same rows, with 95 % intervals.

    Args:
        scores: of evaluate.
        width: characters of a line; in a narrow one an interval stands below its value.
    """
    tables: dict[str, Table] = {}
    columns = ("student", "untrained", "teacher", "student - teacher")
    between = " " if width >= WIDE else "\n"
    for score in scores:
        if score.split not in tables:
            title = f"{score.split} test split, {score.rows} rows (0 to 100, 95 % intervals)"
            table = tables[score.split] = Table("metric", title=title, title_justify="left")
            for column in columns:
                table.add_column(column, justify="right")
        systems = (score.student, score.untrained, score.teacher, score.difference)
        tables[score.split].add_row(score.metric.value, *(_interval(s, between) for s in systems))
    return list(tables.values())


def differences_table(errors: Path) -> Table | None:
    """A few rows on which the systems differ; None where there are none."""
    try:
        rows = list(read_lines(Folder(str(errors.parent)), errors.name, DifferingRow))
    except OSError:
        return None
    except ValueError as error:  # a table less is no reason to lose the rest of the report
        logger.warning("%s", error)
        return None
    if not rows:
        return None
    table = Table(title="Where they differ", title_justify="left")
    for column in ("input", "reference", "student", "untrained", "teacher"):
        table.add_column(column, overflow="fold")
    for row in rows[:MOST_DIFFERENCES]:
        cells = (row.input, row.reference, row.student, row.untrained, row.teacher)
        table.add_row(*(escape(str(cell if cell is not None else "-")[:120]) for cell in cells))
    return table


def costs_table(stages: Mapping[Stage, StageRun], wall: Mapping[Stage, float], memory: Mapping[Stage, int]) -> Table:
    """Seconds, memory, tokens and money of each stage. Work that was there already cost nothing this time."""
    table = Table(title="Cost of each stage", title_justify="left")
    for column in ("stage", "seconds", "peak memory", "requests", "tokens", "USD"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, run in stages.items():
        result = run.status.result
        spent = result.outputs.spent if result else None
        seconds = f"{wall[stage]:.1f}" if stage in wall else "kept"
        peak = _size(memory[stage]) if memory.get(stage) else "-"
        asked = spent is not None and spent.requests > 0
        tokens = f"{spent.prompt_tokens + spent.completion_tokens:,}" if spent and asked else "-"
        usd = f"{spent.usd:.4f}" if spent and asked else "-"
        table.add_row(stage.value, seconds, peak, f"{spent.requests:,}" if spent and asked else "-", tokens, usd)
    return table


def remarks(stages: Mapping[Stage, StageRun]) -> list[str]:
    """What a person should know beside the scores: the metric and why, the ways to ask the teacher, what was left out."""
    found: list[str] = []
    for run in stages.values():
        outputs = run.status.result.outputs if run.status.result else StageOutputs()
        found += [outputs.metric_reason] if outputs.metric_reason else []
        if ways := outputs.teacher_prompts:
            told = ", ".join(f"{way.prompt} {_interval(way.score)}{' (taken)' if way.chosen else ''}" for way in ways)
            found.append(f"Ways to ask the teacher, {ways[0].metric} on {ways[0].rows} rows: {told}.")
        found += outputs.notes or []
    return list(dict.fromkeys(found))


def print_report(
    console: Console,
    status: Prompt2ModelStatus,
    stages: Mapping[Stage, StageRun],
    errors: Path | None,
    wall: Mapping[Stage, float],
    memory: Mapping[Stage, int],
    sentence: str | None = None,
) -> None:
    """The whole report but the service's answer; sentence: what the teacher cost, where there is anything to say."""
    console.print()
    if status.scores:
        console.print(*scores_tables(status.scores, console.width), sep="\n")
    for sentence in remarks(stages):
        console.print(f"  {escape(sentence)}", highlight=False, soft_wrap=True)
    if errors is not None and (table := differences_table(errors)) is not None:
        console.print(table)
    console.print(costs_table(stages, wall, memory))
    if sentence:
        console.print(sentence, highlight=False, soft_wrap=True)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _interval(interval: Interval | None, between: str = " ") -> str:
    if interval is None:
        return "-"
    return f"{interval.value:.1f}{between}[{interval.low:.1f}, {interval.high:.1f}]"
