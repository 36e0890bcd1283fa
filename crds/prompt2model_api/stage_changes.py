"""Why a stage runs although it ran before: what changed against its stage runs so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prompt2model_api import graph
from prompt2model_api.stage_run import StageRun, StageRunSpec


def why_it_runs(new: StageRunSpec, known: Iterable[StageRun]) -> str:
    """What changed against the stage run of the same stage that is most like the new one."""
    earlier = [run for run in known if run.spec.stage is new.stage]
    if not earlier:
        return "it has not run yet"
    closest = min(earlier, key=lambda run: (len(_differences(run.spec, new)), run.metadata.name))
    return "changed: " + ", ".join(_differences(closest.spec, new))


def _differences(old: StageRunSpec, new: StageRunSpec) -> list[str]:
    found = graph.changed_parameters(old.parameters, new.parameters)
    found += [
        f"the content of {path}"
        for path in sorted({*old.sources, *new.sources})
        if _differ(old.sources, new.sources, path)
    ]
    found += [
        f"the result of {stage}"
        for stage in sorted({*old.inputs, *new.inputs})
        if _differ(old.inputs, new.inputs, stage)
    ]
    chosen = [d.in_digest if d else {} for d in (old.decision, new.decision)]
    reviewed = [decided.pop("reviewed", None) for decided in chosen]
    found += ["your review (generation.accepted)"] if reviewed[0] != reviewed[1] else []
    return found + (["the choice"] if chosen[0] != chosen[1] else [])


def _differ(old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> bool:
    return bool(old.get(key) != new.get(key))
