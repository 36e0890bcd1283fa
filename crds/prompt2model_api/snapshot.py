"""What `decide` sees and what it asks for. Plain data: the operator fills it from a cluster, the local runner from files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from prompt2model_api.conditions import Failure
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Stage, StageRun, StageRunStatus
from prompt2model_api.status import Prompt2ModelStatus


@dataclass(frozen=True)
class Workload:
    """One attempt's Job, RayJob or process, as seen.

    failure: why it ended, where that can be told; of one that is alive, what keeps it from starting, or that the machine
        ends it.
    queued: a queue holds it back, for as long as it likes; no deadline runs.
    """

    stage_run: str
    attempt: int
    alive: bool
    failure: Failure | None = None
    queued: bool = False


@dataclass(frozen=True)
class ObservedService:
    """The service as seen. `digest` is that of the evaluate stage run whose model it was made for.

    ready: enough replicas answer, all of them with this model.
    message: what was seen, in sentences for the status.
    changing: not every replica that is wanted answers yet; look again soon.
    lost: it answered before and does not any more.
    """

    digest: str
    ready: bool
    url: str | None = None
    failure: Failure | None = None
    message: str = ""
    changing: bool = False
    lost: bool = False


@dataclass(frozen=True)
class Snapshot:
    """One look at everything that belongs to a resource.

    stage_runs: by name, those of earlier specs too.
    sources: SHA-256 of the user's files, by the path of the field that names them.
    missing: the user's files that are not there, by the same path, and what to do.
    heard: when a stage run's heartbeat was last seen to change, by name and by the clock of whoever looks.
    tracked: whether MLflow has everything that storage has; None where nobody looked.
    tracking_problem: why MLflow could not be looked into, as a clause; empty where it could.
    run_url: the resource's run in MLflow; None where it is not known yet. Those of its stage runs stand in their status.
    bases: a hash of what an attempt made now would be made of outside the digest, by stage; none where nobody compares.
    retry: the annotation by which a person asks for another attempt; None where there is none.
    how_to_retry: a sentence that says how to have a stage run that is given up tried again.
    fixed: since when a reason of Blocked stage runs holds no more: attempts from before are followed by another at once.
    """

    resource: Prompt2Model
    storage: str
    stage_runs: Mapping[str, StageRun] = field(default_factory=dict)
    workloads: tuple[Workload, ...] = ()
    service: ObservedService | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, Failure] = field(default_factory=dict)
    heard: Mapping[str, datetime] = field(default_factory=dict)
    tracked: bool | None = None
    tracking_problem: str = ""
    run_url: str | None = None
    bases: Mapping[Stage, str] = field(default_factory=dict)
    retry: str | None = None
    how_to_retry: str = ""
    fixed: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class MakeStageRun:
    """Write the stage run, unless it is there."""

    stage_run: StageRun
    why: str


@dataclass(frozen=True)
class SetStageRunStatus:
    """Write phase, attempt, failure and times; progress and result are the stage's own."""

    name: str
    status: StageRunStatus


@dataclass(frozen=True)
class StartAttempt:
    """Make the attempt's workload, unless it is there. The attempt already stands in the status."""

    name: str
    attempt: int


@dataclass(frozen=True)
class StopAttempt:
    """End the attempt's workload, unless it has ended."""

    name: str
    attempt: int
    why: str


@dataclass(frozen=True)
class Deploy:
    """Let the service answer with this model once it reproduced its golden requests."""

    evaluate: str
    train: str
    digest: str
    model_sha256: str


@dataclass(frozen=True)
class Undeploy:
    """Remove the service."""


Action = MakeStageRun | SetStageRunStatus | StartAttempt | StopAttempt | Deploy | Undeploy


class Outcome(NamedTuple):
    """What to do, in this order; where the resource stands; when to look again at the latest, if nothing changes."""

    actions: list[Action]
    status: Prompt2ModelStatus
    wake_at: datetime | None
