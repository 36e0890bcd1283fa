"""What the subcommands of `p2m` do. Each returns its exit code."""

from __future__ import annotations

import errno
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import httpx
from rich.console import Console
from rich.markup import escape

from prompt2model_api.conditions import ConditionType
from prompt2model_api.loading import SpecError, cluster_only_fields
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_api.status import Phase, Prompt2ModelStatus
from prompt2model_api.texts import told
from prompt2model_stages.cli.status_tables import all_table, one_tables
from prompt2model_stages.differing_rows import ERRORS
from prompt2model_stages.errors import StageError, disk_full
from prompt2model_stages.golden_requests import read_golden
from prompt2model_stages.local import money
from prompt2model_stages.local.checks import load_checked
from prompt2model_stages.local.companions import ServiceProcess
from prompt2model_stages.local.display import Display
from prompt2model_stages.local.planning import plan_table, results_that_stand
from prompt2model_stages.local.report import print_report
from prompt2model_stages.local.run_folder import InUseError, RunFolder, UnreadableStatusError, runs_option
from prompt2model_stages.local.runner import Runner

DONE, STOPPED, REFUSED, INTERRUPTED = 0, 1, 2, 130
WAITING = (Phase.SUSPENDED, Phase.AWAITING_CHOICE, Phase.AWAITING_REVIEW)


def run(console: Console, file: Path, runs: Path, port: int, *, keep_serving: bool) -> int:
    """From the prompt to the report, then serving until Ctrl-C or the end."""

    def body() -> int:
        resource = load_checked(file)
        run_folder = RunFolder.of(runs, resource)
        for field in cluster_only_fields(resource):
            console.print(f"[dim]{field} is for a cluster: this run does not use it.[/dim]")
        if resource.spec.suspend:
            console.print(plan_table(resource, run_folder))
            console.print("Suspended: nothing was started. Remove spec.suspend to run it.")
            return DONE
        if run_folder.in_use():
            raise InUseError(f"{run_folder.path} is in use by another run: wait for it, or end it.")
        with run_folder.locked():
            run_folder.write_origin(file)
            if sentence := money.estimated(resource.spec, results_that_stand(resource, run_folder)):
                console.print(sentence, highlight=False, soft_wrap=True)
            return _run_locked(console, file, resource, run_folder, port, keep_serving)

    return guarded(console, body)


def _run_locked(
    console: Console, file: Path, resource: Prompt2Model, run_folder: RunFolder, port: int, keep_serving: bool
) -> int:
    service, began = ServiceProcess(run_folder, port, bool(resource.spec.service.truncate)), time.monotonic()
    with Display(console, resource) as display:

        def show(status: Prompt2ModelStatus, stage_runs: dict[str, StageRun]) -> None:
            display.show(status, stage_runs)
            display.service(service.look())

        runner = Runner(resource, run_folder, service, show, say=display.say)
        try:
            status = runner.run()
        except BaseException:
            service.stop()
            raise
        finally:
            runner.close()
    try:
        _report(console, runner, status)
        answered = _ask_once(console, run_folder, service) if status.phase is Phase.READY else False
        if not runner.tracker.finish():
            console.print("MLflow is not complete: the next run records what is missing.")
        wall = {"wall_s": round(time.monotonic() - began, 2), **runner.timings()}
        run_folder.folder.write_json("last_run.json", wall)
        code, sentence = ending(status)
        console.print(escape(f"\n{sentence}"), highlight=False, soft_wrap=True)
        if status.phase is not Phase.READY:
            where = shlex.quote(str(file)) + runs_option(run_folder.runs)
            kept = f"Everything so far is kept: `p2m run {where}` goes on where it was."
            console.print(kept, highlight=False, soft_wrap=True)
            if status.phase is Phase.AWAITING_CHOICE:
                console.print(f"Choose on a page: `p2m choose {where}`.", highlight=False, soft_wrap=True)
            if status.phase is Phase.AWAITING_REVIEW:
                console.print(f"Review on a page: `p2m review {where}`.", highlight=False, soft_wrap=True)
            return code
        _say_how_to_go_on(console, resource, run_folder, status)
        if keep_serving and answered:
            _serve_until_interrupted(console, service)
        return code
    finally:
        service.stop()
        runner.tracker.finish(limit_s=1)


def serve(console: Console, name: str, namespace: str, runs: Path, port: int) -> int:
    """Serves the model that was deployed last."""

    def body() -> int:
        run_folder = RunFolder(runs, namespace, name)
        deployed = run_folder.read_deployed()
        if deployed is None:
            raise SpecError(f"No model of {namespace}/{name} in {run_folder.runs}: run it first with `p2m run FILE`.")
        truncate = bool(run_folder.read_resource().spec.service.truncate)
        service = ServiceProcess(run_folder, port, truncate)
        path = run_folder.path
        try:
            service.start(
                path / deployed["train"],
                path / deployed["evaluate"],
                deployed["modelSha256"],
                deployed["evaluateDigest"],
            )
            while (seen := service.look()) is not None and not seen.ready:
                if seen.failure is not None:
                    console.print(escape(told(seen.failure.message, seen.failure.remedy)))
                    return STOPPED
                time.sleep(0.1)
            _ask_once(console, run_folder, service)
            _serve_until_interrupted(console, service)
            return DONE
        finally:
            service.stop()

    return guarded(console, body)


def ui(console: Console, runs: Path, port: int) -> int:
    """Serves MLflow's pages until Ctrl-C."""

    def body() -> int:
        if not (runs / "mlflow.db").exists():
            raise SpecError(f"Nothing is recorded in {runs} yet: run something first with `p2m run FILE`.")
        from prompt2model_stages.tracking.ui import serve_ui

        console.print(f"MLflow answers on http://127.0.0.1:{port} until Ctrl-C.", highlight=False)
        return serve_ui(runs, port)

    return guarded(console, body)


