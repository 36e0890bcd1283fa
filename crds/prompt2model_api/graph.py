"""The stage graph: everything that is known of a stage beside its work, and the digest that names its work.

A new stage is a name in `Stage`, an entry in GRAPH, and a folder in prompt2model_stages.

A digest is the SHA-256 of what changes a stage's result and of nothing else: limits, budgets, resources, retries, images
and secrets are not in it. The same work has the same name everywhere, so it is never done twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prompt2model_api import stage_needs, teacher_requests
from prompt2model_api.conditions import ConditionType
from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.spec.references import OwnData
from prompt2model_api.spec.training import Resources
from prompt2model_api.stage_run import Decision, Stage
from prompt2model_api.status import Phase
from prompt2model_api.teacher_requests import Done, Request

FORMAT_VERSION = 2
"""Raised when all stages' results change their form, so that old results are made again; of one stage, see StageNode.version."""

CHOSEN = ("datasets.choice", *(f"datasets.choice.also[{number}]" for number in range(4)))
"""The fields that may name a file as a dataset."""
TEACHER = ("teacher.baseURL", "teacher.model", "teacher.reasoning.effort", "teacher.extraBody")


AS_BEFORE: Mapping[str, Any] = {"generation.language": "English", "generation.validate": "None"}
"""Values with which a stage does what it did before the field was there: they are not in its digest, so its work keeps its name.
They stand for the field where a stage run's parameters, which an older version wrote, lack it."""


@dataclass(frozen=True)
class Compute:
    """What a pod asks for, and the most memory that it may take; as Kubernetes writes quantities."""

    cpu: str
    memory: str
    memory_limit: str


@dataclass(frozen=True)
class StageNode:
    """One stage of the graph: everything that others know of it. Its folder in prompt2model_stages does its work.

    version: raised when the same inputs give another result, so that this stage and those after it are run again.
    reads: paths of the spec's fields, camelCase, that change the result.
    phase: the resource's while it runs.
    condition: what its result is part of; a condition that several stages share holds when all of them have one.
    compute: of its pod, where the chart's settings say nothing else.
    after: stages whose results it reads.
    sources: fields that name a file of the user's, whose content counts too; ConfigMaps among them are mounted.
    needed: whether a resource has it, from the spec and the outputs that are there so far.
    waits_for: stages that must have ended first although it reads nothing of them: a resource's journal of the teacher has
        one writer at a time.
    teacher_requests: what it will ask the teacher, at most; None: it never asks, and gets neither address nor key.
    asks_hub: whether it asks the Hugging Face Hub, and gets its token.
    on_ray: whether it runs on Ray.
    on_workers: whether training.workers pods do it.
    resources: path of the field that says what its pod asks for; empty: the chart's settings alone.
    licenses: path of the field that lists the licenses that what it loads may have; empty: it loads nothing of others.
    artifacts: files that MLflow keeps as they are, where they are there; `*` stands for any characters.
    """

    reads: tuple[str, ...]
    phase: Phase
    condition: ConditionType
    compute: Compute
    after: tuple[Stage, ...] = ()
    sources: tuple[str, ...] = ()
    needed: Callable[[Prompt2ModelSpec, Done], bool] = stage_needs.always
    waits_for: tuple[Stage, ...] = ()
    teacher_requests: Callable[[Prompt2ModelSpec, Done], list[Request]] | None = None
    asks_hub: bool = False
    on_ray: bool = False
    on_workers: bool = False
    resources: str = ""
    licenses: str = ""
    artifacts: tuple[str, ...] = ()
    version: int = 1

    @property
    def uses_teacher(self) -> bool:
        """Whether it may ask the teacher."""
        return self.teacher_requests is not None


