"""Names of what is made for a resource: deterministic, and short enough for where they are used.

A stage run is `<name>-<stage>-<8 hex>`, its workload `<stage run>-<attempt>`. Resources' names have at most 52
characters; where a child's name would be too long for its kind, the middle gives way to a hash.
"""

from __future__ import annotations

import hashlib

from prompt2model_api.stage_run import Stage

LABEL_LIMIT = 63
RAYJOB_LIMIT = 47  # KubeRay appends to a RayJob's name: kuberay issues 2169 and 4100


def stage_folder(stage: Stage, digest: str) -> str:
    """The stage run's folder below the resource's: `train-1a2b3c4d`."""
    return f"{stage.value}-{digest[:8]}"


def stage_run_name(resource: str, stage: Stage, digest: str) -> str:
    """The stage run's name: `dates-train-1a2b3c4d`, at most 63 characters."""
    return shortened(f"{resource}-{stage_folder(stage, digest)}", LABEL_LIMIT)


def workload_name(stage_run: str, attempt: int, limit: int = LABEL_LIMIT) -> str:
    """The name of the attempt's Job, RayJob (limit 47) or local process."""
    return shortened(f"{stage_run}-{attempt}", limit)


def shortened(name: str, limit: int) -> str:
    """The name itself where it fits; else its start, 8 digits of its hash, and its last 14 characters."""
    if len(name) <= limit:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    tail = name[-14:].lstrip("-.")
    return f"{name[: limit - len(tail) - 10].rstrip('-.')}-{mark}-{tail}"
