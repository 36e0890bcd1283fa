"""How far the recorder got, in a small file beside what it recorded: tracking.json.

With it, a run in which nothing changed costs no import of MLflow, and a recorder that was killed goes on where it was.
It is a memory, not the truth: without it, runs are found again by their tags.
"""

from __future__ import annotations

import hashlib
import os
from typing import TypeVar

from prompt2model_api.base import Model
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.database import database_file
from prompt2model_stages.tracking.folders import DEPLOYED, RESOURCE, read_stage_folders
from prompt2model_stages.tracking.ui import UI_ADDRESS

MARK = "tracking.json"
WORKSPACE = "MLFLOW_WORKSPACE"
"""MLflow's own variable: the workspace that it records into."""
OPEN = ("RUNNING", "SCHEDULED")


def workspace() -> str:
    """The workspace that is recorded into; empty where MLflow has none."""
    return os.environ.get(WORKSPACE, "")


class Mark(Model):
    """What every mark says."""

    tracking_uri: str
    workspace: str = ""
    experiment_id: str
    run_id: str
    status: str = "RUNNING"
    """MLflow's status of the run, as set last."""
    seen: str = ""
    """What was there when all of it was recorded."""


class StageMark(Mark):
    """How far one stage run is recorded."""

    lines_bytes: int = 0
    """Bytes of metrics.jsonl that are recorded."""
    described: bool = False
    """Whether the parameters are recorded."""
    done: bool = False
    """Whether the result, with all that belongs to it, is recorded."""


class ResourceMark(Mark):
    """How far the resource's own run is recorded."""


M = TypeVar("M", bound=Mark)


def read_mark(folder: Folder, kind: type[M], tracking_uri: str | None) -> M | None:
    """The mark in a folder; None where there is none, or it belongs to another MLflow or another workspace.

    Args:
        folder: of the resource or of a stage run.
        kind: of the mark.
        tracking_uri: MLflow's; None takes a mark of any MLflow.
    """
    try:
        mark = kind.model_validate_json(folder.read_bytes(MARK))
    except (FileNotFoundError, ValueError):
        return None
    is_here = mark.tracking_uri == tracking_uri and mark.workspace == workspace()
    return mark if tracking_uri is None or is_here else None


def write_mark(folder: Folder, mark: Mark) -> None:
    """Keeps the mark."""
    folder.write_json(MARK, mark.dump())


def resource_seen(folder: Folder, only: str | None = None) -> str:
    """Changes whenever the resource, what is deployed of it, or one of its stage runs (the one named) changed."""
    whole = hashlib.sha256()
    for name in (RESOURCE, DEPLOYED):
        whole.update(folder.read_bytes(name) if folder.exists(name) else b"-")
    for stage in read_stage_folders(folder, only):
        whole.update(f"{stage.name} {stage.seen}".encode())
    return whole.hexdigest()[:16]


def needs_sync(resource_folder: Folder, tracking_uri: str | None = None) -> bool:
    """Whether MLflow is behind the folder, or a run is still open there. Takes milliseconds: no MLflow is imported.

    Args:
        resource_folder: <root>/<namespace>/<name>.
        tracking_uri: where the record should be; another one than last time, or a database that is gone, needs a sync.
    """
    mark = read_mark(resource_folder, ResourceMark, tracking_uri)
    if mark is None:
        return resource_folder.exists(RESOURCE)
    database = database_file(mark.tracking_uri)
    if database is not None and not database.exists():
        return True
    return mark.status in OPEN or mark.seen != resource_seen(resource_folder)


def run_url(resource_folder: Folder, stage_folder: str | None = None, public_url: str | None = None) -> str | None:
    """The page of the resource's run, or of a stage run's, in MLflow; None where it is not recorded yet.

    Args:
        resource_folder: <root>/<namespace>/<name>.
        stage_folder: name of the stage run's folder below it; None: the resource's own run.
        public_url: MLflow's address as people reach it; by default the one that it is recorded at.

    A record in a database has no server of its own: its page answers while `p2m ui` runs.
    """
    folder, kind = (resource_folder / stage_folder, StageMark) if stage_folder else (resource_folder, ResourceMark)
    mark: Mark | None = read_mark(folder, kind, None)
    if mark is None:
        return None
    served = mark.tracking_uri.startswith(("http://", "https://"))
    address = public_url or (mark.tracking_uri if served else UI_ADDRESS)
    page = f"{address.rstrip('/')}/#/experiments/{mark.experiment_id}/runs/{mark.run_id}"
    return f"{page}?workspace={mark.workspace}" if mark.workspace else page
