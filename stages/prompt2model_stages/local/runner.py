"""Runs one resource on this machine: observes its folder, asks `decide`, applies the actions, until it is ready or stuck.

Killed at any moment, the same command goes on where it was: what was decided stands in files before it is done.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prompt2model_api.conditions import Failure
from prompt2model_api.decide import decide
from prompt2model_api.graph import GRAPH, licenses_for, own_resources, stages_of
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.retrying import after_step_in
from prompt2model_api.snapshot import (
    Deploy,
    MakeStageRun,
    Outcome,
    SetStageRunStatus,
    Snapshot,
    StartAttempt,
    StopAttempt,
    Undeploy,
    Workload,
)
from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_api.spec.training import Resources
from prompt2model_api.stage_job import Named, StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunPhase, StageRunState
from prompt2model_api.status import Phase, Prompt2ModelStatus
from prompt2model_stages import processes
from prompt2model_stages.attempt import EXIT_FAILURE
from prompt2model_stages.catalogs.opening import catalogs_named
from prompt2model_stages.errors import StageError, retrying
from prompt2model_stages.local.companions import EmbeddedTeacherProcess, ServiceProcess
from prompt2model_stages.local.run_folder import RunFolder, UnreadableStatusError
from prompt2model_stages.local.sources import sources
from prompt2model_stages.local.stand_by import StandBys, command
from prompt2model_stages.reporting import ResultFile
from prompt2model_stages.stage_process import LOG
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.process import RecorderProcess

TICK_S = 0.05
LOOK_EVERY_S = 1.0
"""How old what a person sees may be. An end of a process is seen after TICK_S."""
MEASURE_EVERY_S = 3.0
STAND_BY_AFTER_S = 3.0
"""A stage's own start is over by then."""
ENDED = (
    *(Phase.READY, Phase.FAILED, Phase.BLOCKED, Phase.SUSPENDED),
    *(Phase.AWAITING_CHOICE, Phase.AWAITING_REVIEW),
)
STAGE_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Threads that wait sleep: spinning would take the cores from the teacher and the recorder beside them.
    "OMP_WAIT_POLICY": "PASSIVE",
}


@dataclass
class LiveAttempt:
    """A stage's process and what was measured of it."""

    process: subprocess.Popen[bytes]
    attempt: int
    began: float
    peak_memory: int = 0


@dataclass
class StageCost:
    """What a stage cost this run: wall seconds from the start of its process to its end, and peak memory in bytes."""

    wall_s: float = 0.0
    peak_memory: int = 0
    why: str = ""