def status(console: Console, name: str | None, namespace: str, runs: Path) -> int:
    """A line a resource; with a name, all of one."""

    def body() -> int:
        if name is None:
            console.print(all_table(runs))
            return DONE
        run_folder = RunFolder(runs, namespace, name)
        try:
            found = run_folder.read_status()
        except UnreadableStatusError as error:
            raise SpecError(f"{error} Run it again with `p2m run FILE`: that writes it anew.") from error
        if found is None:
            raise SpecError(f"No run of {namespace}/{name} in {run_folder.runs}.")
        for table in one_tables(run_folder, found):
            console.print(table)
        if found.run_url is not None:
            console.print(f"Recorded at {found.run_url} (`p2m ui` serves it).", highlight=False, soft_wrap=True)
        return DONE

    return guarded(console, body)


def plan(console: Console, file: Path, runs: Path) -> int:
    """What a run would do, and what it would ask of the teacher."""

    def body() -> int:
        resource = load_checked(file)
        console.print(plan_table(resource, RunFolder.of(runs, resource)))
        return DONE

    return guarded(console, body)


def validate(console: Console, file: Path) -> int:
    """Whether a run would be accepted, and what the user's own files hold."""

    def body() -> int:
        seen: list[str] = []
        resource = load_checked(file, seen.append)
        console.print(f"{file}: {resource.metadata.namespace}/{resource.metadata.name} is valid.", highlight=False)
        for line in seen:
            console.print(escape(line), highlight=False, soft_wrap=True)
        if sentence := money.estimated(resource.spec):
            console.print(sentence, highlight=False, soft_wrap=True)
        return DONE

    return guarded(console, body)


def guarded(console: Console, body: Callable[[], int]) -> int:
    """Every expected error becomes one sentence and an exit code; SIGTERM ends a run as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        return body()
    except (SpecError, InUseError) as error:
        Console(stderr=True).print(escape(str(error)), highlight=False, soft_wrap=True)
        return REFUSED
    except StageError as error:
        console.print(escape(told(error.failure.message, error.failure.remedy)), highlight=False, soft_wrap=True)
        return STOPPED
    except KeyboardInterrupt:
        console.print("\nEnded. Everything so far is kept: the same command goes on where it was.")
        return INTERRUPTED
    except OSError as error:
        if (full := disk_full(error)) is None and error.errno not in (errno.EACCES, errno.EROFS):
            raise
        said = f"{error.strerror}: {error.filename}. Correct that; the same command goes on."
        if full is not None:
            said = f"{Phase.BLOCKED}: {told(full.failure.message, full.failure.remedy)} ({full.failure.reason})"
        console.print(escape(f"\n{said}"), highlight=False, soft_wrap=True)
        return STOPPED


def _report(console: Console, runner: Runner, status: Prompt2ModelStatus) -> None:
    current = runner.current()
    evaluated = current.get(Stage.EVALUATE)
    errors = runner.run_folder.stage_path(evaluated) / ERRORS if evaluated else None
    wall = {stage: cost.wall_s for stage, cost in runner.costs.items() if cost.wall_s}
    memory = {stage: cost.peak_memory for stage, cost in runner.costs.items()}
    cost = money.spent(runner.resource.spec, current)
    print_report(console, status, current, errors if errors and errors.exists() else None, wall, memory, cost)


def _ask_once(console: Console, run_folder: RunFolder, service: ServiceProcess) -> bool:
    """One golden request, over HTTP, so that the report shows the service answering."""
    deployed = run_folder.read_deployed()
    if deployed is None or service.process is None:
        return False
    golden = read_golden(run_folder.folder / deployed["evaluate"])
    for request in golden:  # one that evaluate had to cut is refused here
        text = request.input
        response = httpx.post(f"{service.url}/predict", json={"text": text}, timeout=150)
        answer = response.json()
        if response.status_code == 200:
            break
    console.print(f"\nThe service answers on {service.url}/predict", highlight=False)
    console.print(escape(f'  {{"text": "{text}"}}  ->  {answer}'), highlight=False)
    return True


def ending(status: Prompt2ModelStatus) -> tuple[int, str]:
    """The exit code and the sentence that a run ends with: both of what phase and conditions say."""
    ready = next(c for c in status.conditions if c.type is ConditionType.READY)
    said = f"{status.phase}: {ready.message}" if ready.message else str(status.phase)
    sentence = said if ready.reason == status.phase else f"{said} ({ready.reason})"
    return (DONE if status.phase is Phase.READY or status.phase in WAITING else STOPPED), sentence


def _say_how_to_go_on(
    console: Console, resource: Prompt2Model, run_folder: RunFolder, status: Prompt2ModelStatus
) -> None:
    where = runs_option(run_folder.runs)
    console.print("\nHow to go on:")
    if resource.spec.service.enabled:
        console.print(f"  p2m serve {resource.metadata.name}{where}   serve this model", highlight=False)
    elif status.model is not None:
        console.print(f"  the model, not served: {status.model.uri}", highlight=False, soft_wrap=True)
    console.print(f"  p2m data {resource.metadata.name}{where}    see what it was trained on", highlight=False)
    console.print(f"  p2m ui{where}            see every run in MLflow", highlight=False)


def _serve_until_interrupted(console: Console, service: ServiceProcess) -> None:
    console.print(f"\nServing on {service.url} until Ctrl-C.", highlight=False)
    try:
        while service.process is not None and service.process.poll() is None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("\nEnded.")
