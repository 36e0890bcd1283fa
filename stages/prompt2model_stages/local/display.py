"""What a person sees while a run goes on: a bar a stage in a terminal, a line a change elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from prompt2model_api.graph import stages_of
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.snapshot import ObservedService
from prompt2model_api.stage_run import Stage, StageRun, StageRunPhase
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_api.texts import cut

LINE_EVERY_S = 10.0
SERVICE = "service"


class Display:
    """Shows each stage's progress with its total, and says why a stage runs."""

    def __init__(self, console: Console, resource: Prompt2Model) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=32),
            TextColumn("{task.fields[count]:>22}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )
        self._spec = resource.spec
        self._names = [stage.value for stage in stages_of(resource.spec)]
        self._names += [SERVICE] if resource.spec.service.enabled else []
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> Display:
        for name in self._names:
            self._tasks[name] = self._bars.add_task(name, total=None, start=False, count="", note="waits")
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(text, highlight=False)

    def show(self, status: Prompt2ModelStatus, runs: dict[str, StageRun]) -> None:
        """Brings the bars in step with the stage runs that the status speaks of."""
        current = {run.spec.stage: run for run in runs.values() if _newer(run, runs)}
        results = {stage: run.status.result for stage, run in current.items()}
        needed = stages_of(self._spec, {stage: result.outputs for stage, result in results.items() if result})
        for stage in stages_of(self._spec):
            self._bars.update(self._tasks[stage.value], visible=stage in needed)
        for stage, run in current.items():
            if stage in needed:
                self._stage(stage, run)

    def service(self, seen: ObservedService | None) -> None:
        """The service's own line."""
        if seen is None or SERVICE not in self._tasks:
            return
        note = seen.url or "" if seen.ready else "starts"
        self._update(SERVICE, 1.0 if seen.ready else 0.0, float(seen.ready), "", note, finished=seen.ready)

    def _stage(self, stage: Stage, run: StageRun) -> None:
        status, progress = run.status, run.status.progress
        if status.phase is StageRunPhase.SUCCEEDED or (status.result and status.phase is StageRunPhase.RUNNING):
            seconds = status.result.seconds if status.result else 0.0
            self._update(stage.value, 1.0, 1.0, "", f"done in {seconds:.0f} s", finished=True)
        elif status.failure is not None and status.phase is not StageRunPhase.RUNNING:
            self._update(stage.value, 0.0, 0.0, "", cut(f"{status.phase.value}: {status.failure.message}", 200))
        elif status.phase is StageRunPhase.RUNNING:
            live = progress if progress and progress.attempt == status.attempt else None
            note = live.message if live else "starts"
            if status.attempt > 1:
                note = f"attempt {status.attempt}. {note}"
            self._update(
                stage.value, live.done if live else 0, live.total if live else 0, live.unit if live else "", note
            )

    def _update(self, name: str, done: float, total: float, unit: str, note: str, finished: bool = False) -> None:
        task = self._tasks[name]
        count = "" if finished or total <= 0 else f"{done:g}/{total:g} {unit}"
        if not self._bars.tasks[self._bars.task_ids.index(task)].started:
            self._bars.start_task(task)
        self._bars.update(task, completed=done, total=total or None, count=count, note=note)
        if finished:
            self._bars.stop_task(task)
        if not self._console.is_terminal:
            self._line(name, count, note)

    def _line(self, name: str, count: str, note: str) -> None:
        """Without a terminal: a line when the note changes, and one each ten seconds while it counts."""
        text, (last, when) = f"{name:<9} {count} {note}".rstrip(), self._said.get(name, ("", 0.0))
        if text != last and (not count or time.monotonic() - when > LINE_EVERY_S):
            self._said[name] = (text, time.monotonic())
            self.say(text)


def _newer(run: StageRun, runs: dict[str, StageRun]) -> bool:
    """Whether this is the stage's latest stage run."""
    same = [r for r in runs.values() if r.spec.stage is run.spec.stage]
    return max(same, key=lambda r: (r.status.started_at is not None, r.status.started_at or 0)) is run