@dataclass
class Runner:
    """One run of one resource. `show` is called with every new status and the stage runs as they stand."""

    resource: Prompt2Model
    run_folder: RunFolder
    service: ServiceProcess
    show: Callable[[Prompt2ModelStatus, dict[str, StageRun]], None]
    say: Callable[[str], None]
    live: dict[str, LiveAttempt] = field(default_factory=dict)
    ended: dict[tuple[str, int], Failure | None] = field(default_factory=dict)
    costs: dict[Stage, StageCost] = field(default_factory=dict)
    measured: float = 0.0
    teacher: EmbeddedTeacherProcess = field(init=False)
    tracker: RecorderProcess = field(init=False)
    stand_bys: StandBys = field(init=False)

    def __post_init__(self) -> None:
        self.teacher = EmbeddedTeacherProcess(self.run_folder)
        runs, path = self.run_folder.runs, self.run_folder.path
        self.tracker = RecorderProcess(
            str(path), self.run_folder.tracking_uri, str(runs / "mlartifacts"), log=path / "tracking.log"
        )
        self.stand_bys = StandBys(self.run_folder.path, STAGE_ENVIRONMENT)

    def run(self) -> Prompt2ModelStatus:
        """Goes on until the resource is ready, or cannot go on without a person; returns the status.

        Raises: KeyboardInterrupt passes through, all processes ended. OSError where the folder cannot be written.
        """
        processes.end_orphans(self.run_folder.path)
        self.run_folder.write_resource(self.resource)
        self._step_in()
        while True:
            outcome = self._look()
            if outcome.status.phase in ENDED and not self.live:
                return outcome.status
            if outcome.status.phase in (Phase.FAILED, Phase.BLOCKED, Phase.AWAITING_CHOICE, Phase.AWAITING_REVIEW):
                self._finish_live(outcome.status.phase)
            self._wait(outcome.wake_at)

    def close(self) -> None:
        """Ends every process of the run but the service."""
        self.stand_bys.close()
        for attempt in self.live.values():
            processes.stop(attempt.process)
        self.live.clear()
        self.teacher.stop()

    def current(self) -> dict[Stage, StageRun]:
        """The latest stage run of each stage; those that an edit of the spec has left behind are none of this run's."""
        found: dict[Stage, StageRun] = {}
        runs = [r for r in self.run_folder.read_stage_runs().values() if r.status.state is not StageRunState.SUPERSEDED]
        for run in sorted(runs, key=lambda r: str(r.status.started_at)):
            found[run.spec.stage] = run
        return {stage: found[stage] for stage in Stage if stage in found}

    def timings(self) -> dict[str, object]:
        """Seconds and bytes of this run: of each stage that ran, and of the starts that are no stage's work."""
        runs, stages = self.current(), {}
        for stage, cost in self.costs.items():
            own = {"wall_s": round(cost.wall_s, 2), "peak_memory_bytes": cost.peak_memory}
            folder = Folder(str(self.run_folder.stage_path(runs[stage])))
            told = result.dump() if (result := ResultFile.read_if_whole(folder)) is not None else {}
            stages[stage.value] = own | {key: told[key] for key in ("seconds", "starts", "outputs") if key in told}
        starts = {"embedded_teacher_s": round(self.teacher.seconds, 2), "service_s": round(self.service.seconds, 2)}
        return {"stages": stages, **starts}

    def snapshot(self) -> Snapshot:
        """The folder and the processes as `decide` sees them."""
        workloads = [Workload(name, live.attempt, True) for name, live in self.live.items()]
        workloads += [Workload(name, attempt, False, failure) for (name, attempt), failure in self.ended.items()]
        runs = self.run_folder.read_stage_runs()
        return Snapshot(
            resource=self.resource.model_copy(update={"status": self._known_status()}),
            storage=str(self.run_folder.path),
            stage_runs=runs,
            workloads=tuple(workloads),
            service=self.service.look(),
            sources=sources(self.resource),
            # The stages run on this machine: their clock is this one.
            heard={name: run.status.progress.at for name, run in runs.items() if run.status.progress is not None},
            run_url=self.run_folder.run_url,
        )

    def _known_status(self) -> Prompt2ModelStatus | None:
        """The status of the last look, or of an earlier run; where it cannot be read, that is said, and it is written anew."""
        try:
            return self.run_folder.read_status()
        except UnreadableStatusError as error:
            self.say(f"{error} It is written anew from the stage runs, which are all kept.")
            return None

    def _look(self) -> Outcome:
        snapshot = self.snapshot()
        outcome = decide(snapshot, datetime.now(UTC))
        runs = dict(snapshot.stage_runs)
        for action in outcome.actions:
            self._apply(action, runs)
        if outcome.status != snapshot.resource.status:
            self.run_folder.write_status(outcome.status)
        self.show(outcome.status, runs)
        return outcome

    def _apply(self, action: object, runs: dict[str, StageRun]) -> None:
        match action:
            case MakeStageRun(run, why):
                self.run_folder.write_stage_run(run)
                runs[run.metadata.name] = run
                self.costs[run.spec.stage] = StageCost(why=why)
                if why.startswith("changed"):
                    self.say(f"{run.spec.stage} runs again, {why}")
            case SetStageRunStatus(name, status):
                runs[name] = runs[name].model_copy(update={"status": status})
                self.run_folder.write_stage_run(runs[name])
            case StartAttempt(name, attempt):
                self._start(runs[name], attempt)
            case StopAttempt(name):
                if (live := self.live.pop(name, None)) is not None:
                    processes.stop(live.process)
            case Deploy():
                self.service.deploy(action, runs)
            case Undeploy():
                self.service.stop()

    def _start(self, run: StageRun, attempt: int) -> None:
        path, began = self.run_folder.stage_path(run), time.monotonic()
        try:
            settings = self._settings(run.spec.stage)
        except StageError as error:
            self.ended[run.metadata.name, attempt] = error.failure
            return
        job = StageJob(stage_run=run, attempt=attempt, settings=settings)
        file = path / f"job-{attempt}.json"
        self.run_folder.folder.write_json(f"{path.name}/{file.name}", job.dump())
        if self.tracker.process is None:
            self.tracker.start()
        process = self.stand_bys.take(run.spec.stage, file) or processes.start(
            command(run.spec.stage, str(file)), self.run_folder.path, path / LOG, STAGE_ENVIRONMENT
        )
        # Measured here and then every few seconds: a short stage ends before the next time.
        memory = processes.tree_memory([process.pid])
        self.live[run.metadata.name] = LiveAttempt(process, attempt, began, memory)
        self.costs.setdefault(run.spec.stage, StageCost(why="goes on"))

    def _settings(self, stage: Stage) -> StageSettings:
        training = self.resource.spec.training
        return StageSettings(
            teacher=self._teacher() if GRAPH[stage].uses_teacher else None,
            named=Named.of(self.resource.spec) if stage is Stage.DISCOVER else None,
            catalogs=catalogs_named() if stage is Stage.DISCOVER else None,
            licenses=licenses_for(self.resource.spec, stage),
            workers=training.workers,
            checkpoint_every=training.checkpoint_every,
            resources=own_resources(self.resource.spec, stage) or Resources(),
        )

    def _teacher(self) -> TeacherSpec:
        return self.resource.spec.teacher or self.teacher.teacher()

    def _wait(self, wake_at: datetime | None) -> None:
        """Returns when something may have changed: a process ended, a second passed, or the time came."""
        starting = self.service.process is not None and not self.service.ready
        until = time.monotonic() + (LOOK_EVERY_S / 5 if starting else LOOK_EVERY_S)
        while time.monotonic() < until:
            if self._reap() or (wake_at is not None and datetime.now(UTC) >= wake_at):
                return
            time.sleep(TICK_S)
        self._stand_by()
        if time.monotonic() - self.measured > MEASURE_EVERY_S:
            self.measured = time.monotonic()
            self._measure()

    def _reap(self) -> bool:
        """Takes in processes that ended; whether there were any."""
        gone = [name for name, live in self.live.items() if live.process.poll() is not None]
        runs = self.run_folder.read_stage_runs() if gone else {}
        for name in gone:
            live, run = self.live.pop(name), runs[name]
            cost = self.costs[run.spec.stage]
            cost.wall_s += time.monotonic() - live.began
            cost.peak_memory = max(cost.peak_memory, live.peak_memory)
            processes.stop(live.process)
            self.ended[name, live.attempt] = self._failure(run, live.process.returncode)
        return bool(gone)

    def _failure(self, run: StageRun, status: int) -> Failure | None:
        """What the stage said of its end; where it said nothing, what its exit status tells."""
        if (said := self.run_folder.read_failure(run)) is not None or status in (0, EXIT_FAILURE):
            return said
        log = self.run_folder.stage_path(run) / LOG
        if status == -9:
            message = f"{run.spec.stage} was killed, by hand or for want of memory."
            return retrying("Killed", message, f"Free some memory. Log: {log}").failure
        return retrying("Crashed", f"{run.spec.stage} ended with exit status {status}.", f"Log: {log}").failure

    def _stand_by(self) -> None:
        """While a stage works, the processes of the next ones import."""
        if self.live and time.monotonic() - max(live.began for live in self.live.values()) > STAND_BY_AFTER_S:
            runs, stages = self.run_folder.read_stage_runs(), list(stages_of(self.resource.spec))
            last = max(stages.index(runs[name].spec.stage) for name in self.live)
            self.stand_bys.prepare(stages[last + 1 :])

    def _finish_live(self, phase: Phase) -> None:
        """A person is needed: work that may still go on (generate during a choice) ends by itself, else it is stopped."""
        if phase in (Phase.FAILED, Phase.BLOCKED):
            for live in self.live.values():
                processes.stop(live.process)

    def _measure(self) -> None:
        for live in self.live.values():
            live.peak_memory = max(live.peak_memory, processes.tree_memory([live.process.pid]))

    def _step_in(self) -> None:
        """A person ran the command: what failed, or waited for a retry, may be tried again at once."""
        for run in self.run_folder.read_stage_runs().values():
            if run.status.phase in (StageRunPhase.FAILED, StageRunPhase.BLOCKED, StageRunPhase.RETRYING):
                self.run_folder.write_stage_run(run.model_copy(update={"status": after_step_in(run.status)}))
