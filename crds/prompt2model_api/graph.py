"""The stage graph: what each stage reads, what comes before it, and the digest that names its work.

A digest is the SHA-256 of what changes a stage's result and of nothing else: limits, budgets, resources, retries, images
and secrets are not in it. The same work has the same name everywhere, so it is never done twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.stage_run import Decision, Stage

FORMAT_VERSION = 2
"""Raised when a stage's result changes its form, so that old results are made again."""

TEACHER = ("teacher.baseURL", "teacher.model")


@dataclass(frozen=True)
class StageNode:
    """One stage of the graph.

    reads: paths of the spec's fields, camelCase, that change the result.
    after: stages whose results it reads.
    sources: fields that name a file of the user's, whose content counts too.
    """

    reads: tuple[str, ...]
    after: tuple[Stage, ...] = ()
    sources: tuple[str, ...] = ()


GRAPH: dict[Stage, StageNode] = {
    Stage.DISCOVER: StageNode(
        reads=(
            *("prompt", "instruction", "demonstrations", *TEACHER),
            *("datasets.enabled", "datasets.topK", "student.architectures", "student.maxSize"),
        ),
    ),
    Stage.GENERATE: StageNode(
        reads=(*("generation.examples", "generation.temperature", "generation.outputsPerInput", "seed", *TEACHER),),
        after=(Stage.DISCOVER,),
    ),
    Stage.PREPARE: StageNode(
        reads=(
            *("datasets.maxRows", "datasets.own", "evaluation.testData", "training.maxInstructionCharacters", "seed"),
        ),
        after=(Stage.DISCOVER, Stage.GENERATE),
        sources=("datasets.own", "evaluation.testData"),
    ),
    Stage.TRAIN: StageNode(
        reads=(
            *("training.epochs", "training.learningRate", "training.batchSize", "training.maxInputTokens"),
            *("training.maxOutputTokens", "training.frozenLayers", "training.earlyStoppingPatience", "seed"),
        ),
        after=(Stage.PREPARE,),
    ),
    Stage.EVALUATE: StageNode(
        reads=(
            *("evaluation.metrics", "evaluation.maxRows", "evaluation.encoder", "evaluation.teacherPrompts", "seed"),
            *TEACHER,
        ),
        after=(Stage.DISCOVER, Stage.PREPARE, Stage.TRAIN),
    ),
}


def stages_of(spec: Prompt2ModelSpec) -> dict[Stage, tuple[Stage, ...]]:
    """The stages that this spec needs, each with those before it, in the order of the flow."""
    wanted = [stage for stage in GRAPH if stage is not Stage.GENERATE or spec.generation.enabled]
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
        upstream: digest of each stage before it.
        decision: what the gates before this stage decided; its reason does not count.
        sources: SHA-256 of the user's files, by field path; those that the stage does not read do not count.
    """
    body = {
        "format": FORMAT_VERSION,
        "stage": stage.value,
        "parameters": parameters(spec, stage),
        "upstream": {before.value: upstream[before] for before in stages_of(spec)[stage]},
        "decision": decision.model_copy(update={"reason": ""}).dump() if decision else None,
        "sources": {path: sha for path, sha in (sources or {}).items() if path in GRAPH[stage].sources},
    }
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def changed_parameters(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Paths whose values differ, sorted: why a stage is run again."""
    return sorted(path for path in {*old, *new} if old.get(path) != new.get(path))


def inputs(spec: Prompt2ModelSpec, stage: Stage, digests: Mapping[Stage, str]) -> dict[str, str]:
    """The folder of each stage run that the stage reads, by stage."""
    return {before.value: stage_folder(before, digests[before]) for before in stages_of(spec)[stage]}


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree
