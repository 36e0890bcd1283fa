"""Brings MLflow in step with a resource's folder: one run for the resource, a run below it for each stage run.

Everything is found again, by a mark or else by its tags, before it is made, so a recorder may be killed anywhere and
may run as often as it likes. Two at once, as where one stage ends and the next begins in a cluster, agree on the run that
was made first. MLflow is imported by `sync`, not before.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Stage, StageRunPhase
from prompt2model_stages.reporting import ResultFile
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.database import database_file, no_twin_folder
from prompt2model_stages.tracking.folders import DEPLOYED, StageFolder, current, read_resource, read_stage_folders
from prompt2model_stages.tracking.marks import (
    OPEN,
    ResourceMark,
    StageMark,
    read_mark,
    resource_seen,
    workspace,
    write_mark,
)
from prompt2model_stages.tracking.values import score_metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

RESOURCE_TAG = "p2m.resource"
KIND_TAG = "p2m.kind"
STAGE_RUN_TAG = "p2m.stage_run"
DIGEST_TAG = "p2m.digest"
MADE_TAG = "p2m.made"
"""When a run was made, in nanoseconds: of two that were made at once, the first one counts."""


class Recorder:
    """The record of one resource.

    Args:
        resource_folder: <root>/<namespace>/<name>.
        tracking_uri: MLflow's, such as sqlite:////absolute/path.db or http://mlflow:5000.
        artifact_root: folder or URI for the artifacts of a new experiment; without it, MLflow's own default.
        only: name of one stage run's folder: of the stage runs it alone is recorded, and the others are left to others.
    """

    def __init__(
        self, resource_folder: Folder, tracking_uri: str, artifact_root: str | None = None, only: str | None = None
    ) -> None:
        self._folder = resource_folder
        self._tracking_uri = tracking_uri
        self._artifact_root = artifact_root
        self._only = only
        self._known: Any = None

    def sync(self, live: bool = False) -> None:
        """Records what is not recorded yet.

        Args:
            live: whether somebody works at the resource now, so that runs which are not at their end stay open. Where
                one stage run alone is recorded, somebody always does until the last stage has its result.

        Raises: mlflow.exceptions.MlflowException and whatever the tracking store raises, where it is away.
        """
        resource = read_resource(self._folder)
        if resource is not None:
            with no_twin_folder(self._tracking_uri):
                self._sync(resource, live)

    def _sync(self, resource: Prompt2Model, live: bool) -> None:
        seen = resource_seen(self._folder)
        client = self._client()
        mark, is_new = self._resource_run(client, resource)
        stages = read_stage_folders(self._folder)
        for stage in stages:
            if self._only in (None, stage.name):
                self._stage(client, resource, mark, stage, live or self._only is not None, is_new)
        self._champion(client, resource)
        if self._only is not None:
            live, seen = not _is_last(stages, self._only), ""
        of_now = current(resource, stages)
        status = _resource_status(of_now, live)
        if is_new or (mark.seen, mark.status) != (seen, status):
            self._summary(client, mark.run_id, stages, of_now)
            _set_status(client, mark.run_id, status, int(time.time() * 1000))
        write_mark(self._folder, mark.model_copy(update={"status": status, "seen": seen}))

    def _client(self) -> MlflowClient:
        if self._known is None:
            import mlflow

            if (database := database_file(self._tracking_uri)) is not None:
                database.parent.mkdir(parents=True, exist_ok=True)
            mlflow.set_tracking_uri(self._tracking_uri)  # log_input and log_model know no client
            mlflow.set_registry_uri(self._tracking_uri)
            self._known = mlflow.MlflowClient(self._tracking_uri, self._tracking_uri)
        return self._known

    def _resource_run(self, client: MlflowClient, resource: Prompt2Model) -> tuple[ResourceMark, bool]:
        """The mark of the resource's run, and whether the run is new in this MLflow."""
        mark = read_mark(self._folder, ResourceMark, self._tracking_uri)
        if mark is not None and _is_active(client, mark.run_id):
            return mark, False
        name = full_name(resource)
        experiment_id = self._experiment(client, f"{resource.metadata.namespace}/{resource.metadata.name}")
        tags = {RESOURCE_TAG: name, KIND_TAG: "resource"}
        found = _find(client, experiment_id, tags)
        if found is None:
            description = resource.spec.instruction or resource.spec.prompt or ""
            more = {"mlflow.note.content": description[:5000], "p2m.namespace": resource.metadata.namespace}
            started = [one.run.status.started_at for one in read_stage_folders(self._folder)]
            start_ms = min((int(at.timestamp() * 1000) for at in started if at), default=None)
            found = _made(client, experiment_id, tags, more, start_ms, resource.metadata.name)
        mark = ResourceMark(
            tracking_uri=self._tracking_uri, workspace=workspace(), experiment_id=experiment_id, run_id=found
        )
        write_mark(self._folder, mark)
        return mark, True

    def _experiment(self, client: MlflowClient, name: str) -> str:
        found = client.get_experiment_by_name(name)
        if found is None:
            root = f"{self._artifact_root.rstrip('/')}/{name}" if self._artifact_root else None
            if root and "://" not in root:
                root = Path(root).absolute().as_uri()
            tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI's form for training, not for chat
            try:
                made = str(client.create_experiment(name, artifact_location=root, tags=tags))
                self._remove_default(client)
                return made
            except Exception:  # another recorder made it this moment, or MLflow is away: the next line tells
                if (found := client.get_experiment_by_name(name)) is None:
                    raise
        if found.lifecycle_stage != "active":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _remove_default(self, client: MlflowClient) -> None:
        """A new database has an experiment Default, which nothing is ever recorded in. A server's is its owner's."""
        from mlflow.entities import ViewType

        if database_file(self._tracking_uri) is None:
            return
        default = client.get_experiment_by_name("Default")
        if default is None or default.experiment_id != "0" or default.lifecycle_stage != "active":
            return
        if not client.search_runs(["0"], run_view_type=ViewType.ALL, max_results=1):
            client.delete_experiment("0")

    def _stage(
        self,
        client: MlflowClient,
        resource: Prompt2Model,
        parent: ResourceMark,
        stage: StageFolder,
        live: bool,
        is_new: bool,
    ) -> None:
        from prompt2model_stages.tracking.stage_record import StageRecord

        status = stage.status(live)
        mark = read_mark(stage.folder, StageMark, self._tracking_uri)
        if mark is not None and not is_new and (mark.seen, mark.status) == (stage.seen, status):
            return
        if mark is None or not _is_active(client, mark.run_id):
            mark = StageMark(
                tracking_uri=self._tracking_uri,
                workspace=workspace(),
                experiment_id=parent.experiment_id,
                run_id=_stage_run_id(client, resource, parent, stage),
                status="",
            )
        record = StageRecord(client, parent.experiment_id, full_name(resource), stage, mark)
        record.bring_in_step(self._folder)
        if record.mark.status != status:
            ended = stage.modified_ms(ResultFile.NAME) if status == "FINISHED" else None
            _set_status(client, mark.run_id, status, ended or int(time.time() * 1000))
        write_mark(stage.folder, record.mark.model_copy(update={"status": status, "seen": stage.seen}))

    def _champion(self, client: MlflowClient, resource: Prompt2Model) -> None:
        """Gives the alias `champion` to the model that the service answers with."""
        if not self._folder.exists(DEPLOYED):
            return
        from prompt2model_stages.tracking.registering import give_alias

        digest = self._folder.read_json(DEPLOYED).get("trainDigest")
        if digest:
            give_alias(client, full_name(resource), str(digest), "champion")

    def _summary(
        self, client: MlflowClient, run_id: str, stages: list[StageFolder], of_now: dict[Stage, StageFolder]
    ) -> None:
        """The figures that resources are compared by, on the resource's own run: the scores of now, the cost of all."""
        import mlflow

        values = {"seconds": sum(stage.result.seconds for stage in stages if stage.result is not None)}
        for stage in of_now.values():
            values |= score_metrics(stage.outputs.get("scores") or [])
        for stage in stages:
            for name, value in (stage.outputs.get("spent") or {}).items():
                values[f"spent/{name}"] = values.get(f"spent/{name}", 0.0) + float(value)
        now = int(time.time() * 1000)
        client.log_batch(run_id, metrics=[mlflow.entities.Metric(k, v, now, 0) for k, v in values.items()])


