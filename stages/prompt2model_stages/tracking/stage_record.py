"""What MLflow gets of one stage run: parameters, curves while it runs, and with its result numbers, data, plots, tables."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt2model_api.graph import GRAPH
from prompt2model_api.stage_run import Stage
from prompt2model_stages.differing_rows import ERRORS, DifferingRow
from prompt2model_stages.reporting import METRICS, ResultFile
from prompt2model_stages.stage_files import read_lines
from prompt2model_stages.statistics_files import STATISTICS, DataStatistics, GenerationStatistics
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking import plots
from prompt2model_stages.tracking.data_page import PAGE, data_page
from prompt2model_stages.tracking.datasets import log_splits
from prompt2model_stages.tracking.folders import StageFolder
from prompt2model_stages.tracking.marks import StageMark, read_mark, write_mark
from prompt2model_stages.tracking.registering import log_and_register
from prompt2model_stages.tracking.values import Point, final_metrics, flat_parameters, points, score_tags, whole_lines

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 1000
"""Metrics in one call: MLflow's limit."""


class StageRecord:
    """One stage run and its run in MLflow; `mark` says how far it is.

    Args:
        client: of the tracking server.
        experiment_id: the resource's experiment.
        model_name: the registered model's name.
        stage: what lies in storage.
        mark: how far it was recorded.
    """

    def __init__(
        self, client: MlflowClient, experiment_id: str, model_name: str, stage: StageFolder, mark: StageMark
    ) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._model_name = model_name
        self._stage = stage
        self.mark = mark

    def bring_in_step(self, resource_folder: Folder) -> None:
        """Records what is new. A killed recorder does its last step again; every step may be done twice."""
        if not self.mark.described:
            self._parameters()
            self._marked(described=True)
        self._tags()
        self._curves()
        if self._stage.result is not None and not self.mark.done:
            self._result(resource_folder)
            self._marked(done=True)

    def _marked(self, **update: Any) -> None:
        self.mark = self.mark.model_copy(update=update)
        write_mark(self._stage.folder, self.mark)

    def _parameters(self) -> None:
        import mlflow

        spec = self._stage.run.spec
        tree: dict[str, Any] = dict(spec.parameters)
        if spec.decision is not None:
            tree["decision"] = spec.decision.dump()
        if spec.sources:
            tree["sources"] = spec.sources
        flat = flat_parameters(tree)
        params = [mlflow.entities.Param(key, value) for key, value in flat.items()]
        for start in range(0, len(params), 100):  # MLflow's limit
            self._client.log_batch(self.mark.run_id, params=params[start : start + 100])
        whole = {"parameters": spec.parameters, "inputs": spec.inputs, **tree}
        self._client.log_dict(self.mark.run_id, whole, "parameters.json")

    def _tags(self) -> None:
        import mlflow

        status, failure = self._stage.run.status, self._stage.failure or {}
        if status.failure is not None:
            failure = status.failure.dump()
        tags = {"p2m.attempts": str(status.attempt), "p2m.phase": status.phase.value}
        for name in ("reason", "message", "remedy"):  # emptied once an attempt came through
            told = str(failure.get(name, "")) if self._stage.result is None else ""
            if told or self.mark.seen:
                tags[f"p2m.failure.{name}"] = told
        tags |= score_tags(self._stage.outputs)
        if license_name := self._stage.outputs.get("license"):
            tags["p2m.license"] = str(license_name)
        tags |= {f"p2m.parts.{kind}": str(part) for kind, part in (self._stage.outputs.get("parts") or {}).items()}
        self._client.log_batch(self.mark.run_id, tags=[mlflow.entities.RunTag(k, v) for k, v in tags.items()])

    def _curves(self) -> None:
        new = whole_lines(self._metrics_file()[self.mark.lines_bytes :])
        found = list(points(new))
        for start in range(0, len(found), BATCH):
            self._log(found[start : start + BATCH])
        if new:
            self._marked(lines_bytes=self.mark.lines_bytes + len(new))

    def _log(self, found: Sequence[Point]) -> None:
        import mlflow

        metrics = [mlflow.entities.Metric(p.key, p.value, p.time_ms, p.step) for p in found]
        self._client.log_batch(self.mark.run_id, metrics=metrics)

    def _metrics_file(self) -> bytes:
        folder = self._stage.folder
        return folder.read_bytes(METRICS) if folder.exists(METRICS) else b""

    def _result(self, resource_folder: Folder) -> None:
        at = self._stage.modified_ms(ResultFile.NAME) or 0
        if self._stage.result is not None:
            self._log([Point(key, value, 0, at) for key, value in final_metrics(self._stage.result).items()])
        self._artifacts()
        stage, inputs = self._stage.stage, self._stage.run.spec.inputs
        prepared = self._stage.folder if stage is Stage.PREPARE else None
        if "prepare" in inputs:
            prepared = resource_folder / inputs["prepare"]
        if prepared is not None and prepared.exists():
            log_splits(self.mark.run_id, prepared, stage)
        self._data_page(resource_folder)
        if stage is Stage.TRAIN:
            log_and_register(self._client, self._experiment_id, self.mark.run_id, self._model_name, self._stage)

    def _data_page(self, resource_folder: Folder) -> None:
        """The report on the data, with prepare's run; it is there once more, with tokens, when train is done."""
        found = data_page(resource_folder, self._stage)
        if found is None:
            return
        name, page = found
        mark = self.mark
        if name != self._stage.name:
            prepared = read_mark(resource_folder / name, StageMark, self.mark.tracking_uri)
            if prepared is None:  # recorded elsewhere, or not at all: then there is no run to keep it with
                return
            mark = prepared
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / PAGE
            file.write_bytes(page)
            self._client.log_artifact(mark.run_id, str(file))

    def _artifacts(self) -> None:
        folder, stage = self._stage.folder, self._stage.stage
        kept = GRAPH[stage].artifacts
        names = [name for name in folder.names() if any(fnmatch(name, pattern) for pattern in kept)]
        with tempfile.TemporaryDirectory() as scratch:
            for name in names:
                file = Path(scratch) / name
                file.write_bytes(folder.read_bytes(name))
                self._client.log_artifact(self.mark.run_id, str(file))
        for name, figure in self._figures().items():
            if figure is not None:
                self._client.log_figure(self.mark.run_id, figure, f"plots/{name}.png")
        if stage is Stage.EVALUATE and folder.exists(ERRORS):
            self._table("errors.json", list(read_lines(folder, ERRORS, DifferingRow)))

    def _figures(self) -> dict[str, Any]:
        folder, stage = self._stage.folder, self._stage.stage
        if stage is Stage.TRAIN:
            return {"learning_curve": plots.learning_curve(points(self._metrics_file()))}
        if stage is Stage.EVALUATE:
            return {"scores": plots.score_bars(self._stage.outputs.get("scores") or [])}
        if not folder.exists(STATISTICS):
            return {}
        if stage is Stage.GENERATE:
            over_time = GenerationStatistics.read(folder).duplicates_over_time
            return {"duplicates": plots.duplicates_over_time(over_time)}
        if stage is Stage.PREPARE:
            return {"lengths": plots.length_histograms(DataStatistics.read(folder).lengths)}
        return {}

    def _table(self, name: str, rows: Sequence[DifferingRow]) -> None:
        """A table as the UI shows it. MLflow's own log_table would append to one that a killed recorder left."""
        columns = [field.name for field in fields(DifferingRow)]
        table = {"columns": columns, "data": [[getattr(row, column) for column in columns] for row in rows]}
        self._client.log_text(self.mark.run_id, json.dumps(table, ensure_ascii=False), name)
        tables = json.dumps([{"path": name, "type": "table"}])
        self._client.set_tag(self.mark.run_id, "mlflow.loggedArtifacts", tables)
