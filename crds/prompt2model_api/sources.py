"""The user's own files as a stage's sources: which must be there before it starts, and what they held when last read."""

from __future__ import annotations

from prompt2model_api import graph
from prompt2model_api.conditions import Failure
from prompt2model_api.snapshot import Snapshot
from prompt2model_api.stage_run import Stage


def known_sources(snapshot: Snapshot) -> dict[str, str]:
    """SHA-256 of the files, by field path; of one that is missing now, what the status remembers.

    So the work that was done with a file keeps its name when the file is removed afterwards.
    """
    old = snapshot.resource.status.sources if snapshot.resource.status else {}
    remembered = {path: old[path] for path in snapshot.missing if path in old}
    return {**remembered, **snapshot.sources}


def missing_before(snapshot: Snapshot, stage: Stage) -> Failure | None:
    """What keeps new work of a stage from being started: a file that it, or a stage that reads its result, needs.

    The stages before count too, so that nothing is paid for a run that cannot go on.
    """
    needed = {path for one, node in graph.GRAPH.items() if one is stage or stage in node.after for path in node.sources}
    return _first(snapshot, needed)


def missing_for(snapshot: Snapshot, stage: Stage) -> Failure | None:
    """What keeps the pod of a stage from starting: a file that the stage itself reads."""
    return _first(snapshot, set(graph.GRAPH[stage].sources))


def _first(snapshot: Snapshot, paths: set[str]) -> Failure | None:
    return next((failure for path, failure in sorted(snapshot.missing.items()) if path in paths), None)
