"""What `p2m status` shows."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from prompt2model_api.graph import stages_of
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_stages.local.run_folder import RunFolder, UnreadableStatusError

UNREADABLE = "unreadable"
"""`p2m status NAME` says why."""


def all_table(runs: Path) -> Table:
    """A line a resource."""
    table = Table(box=None)
    for column in ("NAMESPACE", "NAME", "PHASE", "PROGRESS", "SCORE", "TEACHER", "RUNNING"):
        table.add_column(column)
    for file in sorted(runs.glob("*/*/status.json")):
        run_folder = RunFolder(runs, file.parent.parent.name, file.parent.name)
        running = "yes" if run_folder.in_use() else ""
        table.add_row(run_folder.namespace, run_folder.name, *_standing(run_folder), running)
    return table


def _standing(run_folder: RunFolder) -> tuple[str, str, str, str]:
    """Phase, progress, score and the teacher's score; a status that cannot be read has none of them."""
    try:
        found = run_folder.read_status() or Prompt2ModelStatus()
    except UnreadableStatusError:
        return UNREADABLE, "", "", ""
    return found.phase, found.progress, found.score, found.teacher_score


def one_tables(run_folder: RunFolder, status: Prompt2ModelStatus) -> list[Table]:
    """The stage runs and the conditions of a resource."""
    stages = Table("STAGE RUN", "STATE", "ATTEMPT", "SECONDS", "MESSAGE", box=None)
    wanted = list(stages_of(run_folder.read_resource().spec))
    runs = run_folder.read_stage_runs().values()
    for run in sorted(
        runs, key=lambda r: (wanted.index(r.spec.stage) if r.spec.stage in wanted else 9, r.metadata.name)
    ):
        result, failure = run.status.result, run.status.failure
        seconds = f"{result.seconds:.1f}" if result else ""
        message = failure.message if failure else ""
        stages.add_row(run.metadata.name, run.status.phase, str(run.status.attempt), seconds, escape(message))
    conditions = Table("CONDITION", "STATUS", "REASON", "MESSAGE", box=None)
    for condition in status.conditions:
        conditions.add_row(condition.type, condition.status, condition.reason, escape(condition.message))
    return [stages, conditions]
