"""How a training that ended with an error is told: what Ray, PyTorch and the system say, as a cause and a remedy."""

from __future__ import annotations

import logging
import re
from typing import Any

from prompt2model_api.ray_texts import memory_shortage
from prompt2model_api.texts import cut
from prompt2model_stages.errors import StageError, retrying
from prompt2model_stages.student.devices import gpu_not_usable

logger = logging.getLogger(__name__)

GPU_FIELD = "training.resources.gpu"
NO_GPU = ("doesn't have NCCL built in", "ProcessGroupNCCL is only supported with GPUs")
"""What PyTorch says where Ray Train joins workers that reserve GPUs, before any of them can look for one."""
FRAME = re.compile(r"^\s+File \".*\", line \d+")
OUT_OF_MEMORY = ("OutOfMemory", "out of memory", "can't allocate memory")
MEMORY_REMEDY = (
    "Give more memory (spec.training.resources.memory), lower training.maxInputTokens, or choose a smaller student."
)
COLOR = re.compile(r"\x1b\[[\d;]*m")
IN_CREATION = "error raised in its creation task"
"""What Ray says of an actor that never came up because of an error of its own code."""
PEER_GONE = re.compile(r"gloo\b.*Connection (?:closed|reset) by peer")
"""What a worker's all-reduce says where another worker was killed; Ray may report it before the death itself."""


def cause_of(error: Exception, gpus: int) -> Exception:
    """The error that ended the training, as a failure that a person can act on. gpus: that each worker's pod reserves."""
    from ray.exceptions import RayError

    failures: dict[int, Any] = getattr(error, "worker_failures", {})
    causes = [_root(failure) for failure in failures.values()] or _of_controller(error)
    for cause in causes:
        if isinstance(cause, StageError | OSError):
            return cause
    text = " ".join(f"{type(cause).__name__}: {cause}" for cause in causes) or str(error)
    logger.error("the training ended with an error\n%s", error)
    if any(sign in text for sign in NO_GPU):
        return gpu_not_usable(gpus, GPU_FIELD)
    if (shortage := memory_shortage(text)) is not None:
        return retrying("OutOfMemory", shortage, MEMORY_REMEDY)
    message = cut(" ".join((text if causes else _last_of(text)).split()), 500)
    if any(sign in text for sign in OUT_OF_MEMORY):
        return retrying("OutOfMemory", f"The training ran out of memory: {message}", MEMORY_REMEDY)
    if any(isinstance(cause, RayError) for cause in causes) or PEER_GONE.search(text) is not None:
        remedy = (
            "The next attempt goes on from the newest checkpoint, in smaller parts where memory was short. If it is killed "
            f"again: {MEMORY_REMEDY}"
        )
        return retrying("WorkerDied", f"A training worker died: {message}", remedy)
    return retrying("TrainingFailed", message, "The stage's log has the whole error.")


def _of_controller(error: Exception) -> list[Exception]:
    """What ended Ray Train's own controller, which runs in an actor, where Ray names it; empty where it does not.

    Ray reports an error that the controller raised as a RayTaskError, and one of its creation as a dead actor: neither is a worker
    that died. https://docs.ray.io/en/latest/ray-core/api/exceptions.html
    """
    from ray.exceptions import ActorDiedError, RayError, RayTaskError

    if isinstance(error, RayTaskError):
        inside = error.cause
        return [inside] if isinstance(inside, StageError | OSError | RayError) else []
    if isinstance(error, ActorDiedError) and IN_CREATION in str(error):
        return []
    return [error] if isinstance(error, RayError) else []


def _last_of(text: str) -> str:
    """The error itself, where a text is a traceback: its last line. Anything else as it is."""
    lines = [line for line in COLOR.sub("", text).splitlines() if line.strip()]
    return lines[-1] if any(FRAME.match(line) for line in lines) else text


def _root(failure: Any) -> Any:
    """The error inside Ray Train's wrappers: of the training itself, or of Ray where the worker is gone."""
    for inside in ("_base_exc", "health_check_failure"):
        if (inner := getattr(failure, inside, None)) is not None:
            return _root(inner)
    return failure
