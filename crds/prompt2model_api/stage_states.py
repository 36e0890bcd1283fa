"""The state of a stage run in `kubectl get stageruns`: its phase, and what the phase alone does not tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prompt2model_api.conditions import FailureState
from prompt2model_api.names import stage_folder
from prompt2model_api.stage_run import Stage, StageRun, StageRunPhase, StageRunState, StageRunStatus

UNDER_WAY = (StageRunPhase.RUNNING, StageRunPhase.RETRYING, StageRunPhase.BLOCKED)
"""Phases of a stage run that goes on by itself."""
AT_REST = {"phase": StageRunPhase.PENDING, "failure": None, "retry_at": None}
"""What such a stage run's status becomes where it must not go on."""


def state_of(status: StageRunStatus) -> StageRunState:
    """The phase; Blocked where the running attempt waits for something outside, such as a missing Secret."""
    failure = status.failure if status.phase is StageRunPhase.RUNNING else None
    if failure is not None and failure.state is FailureState.BLOCKED:
        return StageRunState.BLOCKED
    return StageRunState(status.phase.value)


def superseded(
    runs: Mapping[str, StageRun], wanted: Collection[str], digests: Mapping[Stage, str], stages: Collection[Stage]
) -> set[str]:
    """The names of the stage runs that the spec as it is now does not use.

    Args:
        runs: all stage runs of the resource, by name.
        wanted: the names of those that the spec asks for.
        digests: of the stages whose inputs are there.
        stages: those of the spec.
    """
    found: set[str] = set()
    folders: set[str] = set()
    for stage in Stage:
        for name, run in runs.items():
            if run.spec.stage is not stage or name in wanted:
                continue
            if stage in digests or stage not in stages or folders.intersection(run.spec.inputs.values()):
                found.add(name)
                folders.add(stage_folder(stage, run.spec.digest))
    return found
