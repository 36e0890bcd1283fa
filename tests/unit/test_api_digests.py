"""Digests that must not change: an upgrade that changes one makes every user's finished work anew.

Where a stage's result really changes, raise its `version` in graph.GRAPH (where all change: graph.FORMAT_VERSION), and write the
new digests with
`P2M_WRITE_GOLDEN=1 python -m pytest tests/unit/test_api_digests.py`; a new example is added in the same way.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from prompt2model_api import graph
from prompt2model_api.loading import load
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice
from prompt2model_api.stage_run import Decision, Stage

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden" / "digests.json"
EXAMPLES = Path(__file__).parents[2] / "examples"

EVERYTHING = Prompt2ModelSpec.model_validate(
    {
        "instruction": "Turn dates in words into ISO dates.",
        "demonstrations": [{"input": "3 May 2021", "output": "2021-05-03"}, {"input": "ä", "output": "ö"}],
        "teacher": {"baseURL": "https://api.example.com/v1", "model": "m", "budget": {"tokens": 1000}},
        "datasets": {"topK": 5, "maxRows": 100, "own": {"uri": "own.csv", "inputColumns": ["a", "b"]}},
        "student": {"name": "google/flan-t5-small", "architectures": ["EncoderDecoder", "DecoderOnly"]},
        "generation": {"examples": 50, "temperature": {"from": 0, "to": 1}, "outputsPerInput": 3},
        "training": {"epochs": 2, "learningRate": 1e-4, "batchSize": 8},
        "evaluation": {"metrics": ["ExactMatch"], "maxRows": 10, "testData": {"uri": "test.csv"}},
        "seed": 7,
    }
)


def digests(spec: Prompt2ModelSpec) -> dict[str, str]:
    """Every stage's digest, with fixed decisions in place of a catalog's."""
    decided = {
        Stage.PREPARE: Decision(dataset=Choice(none=True), reason="does not count"),
        Stage.TRAIN: Decision(student="google/flan-t5-small", student_revision="abc"),
    }
    found: dict[Stage, str] = {}
    for stage in graph.stages_of(spec):
        found[stage] = graph.digest(spec, stage, found, decided.get(stage), {"datasets.own": "ab" * 32})
    return {stage.value: digest for stage, digest in found.items()}


def specs() -> dict[str, Prompt2ModelSpec]:
    """By name: the smallest spec, one with every part, and the examples."""
    examples = {path.name: load(path).spec for path in sorted(EXAMPLES.glob("*.yaml"))}
    return {"smallest": Prompt2ModelSpec(prompt="Turn dates into ISO."), "everything": EVERYTHING, **examples}


def test_digests_stay() -> None:
    found = {name: digests(spec) for name, spec in specs().items()}
    if os.environ.get("P2M_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    golden = json.loads(GOLDEN.read_text())
    assert found == golden, "digests changed, or an example has none: see the head of this file"


def test_what_does_not_count() -> None:
    """Limits, budgets, resources, retries and the like leave every digest as it is."""
    given = EVERYTHING.dump()
    teacher = {"baseURL": "https://api.example.com/v1", "model": "m", "limits": {"concurrency": 3}}
    changed = {
        **given,
        "teacher": {**teacher, "budget": {"unlimited": True}, "apiKeySecretRef": {"name": "key"}},
        "service": {"enabled": False},
        "retries": {"attempts": 9},
        "deadlines": {"stageSeconds": 60},
        "retention": {"storage": "Delete"},
        "scheduling": {"labels": {"a": "b"}},
        "suspend": True,
    }
    assert digests(Prompt2ModelSpec.model_validate(changed)) == digests(EVERYTHING)


def test_a_stage_whose_version_is_raised_runs_again_with_those_after_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(EVERYTHING)
    newer = replace(graph.GRAPH[Stage.PREPARE], version=graph.GRAPH[Stage.PREPARE].version + 1)
    monkeypatch.setitem(graph.GRAPH, Stage.PREPARE, newer)
    after = digests(EVERYTHING)
    assert [stage for stage in before if before[stage] != after[stage]] == ["prepare", "train", "evaluate"]


def test_a_changed_rate_runs_train_and_evaluate_again_and_nothing_before() -> None:
    tree = EVERYTHING.dump()
    before = digests(EVERYTHING)
    after = digests(Prompt2ModelSpec.model_validate({**tree, "training": {"epochs": 2, "learningRate": 2e-4}}))
    assert [stage for stage in before if before[stage] != after[stage]] == ["train", "evaluate"]
