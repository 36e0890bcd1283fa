"""prepare: retrieved, generated and the user's own examples become splits in text-to-text form.

Reads the rows that transform rewrote, or else the choice of the gate; discover's instruction and demonstrations; generate's
examples where it ran, as a person corrected them where generation.accepted says so; and the user's files. Writes one Parquet
file a split, preprocessing.json and statistics.json. It is quick and has no state: an attempt after a kill does it again, and
the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from prompt2model_api.environment_names import P2M_OWN_FOLDER
from prompt2model_api.results import StageOutputs
from prompt2model_api.spec.references import OwnData
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import blocked, failed
from prompt2model_stages.examples import (
    SOURCES,
    TRANSFORMED,
    Example,
    Pair,
    TransformedExample,
)
from prompt2model_stages.prepare.chosen import chosen_rows, dataset_license
from prompt2model_stages.prepare.generated import generated_rows
from prompt2model_stages.prepare.own_data import OwnExamples, read_alike, read_own
from prompt2model_stages.prepare.source_content import check_content
from prompt2model_stages.prepare.spelling import unseen_labels
from prompt2model_stages.prepare.splitting import OWN_LEFT_OUT, Splits, split
from prompt2model_stages.prepare.statistics import rows_read, statistics_of
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.textualizing import output_text
from prompt2model_stages.prepare.web import is_web
from prompt2model_stages.preprocessing import INSTRUCTION_LIMIT, Preprocessing
from prompt2model_stages.splits import TRAIN, split_file, test_split, write_split
from prompt2model_stages.stage_files import DiscoveredTask, read_lines
from prompt2model_stages.statistics_files import FileRead, Review
from prompt2model_stages.storage import Folder
from prompt2model_stages.trimming import trimmed

logger = logging.getLogger(__name__)

_TRANSFORM = "transform"
STEPS = ("retrieved data", "own data", "generated examples", "splits", "files")


def run(context: StageContext) -> StageOutputs:
    """One attempt of prepare.

    Raises: StageError: NoTrainingData, LicenseNotAllowed, ColumnMissing, FileMissing, what loading a dataset raises, and what
        generated_rows does.
    """
    task = DiscoveredTask.read(context.input("discover"))
    limit = context.spec.training.max_instruction_characters
    preprocessing = Preprocessing(task.instruction, INSTRUCTION_LIMIT if limit is None else limit)
    _progress(context, 0)
    license_name = dataset_license(context)
    notes: list[str] = []
    is_transformed = _TRANSFORM in context.job.stage_run.spec.inputs
    examples = (
        _transformed(context) if is_transformed else chosen_rows(context, notes, say=partial(_progress, context, 0))
    )
    _progress(context, 1)
    own, tests = _own_files(context)
    files = {where: one.table for where, one in (("datasets.own", own), ("evaluation.testData", tests)) if one}
    examples += own.examples if own else []
    own_test = tests.examples if tests else None
    _progress(context, 2)
    generated = generated_rows(context)
    examples += generated.examples
    _progress(context, 3)
    shown = [Pair(demonstration.input, demonstration.output) for demonstration in task.demonstrations]
    splits = split(examples, context.spec.seed, own_test, demonstrations=shown)
    if not splits.examples[TRAIN]:
        raise _no_training_data(splits)
    _progress(context, 4)
    rows = write(splits, preprocessing, context.folder, files, rows_read(examples), generated.review)
    context.reporter.progress(len(STEPS), len(STEPS), "steps", f"{rows[TRAIN]} rows to train on")
    unseen = _unseen(splits, shown=not any(is_web(table.name) for table in files.values())) if tests else None
    own_rows = len(own.examples if own else []) + len(own_test or [])
    left_out = [*_left_out(splits), *_own_left_out(splits, own_rows)]
    told = [*generated.notes, *left_out, *filter(None, [unseen, preprocessing.note])]
    return StageOutputs(
        rows=rows,
        notes=[*notes, *told] or None,
        license=license_name,
        reviewed=generated.review.counts if generated.review is not None else None,
    )


def _left_out(splits: Splits) -> list[str]:
    """What a person should know of the user's own test data and what is trained on."""
    grouping, told = splits.grouping, []
    if splits.shown:
        told.append(_shown(splits))
    if grouping.own_asked:
        told.append(
            f"{grouping.own_asked:,} rows are left out since they ask what your own test data asks; {grouping.near_tests:,} "
            "of their inputs ask it in other words."
        )
    if grouping.own_context:
        told.append(
            f"{grouping.own_context:,} rows to train on share a context with your own test data, and no question: a score "
            "on texts that the student never saw may be lower."
        )
    return told


def _shown(splits: Splits) -> str:
    """Of test rows that stand in the teacher's prompt."""
    stands = "demonstrations, which the teacher is shown with their answers"
    if splits.only_shown:
        return (
            f"All rows of your own test data are {stands}. They are tested all the same, so the teacher's score says little: "
            "bring other test data."
        )
    return f"Rows of your own test data that are {stands}, are left out: {splits.shown:,}."


