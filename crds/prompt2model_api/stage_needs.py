"""Whether a resource has a stage: pure, from the spec and the outputs that are there so far.

Before the outputs are there that decide, the answer is whether the stage may be needed.
"""

from __future__ import annotations

from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.teacher_requests import Done


def always(spec: Prompt2ModelSpec, done: Done) -> bool:
    """Every resource has it."""
    return True


def generation_is_enabled(spec: Prompt2ModelSpec, done: Done) -> bool:
    """generation.enabled says so."""
    return spec.generation.enabled
