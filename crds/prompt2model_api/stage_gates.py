"""Which gates stand before a stage, and which one keeps it from starting although it reads nothing of it.

Nothing that costs runs before a gate that may end the run or have its work done again (docs/decisions/0092): while a choice gate
has failed nothing after discover is started, and transform waits for the review, after which a person may edit the prompt. A
choice that is only awaited does not stop generate: whatever is chosen, its examples are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prompt2model_api.choice_gate import dataset_gate, student_gate
from prompt2model_api.gates import GateState, review_gate
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_run import Stage
from prompt2model_api.texts import cut

Done = Mapping[Stage, StageOutputs | None]
"""Outputs of the stages that the resource has; None of one that has no result yet."""


def deciding_gate(spec: Prompt2ModelSpec, stage: Stage, done: Done) -> GateState | None:
    """The gate whose decision the stage reads, if any; prepare has two, and the closed one counts.

    Args:
        spec: what the user wrote.
        stage: one whose inputs are there.
        done: with the outputs of the stages before it.
    """
    discovered = done.get(Stage.DISCOVER)
    if discovered is None:
        return None
    if stage is Stage.TRANSFORM:
        return dataset_gate(spec, discovered)
    if stage is Stage.PREPARE:
        dataset, review = dataset_gate(spec, discovered), review_gate(spec, done.get(Stage.GENERATE))
        return _both(dataset, review) if dataset.open and review.open else dataset if not dataset.open else review
    return student_gate(spec, discovered) if stage is Stage.TRAIN else None


def _both(dataset: GateState, review: GateState) -> GateState:
    """Two open gates: the dataset, and what a person made of the generated examples where there is that."""
    if dataset.decision is None or review.decision is None:
        return dataset
    decision = dataset.decision.model_copy(update={"reviewed": review.decision.reviewed})
    return replace(dataset, message=cut(f"{review.message} {dataset.message}"), decision=decision)


def holding_gate(spec: Prompt2ModelSpec, stage: Stage, done: Done) -> GateState | None:
    """A closed gate for which work of the stage could be done for nothing; None where there is none.

    Args:
        spec: what the user wrote.
        stage: any.
        done: outputs so far; generate among the stages only where the resource has it.
    """
    discovered = done.get(Stage.DISCOVER)
    if stage is Stage.DISCOVER or discovered is None:
        return None
    for gate in (dataset_gate(spec, discovered), student_gate(spec, discovered)):
        if gate.failed and not gate.open:
            return gate
    if stage is Stage.TRANSFORM and not (review := review_gate(spec, done.get(Stage.GENERATE))).open:
        return review
    return None
