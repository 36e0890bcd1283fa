"""A resource's folder as generate, prepare and train leave it, with rows that a test names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import Decision, Stage, StageRun
from prompt2model_stages.data_report import DataSources
from prompt2model_stages.examples import Example, Source, VotedExample
from prompt2model_stages.prepare.splitting import Dropped, Splits
from prompt2model_stages.prepare.stage import write
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.stage_files import json_lines
from prompt2model_stages.tracking.data_page import data_sources
from prompt2model_stages.tracking.folders import current, read_resource, read_stage_folders
from tests.tracking_folder import TrackedFolder

INSTRUCTION = "Say what the ticket is about."
DATASET = {"name": "org/tickets", "split": "train", "inputColumns": ["text"], "outputColumn": "label"}


def example(
    text: str, output: str, source: Source = "own", origin: str = "", references: Sequence[str] = ()
) -> Example:
    return Example(text, output, source, origin, references=tuple(references))


class DataFolder(TrackedFolder):
    """Writes what the report reads, by the functions of the stages themselves."""

    def __init__(self, runs: Path, **spec: Any) -> None:
        super().__init__(runs)
        if spec:
            tree = {"metadata": {"name": "dates"}, "spec": {"instruction": INSTRUCTION, **spec}}
            resource = Prompt2Model.model_validate(tree)
            (self.path / "resource.yaml").write_text(yaml.safe_dump(resource.dump()))

    def discovered(self, instruction: str = INSTRUCTION) -> None:
        self.begin(Stage.DISCOVER).write_json("task.json", {"instruction": instruction})
        spent = {"requests": 2, "promptTokens": 100, "completionTokens": 20, "usd": 0.001}
        self.end(Stage.DISCOVER, {"instruction": instruction, "spent": spent})

    def generated(self, pairs: Mapping[str, str], usd: float = 0.0) -> None:
        rows = [VotedExample(text, output, ("r1",), 1, 1) for text, output in pairs.items()]
        self.begin(Stage.GENERATE).write_bytes("examples.jsonl", json_lines(rows))
        spent = {"requests": 10, "promptTokens": 700, "completionTokens": 300, "usd": usd}
        self.end(Stage.GENERATE, {"examples": len(rows), "spent": spent})

    def prepared(
        self,
        splits: Mapping[str, Sequence[Example]],
        dropped: Dropped | None = None,
        read: Mapping[str, int] | None = None,
        **outputs: Any,
    ) -> None:
        folder = self.begin(Stage.PREPARE)
        made = Splits({name: list(rows) for name, rows in splits.items()}, dropped or Dropped())
        rows = write(made, Preprocessing(INSTRUCTION), folder, read=read)
        self.end(Stage.PREPARE, {"rows": rows, **outputs})
        self._amend(Stage.PREPARE, decision=Decision.model_validate({"dataset": DATASET, "datasetLicense": "MIT"}))

    def training(self, train: Mapping[str, Any], validation: Mapping[str, Any] | None = None) -> None:
        """While it trains: the counts are there, the result is not."""
        folder = self.begin(Stage.TRAIN)
        folder.write_json("statistics.json", {"train": train, "validation": validation, "notes": []})

    def sources(self, live: bool = True) -> DataSources:
        resource = read_resource(self.folder)
        assert resource is not None
        stages = current(resource, read_stage_folders(self.folder))
        return data_sources(resource, stages.values(), live)

    def _amend(self, stage: Stage, **fields: Any) -> None:
        """Changes the specification of a stage run."""
        folder = self.stage_folder(stage)
        run = StageRun.model_validate(folder.read_json("stage_run.json"))
        spec = run.spec.model_copy(
            update={
                "inputs": {s.value: self.stage_folder(s).uri.rpartition("/")[2] for s in self._before(stage)},
                **fields,
            }
        )
        folder.write_json("stage_run.json", run.model_copy(update={"spec": spec}).dump())

    def _before(self, stage: Stage) -> list[Stage]:
        before = [Stage.DISCOVER, Stage.GENERATE]
        return [one for one in before if self.stage_folder(one).exists() and one is not stage]
