"""What a run would do, without doing it."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.table import Table

from prompt2model_api.decide import decide, outputs_that_stand
from prompt2model_api.estimate import estimate
from prompt2model_api.graph import stages_of
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.results import StageOutputs
from prompt2model_api.snapshot import MakeStageRun, Snapshot, StartAttempt
from prompt2model_api.stage_run import Stage
from prompt2model_stages.local.money import priced
from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.local.sources import sources


def plan_table(resource: Prompt2Model, run_folder: RunFolder) -> Table:
    """A line a stage: whether it would run and why, and the most that it would ask of the teacher."""
    snapshot, now = _snapshot(resource, run_folder), datetime.now(UTC)
    stage_runs = snapshot.stage_runs
    outcome = decide(snapshot, now)
    made = {a.stage_run.spec.stage: a.why for a in outcome.actions if isinstance(a, MakeStageRun)}
    started = {
        stage_runs[a.name].spec.stage for a in outcome.actions if isinstance(a, StartAttempt) and a.name in stage_runs
    }
    names = {run.spec.stage: run for run in stage_runs.values()}
    done = outputs_that_stand(snapshot, now)
    estimates = estimate(priced(resource.spec), done)
    table = Table(title=f"What `p2m run` would do for {resource.metadata.name}", title_justify="left")
    for column in ("stage", "would", "teacher requests", "tokens", "USD"):
        table.add_column(column, justify="left" if column in ("stage", "would") else "right")
    for stage in stages_of(resource.spec, done):
        cost = estimates.get(stage)
        asked = cost if cost and stage not in done and cost.requests else None
        usd = "-" if asked is None or asked.usd is None else f"{asked.usd:.4f}"
        numbers = (f"<= {asked.requests:,}", f"<= {asked.tokens:,}") if asked else ("-", "-")
        table.add_row(stage.value, _verb(stage, made, started, done, stage in names), *numbers, usd)
    return table


def results_that_stand(resource: Prompt2Model, run_folder: RunFolder) -> dict[Stage, StageOutputs]:
    """Outputs of the stages that a run would not run again."""
    return outputs_that_stand(_snapshot(resource, run_folder), datetime.now(UTC))


def _snapshot(resource: Prompt2Model, run_folder: RunFolder) -> Snapshot:
    awake = resource.model_copy(update={"spec": resource.spec.model_copy(update={"suspend": False})})
    return Snapshot(awake, str(run_folder.path), run_folder.read_stage_runs(), sources=sources(awake))


def _verb(stage: Stage, made: dict[Stage, str], started: set[Stage], done: dict[Stage, StageOutputs], ran: bool) -> str:
    if stage in made:
        return f"run: {made[stage]}"
    if stage in started:
        return "go on with what an earlier run left"
    if stage in done:
        return "keep its result"
    return "run again, after the stages before it" if ran else "run, after the stages before it"
