"""The figures of a resource's data: from what the stages wrote where they did, else computed from the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from prompt2model_api.graph import GRAPH
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.stage_run import Stage
from prompt2model_stages.data_report.counting import Counting
from prompt2model_stages.data_report.figures import (
    CostFigures,
    CutLimits,
    DataReport,
    LengthFigures,
    NearPair,
    Origin,
    StageCost,
    TokenFigures,
)
from prompt2model_stages.data_report.nearest_pairs import nearest_pairs
from prompt2model_stages.data_report.rows import DataRow, generated_rows, rows_of, splits_in, transformed_rows
from prompt2model_stages.data_report.sources import DataSources, StageData
from prompt2model_stages.splits import TRAIN, VALIDATION
from prompt2model_stages.stage_files import DiscoveredTask
from prompt2model_stages.statistics_files import DataStatistics, TrainingStatistics
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.prices import price_of

MAKING_DATA = GRAPH[Stage.PREPARE].after
"""The stages whose questions to the teacher are a cost of the data; evaluate's are not."""
OF_DATA = tuple(stage for stage in GRAPH if stage is not Stage.EVALUATE)
"""The stages that make the data or read it for training."""


def report_of(sources: DataSources, seed: int) -> DataReport:
    """The report of this moment. 100,000 rows take seconds and, beside libraries, some 300 bytes each, whatever their length.

    Args:
        sources: the stage runs; of those without a result nothing is read, but train's statistics.
        seed: draws the rows that are shown.

    Raises: ValueError where a file of the data is damaged; OSError.
    """
    prepared = sources.done(Stage.PREPARE)
    counting = Counting(seed)
    found = _nearest(prepared.folder, counting) if prepared else _before_splits(sources, counting)
    statistics = (prepared and DataStatistics.read_if_whole(prepared.folder)) or DataStatistics()
    recorded = statistics.nearest
    return DataReport(
        name=sources.name,
        instruction=_instruction(sources),
        states={stage.value: data.state for stage, data in sources.stages.items()},
        prepared=prepared is not None,
        splits=counting.figures(),
        tokens=_tokens(sources),
        student=_student(sources),
        limits=_limits(sources),
        labels=counting.labels(),
        dropped=statistics.dropped,
        grouping=statistics.grouping,
        overlaps=counting.overlaps() if prepared else [],
        nearest=found,
        recorded=recorded[0].similarity if recorded else None,
        cost=_cost(sources),
        origins=_origins(sources, statistics, counting),
        samples=counting.samples(),
        seed=seed,
        notes=_notes(sources),
    )


def _nearest(prepared: Folder, counting: Counting) -> list[NearPair]:
    """The nearest pairs; every row is counted in the pass that they need."""

    def counted(split: str) -> Iterator[DataRow]:
        return counting.through(split, rows_of(prepared, split))

    names = splits_in(prepared)
    counting.expect(names)
    return nearest_pairs(names, counted, lambda split: rows_of(prepared, split))


def _before_splits(sources: DataSources, counting: Counting) -> list[NearPair]:
    """Counts what generate and transform wrote, each as if it were a split."""
    generated = (Stage.GENERATE, "generated", generated_rows)
    for stage, name, reader in (generated, (Stage.TRANSFORM, "transformed", transformed_rows)):
        if (data := sources.done(stage)) is not None:
            for _ in counting.through(name, reader(data.folder)):
                pass
    return []


def _instruction(sources: DataSources) -> str:
    discovered = sources.done(Stage.DISCOVER)
    task = DiscoveredTask.read_if_whole(discovered.folder) if discovered else None
    return task.instruction if task else sources.spec.instruction or ""


def _tokens(sources: DataSources) -> list[TokenFigures]:
    """What train counted before its first step, also while it trains."""
    train = sources.stages.get(Stage.TRAIN)
    statistics = TrainingStatistics.read_if_whole(train.folder) if train else None
    if statistics is None:
        return []
    counts = {TRAIN: statistics.train, VALIDATION: statistics.validation or {}}
    return [
        TokenFigures(
            split=split,
            rows=int(of["rows"]),
            input=_token_lengths(of, "input"),
            output=_token_lengths(of, "output"),
            cut_inputs=int(of.get("cut_inputs", 0)),
            cut_outputs=int(of.get("cut_outputs", 0)),
        )
        for split, of in counts.items()
        if of.get("rows")
    ]


