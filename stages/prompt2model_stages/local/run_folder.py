"""One folder a resource: where a local run keeps everything, and how it is read back.

<runs>/mlflow.db, <runs>/mlartifacts/
<runs>/<namespace>/<name>/resource.yaml        the Prompt2Model as it was run last
                          origin.json          the file that it was run from
                          status.json          its status
                          deployed.json        what the service answers with
                          teacher/             the journal
                          <stage>-<8 hex>/     a stage run: stage_run.json, job-<n>.json, log.txt, result.json, ...
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from prompt2model_api.complaints import complaints
from prompt2model_api.conditions import Failure
from prompt2model_api.loading import SpecError
from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Progress, Stage, StageRun, StageRunStatus
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_stages.attempt import read_result
from prompt2model_stages.reporting import FAILURE, PROGRESS
from prompt2model_stages.stage_files import first_problem
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.database import database_uri
from prompt2model_stages.tracking.marks import run_url

logger = logging.getLogger(__name__)

STAGE_RUN = "stage_run.json"


STATUS = "status.json"


class InUseError(Exception):
    """Another run works in this folder."""


class UnreadableStatusError(Exception):
    """status.json is there and says nothing that can be used; the message is one sentence."""


def runs_option(runs: Path) -> str:
    """What a command needs behind it to find this runs folder; empty for the one that it takes by itself."""
    runs = runs.absolute()
    return "" if runs == Path("runs").absolute() else f" --runs {shlex.quote(str(runs))}"


class RunFolder:
    """The folder of one resource below the runs folder; nothing is written before `create`."""

    def __init__(self, runs: Path, namespace: str, name: str) -> None:
        self.runs = runs.absolute()
        self.path = self.runs / namespace / name
        self.namespace, self.name = namespace, name

    @classmethod
    def of(cls, runs: Path, resource: Prompt2Model) -> RunFolder:
        """The folder of this resource."""
        return cls(runs, resource.metadata.namespace, resource.metadata.name)

    @property
    def folder(self) -> Folder:
        """The folder for what works with any storage."""
        return Folder(str(self.path))

    @property
    def tracking_uri(self) -> str:
        """MLflow's database, one for all resources of the runs folder."""
        return database_uri(self.runs / "mlflow.db")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder. Raises: InUseError where another run has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUseError(f"{self.path} is in use by another run: wait for it, or end it.") from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def in_use(self) -> bool:
        """Whether a run holds the folder now."""
        try:
            with (self.path / ".lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def read_resource(self) -> Prompt2Model:
        """The resource as it was run last. Raises: FileNotFoundError; SpecError where this version would refuse it."""
        file = self.path / "resource.yaml"
        try:
            return Prompt2Model.model_validate(yaml.safe_load(file.read_text()))
        except ValidationError as error:
            raise SpecError(
                f"{file}: {complaints(error)[0]}; correct it in your own file, and run that again"
            ) from error

    def write_resource(self, resource: Prompt2Model) -> None:
        """Keeps the resource beside its results."""
        text = yaml.safe_dump(resource.dump(), sort_keys=False, allow_unicode=True)
        self.folder.write_bytes("resource.yaml", text.encode())

    def write_origin(self, file: Path) -> None:
        """Keeps where the user's file is, for `p2m choose`."""
        self.folder.write_json("origin.json", {"file": str(file.absolute())})

    def read_origin(self) -> Path | None:
        """The file that the resource was run from last; None where it is not known."""
        file = (self.read_json("origin.json") or {}).get("file")
        return Path(file) if isinstance(file, str) else None

    def read_status(self) -> Prompt2ModelStatus | None:
        """The status as it was written last; None where none was.

        Raises: UnreadableStatusError where it is damaged, or was written by a version that this one does not understand.
        """
        try:
            return Prompt2ModelStatus.model_validate(json.loads((self.path / STATUS).read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:  # also pydantic's, JSON's and that of bytes that are no text
            why = first_problem(error) if isinstance(error, ValidationError) else str(error)
            raise UnreadableStatusError(f"{self.path / STATUS} cannot be read ({why}).") from error

    def write_status(self, status: Prompt2ModelStatus) -> None:
        """Keeps the status."""
        self.folder.write_json(STATUS, status.dump())

    @property
    def run_url(self) -> str | None:
        """The resource's run in MLflow; None where it is not recorded yet."""
        return run_url(self.folder)

    def read_deployed(self) -> dict[str, Any] | None:
        """What the service answers with: trainDigest, evaluateDigest, train, evaluate, modelSha256."""
        return self.read_json("deployed.json")

    def stage_path(self, run: StageRun) -> Path:
        """The stage run's folder."""
        return self.path / stage_folder(run.spec.stage, run.spec.digest)

    def read_stage_runs(self) -> dict[str, StageRun]:
        """All stage runs by name, with the progress and result that the stages wrote, and the recorder's run URL.

        One whose file is damaged is left out, which is logged: the next run makes it again, and finds its result.
        """
        found = {}
        for stage in Stage:
            for path in sorted(self.path.glob(f"{stage.value}-*/{STAGE_RUN}")):
                try:
                    run = self._read_stage_run(path)
                except ValidationError as error:
                    logger.warning("%s is damaged, and not used: %s", path, first_problem(error))
                    continue
                found[run.metadata.name] = run
        return found

    def write_stage_run(self, run: StageRun) -> None:
        """Writes the stage run; progress, result and run URL stay where stage and recorder wrote them."""
        theirs = {"progress": None, "result": None, "reported_failure": None, "run_url": None}
        status = run.status.model_copy(update=theirs)
        folder = Folder(str(self.stage_path(run)))
        folder.write_json(STAGE_RUN, run.model_copy(update={"status": status}).dump())

    def read_failure(self, run: StageRun) -> Failure | None:
        """Why the stage run's live attempt ended, if it said so."""
        tree = self.read_json(f"{self.stage_path(run).name}/{FAILURE}")
        if tree is None or tree.pop("attempt", None) != run.status.attempt:
            return None
        return Failure.model_validate(tree)

    def _read_stage_run(self, path: Path) -> StageRun:
        run = StageRun.model_validate_json(path.read_bytes())
        relative = path.parent.name
        progress = self.read_json(f"{relative}/{PROGRESS}")
        result, recorded = read_result(Folder(str(path.parent))), run_url(self.folder, relative)
        update: dict[str, object] = {"result": result, "run_url": recorded}
        if progress is not None:
            try:
                update["progress"] = Progress.model_validate(progress)
            except ValidationError:
                update["progress"] = None
        status: StageRunStatus = run.status.model_copy(update=update)
        return run.model_copy(update={"status": status})

    def read_json(self, name: str) -> dict[str, Any] | None:
        """A JSON object in the folder; None where there is none, or half of one."""
        try:
            tree = json.loads((self.path / name).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return tree if isinstance(tree, dict) else None