GRAPH: dict[Stage, StageNode] = {
    Stage.DISCOVER: StageNode(
        reads=(
            *("prompt", "instruction", "demonstrations", *TEACHER),
            *("datasets.enabled", "datasets.topK", "student.architectures", "student.maxSize"),
            *("datasets.licenses", "student.licenses", "parts.parser", "parts.datasets", "parts.students"),
        ),
        phase=Phase.DISCOVERING,
        condition=ConditionType.DISCOVERED,
        compute=Compute("100m", "512Mi", "2Gi"),
        teacher_requests=teacher_requests.of_discover,
        asks_hub=True,  # revisions
        artifacts=("task.json", "candidates.json"),
    ),
    Stage.GENERATE: StageNode(
        reads=(
            *("generation.examples", "generation.temperature", "generation.outputsPerInput", "seed", *TEACHER),
            *("generation.leastYield", "generation.language", "generation.nearDuplicates", "generation.validate"),
            *("generation.furtherOutputs", "parts.generator"),
        ),
        phase=Phase.GENERATING,
        condition=ConditionType.DATA_READY,
        compute=Compute("250m", "2Gi", "4Gi"),
        after=(Stage.DISCOVER,),
        needed=stage_needs.generation_is_enabled,
        teacher_requests=teacher_requests.of_generate,
        on_ray=True,
        artifacts=("statistics.json", "examples.jsonl"),
    ),
    Stage.TRANSFORM: StageNode(
        reads=(*("datasets.maxRows", "seed"), *TEACHER),
        phase=Phase.TRANSFORMING,
        condition=ConditionType.DATA_READY,
        compute=Compute("250m", "1Gi", "4Gi"),
        after=(Stage.DISCOVER,),
        needed=stage_needs.rows_are_rewritten,
        waits_for=(Stage.GENERATE,),
        sources=CHOSEN,
        teacher_requests=teacher_requests.of_transform,
        asks_hub=True,  # datasets
        licenses="datasets.licenses",
        artifacts=("statistics.json", "transformed.jsonl", "plan.txt"),
        version=2,  # the rows that it rewrites: of lists, choices and labels (prepare.textualizing)
    ),
    Stage.PREPARE: StageNode(
        reads=(
            *("datasets.maxRows", "datasets.own", "evaluation.testData", "training.maxInstructionCharacters", "seed"),
        ),
        phase=Phase.PREPARING,
        condition=ConditionType.DATA_READY,
        compute=Compute("250m", "1Gi", "4Gi"),
        after=(Stage.DISCOVER, Stage.GENERATE, Stage.TRANSFORM),
        sources=(*CHOSEN, "datasets.own", "evaluation.testData"),
        asks_hub=True,  # datasets
        licenses="datasets.licenses",
        artifacts=("statistics.json", "preprocessing.json"),
        version=3,  # near-duplicates and common questions are never in two splits, classes are in all of them
    ),
    Stage.TRAIN: StageNode(
        reads=(
            *("training.epochs", "training.learningRate", "training.batchSize", "training.maxInputTokens"),
            *("training.maxOutputTokens", "training.frozenLayers", "training.earlyStoppingPatience", "seed"),
            *("training.maxCutOutputsPercent", "training.maxCutInputsPercent", "training.maxUnwritablePercent"),
            *("training.minDistinctOutputs", "training.maxLossRatio"),
        ),
        phase=Phase.TRAINING,
        condition=ConditionType.TRAINED,
        compute=Compute("500m", "4Gi", "12Gi"),
        after=(Stage.PREPARE,),
        on_ray=True,
        on_workers=True,
        resources="training.resources",
        asks_hub=True,  # the student
        licenses="student.licenses",
        artifacts=("untrained.json", "statistics.json"),
    ),
    Stage.EVALUATE: StageNode(
        reads=(
            *("evaluation.metrics", "evaluation.maxRows", "evaluation.encoder", "evaluation.teacherPrompts", "seed"),
            *TEACHER,
        ),
        phase=Phase.EVALUATING,
        condition=ConditionType.EVALUATED,
        compute=Compute("250m", "2Gi", "8Gi"),
        after=(Stage.DISCOVER, Stage.PREPARE, Stage.TRAIN),
        teacher_requests=teacher_requests.of_evaluate,
        resources="evaluation.resources",
        asks_hub=True,  # the untrained student, and the encoder of BERTScore
        artifacts=("scores.json", "golden.json", "errors.jsonl", "predictions-*"),
    ),
}


