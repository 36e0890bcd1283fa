"""A stage is described once, in the graph: everybody else asks there."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

import prompt2model_api
import prompt2model_operator
import prompt2model_stages
from prompt2model_api import teacher_requests
from prompt2model_api.conditions import ConditionType
from prompt2model_api.decide import decide
from prompt2model_api.estimate import estimate
from prompt2model_api.graph import GRAPH, Compute, stages_of
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.snapshot import MakeStageRun, Snapshot, StartAttempt, Workload
from prompt2model_api.stage_run import Stage, StageRunPhase
from prompt2model_api.status import Phase
from prompt2model_operator.manifests.network import ray_policy
from prompt2model_operator.manifests.stage_jobs import stage_workload
from prompt2model_operator.settings import PodDefaults, Settings, _of_stage

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 26, tzinfo=UTC)
RESOURCE = Prompt2Model.model_validate(
    {
        "apiVersion": "prompt2model.dev/v1alpha1",
        "kind": "Prompt2Model",
        "metadata": {"name": "dates", "uid": "u"},
        "spec": {
            "prompt": "Say the date in words.",
            "teacher": {
                "baseURL": "https://llm.example/v1",
                "model": "m",
                "apiKeySecretRef": {"name": "llm", "key": "token"},
                "budget": {"unlimited": True},
            },
        },
    }
)


def sources() -> list[Path]:
    roots = (prompt2model_api, prompt2model_operator, prompt2model_stages)
    return [file for root in roots for file in sorted(Path(str(root.__file__)).parent.rglob("*.py"))]


def stages_in(node: ast.AST) -> set[str]:
    """Stages that are named as direct parts of a table."""
    parts = list(node.keys) if isinstance(node, ast.Dict) else list(getattr(node, "elts", []))
    return {
        part.attr
        for part in parts
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "Stage"
    }


def tables(file: Path) -> list[str]:
    tree = ast.parse(file.read_text("utf-8"))
    kinds = (ast.Dict, ast.Tuple, ast.List, ast.Set)
    return [f"{file}:{n.lineno}" for n in ast.walk(tree) if isinstance(n, kinds) and len(stages_in(n)) > 1]


def test_every_stage_has_a_node_and_a_folder_with_a_process() -> None:
    assert list(GRAPH) == list(Stage)
    folder = Path(str(prompt2model_stages.__file__)).parent
    for stage in Stage:
        assert (folder / stage.value / "__main__.py").is_file()
        assert not {before for before in GRAPH[stage].after if list(Stage).index(before) >= list(Stage).index(stage)}


def test_no_module_but_the_graph_has_a_table_of_stages() -> None:
    found = [place for file in sources() if file.name != "graph.py" for place in tables(file)]
    assert found == []
    assert tables(Path(str(prompt2model_api.__file__)).parent / "graph.py")  # the search itself finds one


def first_attempt() -> tuple[Snapshot, Prompt2Model]:
    """The resource with its discover running."""
    empty = Snapshot(resource=RESOURCE, storage="/s", stage_runs={}, workloads=())
    (made,) = [a for a in decide(empty, NOW).actions if isinstance(a, MakeStageRun)]
    with_run = replace(empty, stage_runs={made.stage_run.metadata.name: made.stage_run})
    (start,) = [a for a in decide(with_run, NOW).actions if isinstance(a, StartAttempt)]
    status = made.stage_run.status.model_copy(
        update={"phase": StageRunPhase.RUNNING, "attempt": start.attempt, "started_at": NOW}
    )
    run = made.stage_run.model_copy(update={"status": status})
    return replace(
        with_run, stage_runs={start.name: run}, workloads=(Workload(start.name, start.attempt, True),)
    ), RESOURCE


def test_what_the_graph_says_of_a_stage_is_what_everybody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, resource = first_attempt()
    (run,) = snapshot.stage_runs.values()
    settings = Settings()
    before = stage_workload(run, 1, resource, settings)
    assert before["kind"] == "Job" and "secretKeyRef" in yaml.safe_dump(before)
    assert decide(snapshot, NOW).status.phase is Phase.DISCOVERING

    changed = replace(
        GRAPH[Stage.DISCOVER],
        phase=Phase.PREPARING,
        condition=ConditionType.TRAINED,
        compute=Compute("7", "7Gi", "9Gi"),
        teacher_requests=None,
        on_ray=True,
    )
    monkeypatch.setitem(GRAPH, Stage.DISCOVER, changed)
    after = stage_workload(run, 1, resource, settings)
    assert after["kind"] == "RayJob" and "secretKeyRef" not in yaml.safe_dump(after)
    assert "discover" in ray_policy(resource, settings)["spec"]["podSelector"]["matchExpressions"][0]["values"]
    assert PodDefaults().of(Stage.DISCOVER) == _of_stage(Stage.DISCOVER)
    assert PodDefaults().of(Stage.DISCOVER).requests == {"cpu": "7", "memory": "7Gi"}
    status = decide(snapshot, NOW).status
    assert status.phase is Phase.PREPARING
    conditions = {c.type: c for c in status.conditions}
    assert ConditionType.DISCOVERED not in conditions and conditions[ConditionType.TRAINED].reason == "Running"
    assert Stage.DISCOVER not in estimate(resource.spec, {})


def test_a_stage_that_is_not_needed_is_none_of_the_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Prompt2ModelSpec(prompt="p")
    assert Stage.TRAIN in stages_of(spec)
    until = replace(GRAPH[Stage.TRAIN], needed=lambda spec, done: done.get(Stage.PREPARE) is None)
    monkeypatch.setitem(GRAPH, Stage.TRAIN, until)
    assert Stage.TRAIN in stages_of(spec)
    prepared = {Stage.PREPARE: StageOutputs()}
    assert Stage.TRAIN not in stages_of(spec, prepared)
    assert Stage.TRAIN not in stages_of(spec, prepared)[Stage.EVALUATE]


def test_only_stages_that_may_ask_have_requests() -> None:
    asking = {stage for stage, node in GRAPH.items() if node.uses_teacher}
    datasets = RESOURCE.spec.datasets.model_copy(update={"transform": "Always"})
    assert set(estimate(RESOURCE.spec.model_copy(update={"datasets": datasets}), {})) == asking
    assert GRAPH[Stage.DISCOVER].teacher_requests is teacher_requests.of_discover