def _own_left_out(splits: Splits, rows: int) -> list[str]:
    """What a person should know of own rows that are empty or ask what another one asks; few are not worth a note."""
    told, (inputs, joined) = [], splits.joined
    if inputs:
        told.append(
            f"Inputs of your own test data with several outputs: {inputs:,}, in {joined:,} rows. Each output counts as right."
        )
    dropped = splits.dropped
    empty, conflicts = dropped.empty["own"], dropped.conflicts["own"]
    twice = dropped.duplicates["own"] - (joined - inputs)
    if empty + conflicts + twice > OWN_LEFT_OUT * rows:
        told.append(
            f"{empty + conflicts + twice:,} of {rows:,} rows of your own data are left out: {empty:,} without an input or an "
            f"output, {twice:,} that are there twice, {conflicts:,} with another output than the one that is kept for the same "
            "input (the most frequent one; of equally frequent ones the seed draws)."
        )
    return told


def _unseen(splits: Splits, shown: bool) -> str | None:
    """What a person should know of labels in their own test data that nothing to train on has."""
    tests = splits.examples.get(test_split("own"), [])
    return unseen_labels([row.output for row in splits.examples[TRAIN]], tests, shown)


def write(
    splits: Splits,
    preprocessing: Preprocessing,
    folder: Folder,
    files: Mapping[str, Table] | None = None,
    read: Mapping[str, int] | None = None,
    review: Review | None = None,
) -> dict[str, int]:
    """Writes the splits, and how they were made.

    Args:
        files: the user's, by the field that names them; nobody else may ever have seen what was in them.
        read: rows of each dataset that was retrieved.
        review: what a person made of the generated examples.

    Returns: rows by split, the training split first.
    """
    preprocessing.save(folder)
    statistics_of(splits, {f: _about(t) for f, t in (files or {}).items()}, read, review).write(folder)
    for source in SOURCES:
        folder.remove(split_file(test_split(source)))  # of an attempt that was killed before the data was fixed
    for name, examples in splits.examples.items():
        write_split(folder, name, examples, preprocessing)
    return {name: len(examples) for name, examples in splits.examples.items()}


def _about(table: Table) -> FileRead:
    return FileRead(uri=table.name, sha256=table.sha256, rows=len(table.rows), notes=list(table.notes) or None)


def _transformed(context: StageContext) -> list[Example]:
    """The rows of the chosen dataset as the teacher rewrote them."""
    return [
        Example(
            input=row.input.strip(),
            output=output_text(trimmed(row.output, lone=True)),
            source="transformed",
            origin=f"{row.origin}, rewritten in {row.request}",
            made_from=row.made_from,
            answered=row.answered,
        )
        for row in read_lines(context.input(_TRANSFORM), TRANSFORMED, TransformedExample)
    ]


def _own_files(context: StageContext) -> tuple[OwnExamples | None, OwnExamples | None]:
    """The user's data and test data, their answers read alike."""
    data, test_data = context.spec.datasets.own, context.spec.evaluation.test_data
    own, tests = _own(context, data, "datasets.own"), _own(context, test_data, "evaluation.testData")
    if own is not None and data is not None and tests is not None and test_data is not None:
        own, tests = read_alike(own, data, tests, test_data), read_alike(tests, test_data, own, data)
    for where, read in (("datasets.own", own), ("evaluation.testData", tests)):
        if read is not None:
            for note in read.table.notes:
                logger.info("%s: of %s: %s", where, read.table.name, note)
    return own, tests


def _own(context: StageContext, data: OwnData | None, where: str) -> OwnExamples | None:
    """The user's file.

    Raises: StageError, also Blocked, SourceChanged, where it is not the file that the stage run was made for.
    """
    if data is None:
        return None
    place, named = _place(data, where), context.job.stage_run.spec.sources.get(where)
    if data.config_map is not None:  # what a pod still sees of an earlier content may be malformed: that is no failure
        check_content(named, where, place, hashlib.sha256(Path(place).read_bytes()).hexdigest())
    read = read_own(place, data, where)
    if named is not None:
        check_content(named, where, read.table.name, read.table.sha256)
    return read


def _place(data: OwnData, where: str) -> str:
    """Where the user's file lies: at its URI, or where the key of a ConfigMap is mounted."""
    if data.uri is not None:
        return data.uri
    assert data.config_map is not None
    mounted = Path(os.environ.get(P2M_OWN_FOLDER, "/own"), data.config_map.name, data.config_map.key)
    if not mounted.is_file():
        raise blocked(
            "ConfigMapKeyMissing",
            f"{where}.configMap: the ConfigMap {data.config_map.name} has no key {data.config_map.key}.",
            "Add the key to the ConfigMap, or name another.",
        )
    return str(mounted)


def _no_training_data(splits: Splits) -> Exception:
    dropped = {kind: sum(counts.values()) for kind, counts in vars(splits.dropped).items()}
    left_out = ", ".join(f"{count} {kind}" for kind, count in dropped.items() if count)
    if splits.grouping.own_asked:
        return failed(
            "NoTrainingData",
            f"There is nothing to train on: all rows are left out ({left_out}), {splits.grouping.own_asked} of them since they "
            "ask what your own test data asks.",
            "Bring test data that asks other questions than the rows to train on, or more rows to train on.",
        )
    why = f" What there was is left out: {left_out}." if left_out else ""
    return failed(
        "NoTrainingData",
        f"There is nothing to train on: no retrieved, transformed, generated or own example.{why}",
        "Enable generation, choose a dataset, or bring your own data in datasets.own.",
    )


def _progress(context: StageContext, step: int, why: str = "") -> None:
    context.reporter.progress(step, len(STEPS), "steps", f"{STEPS[step]}: {why}" if why else STEPS[step])
