"""prepare: retrieved, generated and the user's own examples become splits in text-to-text form.

Reads the choice of the gate, discover's instruction and demonstrations, generate's examples where it ran, and the
user's files. Writes one Parquet file a split, preprocessing.json and statistics.json. It is quick and has no state: an
attempt after a kill does it again, and the same inputs give the same bytes.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence

from prompt2model_api.prompt2model import OwnData
from prompt2model_api.results import StageOutputs
from prompt2model_stages.errors import failed
from prompt2model_stages.prepare.examples import SOURCES, Example, group_of
from prompt2model_stages.prepare.retrieving import load_choice
from prompt2model_stages.prepare.splitting import TRAIN, Splits, split, test_split
from prompt2model_stages.prepare.statistics import statistics_of
from prompt2model_stages.prepare.tables import read_table
from prompt2model_stages.prepare.textualizing import encodable, examples_of
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.stage_process import StageContext
from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

STATISTICS = "statistics.json"
STEPS = ("retrieved data", "own data", "generated examples", "splits", "files")


def run(context: StageContext) -> StageOutputs:
    """One attempt of prepare.

    Raises: StageError: NoTrainingData, ColumnMissing, FileMissing and what loading a dataset raises.
    """
    task = context.job.input("discover").read_json("task.json")
    preprocessing = Preprocessing(str(task["instruction"]))
    _progress(context, 0)
    examples = _retrieved(context)
    _progress(context, 1)
    examples += _own(context.spec.datasets.own, "datasets.own") or []
    own_test = _own(context.spec.evaluation.test_data, "evaluation.testData")
    _progress(context, 2)
    examples += _generated(context)
    _progress(context, 3)
    shown = frozenset(group_of(str(demonstration["input"])) for demonstration in task.get("demonstrations", []))
    splits = split(examples, context.spec.seed, own_test, shown)
    if not splits.examples[TRAIN]:
        raise _no_training_data(splits)
    _progress(context, 4)
    rows = write(splits, preprocessing, context.folder)
    context.reporter.progress(len(STEPS), len(STEPS), "steps", f"{rows[TRAIN]} rows to train on")
    return StageOutputs(rows=rows)


def write(splits: Splits, preprocessing: Preprocessing, folder: Folder) -> dict[str, int]:
    """Writes the splits, and how they were made. Returns: rows by split, the training split first."""
    preprocessing.save(folder)
    folder.write_json(STATISTICS, statistics_of(splits))
    for source in SOURCES:
        folder.remove(f"{test_split(source)}.parquet")  # of an attempt that was killed before the data was mended
    for name, examples in splits.examples.items():
        folder.write_bytes(f"{name}.parquet", _parquet(examples, preprocessing))
    return {name: len(examples) for name, examples in splits.examples.items()}


def _parquet(examples: Sequence[Example], preprocessing: Preprocessing) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "input": [example.input for example in examples],
        "text": [preprocessing.text(example.input) for example in examples],
        "output": [example.output for example in examples],
        "source": [example.source for example in examples],
        "origin": [example.origin for example in examples],
        "group": [example.group for example in examples],
    }
    table = pa.table(columns, schema=pa.schema([(name, pa.string()) for name in columns]))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _retrieved(context: StageContext) -> list[Example]:
    decision = context.job.stage_run.spec.decision
    choice = decision.dataset if decision is not None else None
    if decision is None or choice is None or choice.none or choice.output_column is None:
        return []
    table = load_choice(choice, decision.dataset_revision)
    rows = context.spec.datasets.max_rows
    return examples_of(table, choice.input_columns, choice.output_column, "retrieved", rows, context.spec.seed)


def _own(data: OwnData | None, where: str) -> list[Example] | None:
    if data is None:
        return None
    if data.uri is None:
        raise failed(
            "ConfigMapNotReadable",
            f"{where}.configMap can be read in a cluster alone.",
            f"Name the file itself in {where}.uri.",
        )
    table = read_table(data.uri, where)
    table.require([*data.input_columns, data.output_column], where)
    return examples_of(table, data.input_columns, data.output_column, "own")


def _generated(context: StageContext) -> list[Example]:
    if "generate" not in context.job.stage_run.spec.inputs:
        return []
    lines = context.job.input("generate").read_bytes("examples.jsonl").decode().split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    return [
        Example(
            input=encodable(str(row["input"])).strip(),
            output=encodable(str(row["output"])).strip(),
            source="generated",
            origin=",".join(row.get("requests", [])),
        )
        for row in rows
    ]


def _no_training_data(splits: Splits) -> Exception:
    dropped = {kind: sum(counts.values()) for kind, counts in vars(splits.dropped).items()}
    left_out = ", ".join(f"{count} {kind}" for kind, count in dropped.items() if count)
    why = f" What there was is left out: {left_out}." if left_out else ""
    return failed(
        "NoTrainingData",
        f"There is nothing to train on: no retrieved, generated or own example.{why}",
        "Enable generation, choose a dataset, or bring your own data in datasets.own.",
    )


def _progress(context: StageContext, step: int) -> None:
    context.reporter.progress(step, len(STEPS), "steps", STEPS[step])