def full_name(resource: Prompt2Model) -> str:
    """`<namespace>.<name>`: the registered model's name too."""
    return f"{resource.metadata.namespace}.{resource.metadata.name}"


def _resource_status(of_now: dict[Stage, StageFolder], live: bool) -> str:
    """MLflow's word for where the resource stands: a failure that an edit of the spec has replaced is over."""
    if live:
        return "RUNNING"
    statuses = {stage.status(live) for stage in of_now.values()}
    return next((status for status in ("FAILED", "KILLED") if status in statuses), "FINISHED")


def _is_last(stages: list[StageFolder], name: str) -> bool:
    """Whether nothing comes after this stage run: evaluate with its result, or an end that needs an edit of the spec."""
    own = next((stage for stage in stages if stage.name == name), None)
    if own is None:
        return False
    return own.run.status.phase is StageRunPhase.FAILED or (own.stage is Stage.EVALUATE and own.result is not None)


def _stage_run_id(client: MlflowClient, resource: Prompt2Model, parent: ResourceMark, stage: StageFolder) -> str:
    name = stage.run.metadata.name
    tags = {STAGE_RUN_TAG: name, DIGEST_TAG: stage.run.spec.digest, RESOURCE_TAG: full_name(resource)}
    found = _find(client, parent.experiment_id, tags)
    if found is not None:
        return found
    more = {"mlflow.parentRunId": parent.run_id, KIND_TAG: "stage_run", "p2m.stage": stage.stage.value}
    started = stage.run.status.started_at
    start_ms = int(started.timestamp() * 1000) if started else None
    return _made(client, parent.experiment_id, tags, more, start_ms, stage.name)


def _made(
    client: MlflowClient,
    experiment_id: str,
    tags: dict[str, str],
    more: dict[str, str],
    start_ms: int | None,
    name: str,
) -> str:
    """A new run; or, where another recorder made one a moment earlier, that one."""
    all_tags = {**tags, **more, MADE_TAG: f"{time.time_ns():020d}"}
    run = client.create_run(experiment_id, start_time=start_ms, tags=all_tags, run_name=name)
    first = _find(client, experiment_id, tags) or str(run.info.run_id)
    if first != run.info.run_id:
        client.delete_run(run.info.run_id)
    return first


def _find(client: MlflowClient, experiment_id: str, tags: dict[str, str]) -> str | None:
    condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    runs = client.search_runs([experiment_id], condition, max_results=1, order_by=[f"tags.`{MADE_TAG}` ASC"])
    return str(runs[0].info.run_id) if runs else None


def _is_active(client: MlflowClient, run_id: str) -> bool:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return False
        raise


def _set_status(client: MlflowClient, run_id: str, status: str, ended_ms: int) -> None:
    if status in OPEN:
        client.update_run(run_id, status=status)
    else:
        client.set_terminated(run_id, status, ended_ms)