def _token_lengths(counts: Mapping[str, int], of: str) -> LengthFigures | None:
    if f"median_{of}" not in counts:
        return None
    return LengthFigures(*(int(counts[f"{part}_{of}"]) for part in ("median", "p95", "longest")))


def _student(sources: DataSources) -> str:
    train = sources.stages.get(Stage.TRAIN)
    decision = train.run.spec.decision if train else None
    return (decision.student if decision else None) or ""


def _limits(sources: DataSources) -> CutLimits:
    train = sources.stages.get(Stage.TRAIN)
    known = train.run.spec.parameters if train else {}
    training = sources.spec.training
    return CutLimits(
        input=known.get("training.maxInputTokens", training.max_input_tokens),
        output=known.get("training.maxOutputTokens", training.max_output_tokens),
    )


def _cost(sources: DataSources) -> CostFigures:
    teacher = sources.spec.teacher
    spent = {stage: data.outputs.spent for stage in MAKING_DATA if (data := sources.done(stage)) and data.outputs}
    stages = [
        StageCost(stage.value, one.requests, one.prompt_tokens + one.completion_tokens, one.usd)
        for stage, one in spent.items()
    ]
    priced = teacher is not None and price_of(teacher) is not None
    generated = sources.done(Stage.GENERATE)
    examples = generated.outputs.examples if generated and generated.outputs else None
    per_thousand = 1000 * spent[Stage.GENERATE].usd / examples if examples and priced else None
    return CostFigures(stages, free=teacher is None, priced=priced, per_thousand=per_thousand)


def _origins(sources: DataSources, statistics: DataStatistics, counting: Counting) -> list[Origin]:
    rows = {split.name: split.sources for split in counting.figures()}
    datasets = statistics.datasets or {}
    alone, prepared = len(datasets) == 1, sources.done(Stage.PREPARE)
    found = [
        Origin(name, "dataset", of.read, _license(prepared, name, alone), of.rows) for name, of in datasets.items()
    ]
    found += [
        Origin(file.uri, f"your file ({field})", file.rows, "yours", _of_source(rows, "own"))
        for field, file in (statistics.files or {}).items()
    ]
    if generated := sources.done(Stage.GENERATE):
        read = generated.outputs.examples if generated.outputs else None
        name, terms = _teacher(sources.spec)
        found.append(Origin(name, "teacher", read, terms, _of_source(rows, "generated")))
    return found


def _license(prepared: StageData | None, dataset: str, alone: bool) -> str:
    """As the choice gate found it; of the only dataset, else as prepare did.

    Args:
        dataset: its name, of one at the hub with `@`, commit and part behind.
    """
    if prepared is None:
        return ""
    decision = prepared.run.spec.decision
    known = decision.license_of(dataset.partition("@")[0]) if decision else None
    recorded = prepared.outputs.license if prepared.outputs and alone else None
    return known or recorded or "not known"


def _teacher(spec: Prompt2ModelSpec) -> tuple[str, str]:
    """Its name, and what its answers may be used for, as far as is known."""
    if spec.teacher is None:
        return "embedded teacher", "Apache-2.0"
    return f"{spec.teacher.model} at {urlsplit(spec.teacher.base_url).hostname}", "see the provider's terms"


def _of_source(rows: Mapping[str, Mapping[str, int]], source: str) -> dict[str, int]:
    return {split: counts[source] for split, counts in rows.items() if counts.get(source)}


def _notes(sources: DataSources) -> tuple[str, ...]:
    """What the stages that make or read the data said of it."""
    notes = [
        note for stage in OF_DATA if (one := sources.done(stage)) and one.outputs for note in one.outputs.notes or []
    ]
    return tuple(dict.fromkeys(notes))