def stages_of(spec: Prompt2ModelSpec, done: Done | None = None) -> dict[Stage, tuple[Stage, ...]]:
    """The stages that this spec needs, each with those before it, in the order of the flow.

    Args:
        spec: what the user wrote.
        done: outputs of the stages that have a result. Without them, a stage that may still turn out to be needed is one.
    """
    wanted = [stage for stage, node in GRAPH.items() if node.needed(spec, done or {})]
    return {stage: tuple(s for s in GRAPH[stage].after if s in wanted) for stage in wanted}


def parameters(spec: Prompt2ModelSpec, stage: Stage) -> dict[str, Any]:
    """The spec's fields that the stage reads, by path; those not set are left out."""
    dumped = spec.dump()
    found = {path: _at(dumped, path) for path in GRAPH[stage].reads}
    return {path: value for path, value in found.items() if value is not None}


def digest(
    spec: Prompt2ModelSpec,
    stage: Stage,
    upstream: Mapping[Stage, str],
    decision: Decision | None = None,
    sources: Mapping[str, str] | None = None,
) -> str:
    """The name of the work: 64 hexadecimal digits.

    Args:
        spec: what the user wrote, defaults filled in.
        stage: the stage.
        upstream: digest of each stage before it that the resource has; others do not count.
        decision: what the gates before this stage decided; its reason and licenses do not count.
        sources: SHA-256 of the user's files, by field path; those that the stage does not read do not count.
    """
    read = parameters(spec, stage)
    body = {
        "format": FORMAT_VERSION,
        "stage": stage.value,
        "parameters": {path: value for path, value in read.items() if AS_BEFORE.get(path) != value},
        "upstream": {before.value: upstream[before] for before in GRAPH[stage].after if before in upstream},
        "decision": decision.in_digest if decision else None,
        "sources": {path: sha for path, sha in (sources or {}).items() if path in GRAPH[stage].sources},
    }
    if GRAPH[stage].version > 1:
        body["version"] = GRAPH[stage].version
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def own_resources(spec: Prompt2ModelSpec, stage: Stage) -> Resources | None:
    """What a pod of the stage asks for; None where the chart's settings decide alone."""
    named = {"training.resources": spec.training.resources, "evaluation.resources": spec.evaluation.resources}
    return named.get(GRAPH[stage].resources)


def licenses_for(spec: Prompt2ModelSpec, stage: Stage) -> list[str] | None:
    """The licenses that what a stage loads may have; None: any."""
    named = {"datasets.licenses": spec.datasets.licenses, "student.licenses": spec.student.licenses}
    return named.get(GRAPH[stage].licenses)


def own_data(spec: Prompt2ModelSpec, stage: Stage | None = None) -> dict[str, OwnData]:
    """The user's files that the stage (by default any stage) reads, by the path of the field that names them."""
    named = {"datasets.own": spec.datasets.own, "evaluation.testData": spec.evaluation.test_data}
    wanted = {path for one, node in GRAPH.items() if stage in (None, one) for path in node.sources}
    return {path: own for path, own in named.items() if own is not None and path in wanted}


def changed_parameters(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Paths whose values differ, sorted: why a stage is run again."""
    return sorted(path for path in {*old, *new} if old.get(path) != new.get(path))


def inputs(stage: Stage, digests: Mapping[Stage, str]) -> dict[str, str]:
    """The folder of each stage run that the stage reads, by stage; digests: of the stages that the resource has."""
    return {before.value: stage_folder(before, digests[before]) for before in GRAPH[stage].after if before in digests}


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree
