"""Whether a resource has a stage: pure, from the spec and the outputs that are there so far.

Before the outputs are there that decide, the answer is whether the stage may be needed.
"""

from __future__ import annotations

from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.rewriting import may_transform
from prompt2model_api.stage_run import Stage
from prompt2model_api.teacher_requests import Done


def always(spec: Prompt2ModelSpec, done: Done) -> bool:
    """Every resource has it."""
    return True


def generation_is_enabled(spec: Prompt2ModelSpec, done: Done) -> bool:
    """generation.enabled says so."""
    return spec.generation.enabled


def rows_are_rewritten(spec: Prompt2ModelSpec, done: Done) -> bool:
    """The choice gate decides for a dataset whose rows are rewritten; while it is closed, it still may."""
    choice, discovered = spec.datasets.choice, done.get(Stage.DISCOVER)
    if not may_transform(spec):
        return False
    if discovered is None:
        return spec.datasets.enabled if choice is None else not choice.none
    gate = dataset_gate(spec, discovered)
    return bool(gate.decision.transform) if gate.decision is not None else not gate.open
