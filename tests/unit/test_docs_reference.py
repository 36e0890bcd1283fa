"""The generated reference: each field, reason, metric and chart value is on its page, and says what it is."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from docs.pages import chart_values, fields, metrics, reasons
from prompt2model_api.fields import fields_of, model_below, paths_of
from prompt2model_api.graph import GRAPH
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.reasons import REASONS
from prompt2model_api.stage_run import StageRun
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_operator.metrics import LEADER
from prompt2model_stages.reporting import ResultFile
from prompt2model_stages.tracking.values import final_metrics

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
FROM_KUBERNETES = ("metadata", "apiVersion", "kind")


def rows(page: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines() if line.startswith("| `")
    ]


def is_sentence(text: str) -> bool:
    return re.fullmatch(r"[A-Z0-9`].*\.", text, re.DOTALL) is not None and " " in text


def descriptions(model: type, prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in fields_of(model).items():
        if prefix.count(".") == 1 and name in FROM_KUBERNETES:
            continue
        yield prefix + name, fields.description(field)
        if (below := model_below(field)) is not None:
            yield from descriptions(below, f"{prefix}{name}.")


def test_every_field_is_described_in_a_sentence() -> None:
    every = {**dict(descriptions(Prompt2Model, "p2m.")), **dict(descriptions(StageRun, "stagerun."))}
    assert len(every) > 200
    assert [path for path, text in every.items() if not is_sentence(text)] == []


def test_every_field_is_on_the_page_once() -> None:
    written = [cells[0] for cells in rows(fields.fields_page())]
    tables = {
        name for name, field in fields_of(Prompt2ModelSpec).items() if model_below(field)
    }  # headings of their own
    wanted = [f"`spec.{path}`" for path in paths_of(Prompt2ModelSpec) if path not in tables]
    wanted += [f"`status.{path}`" for path in paths_of(Prompt2ModelStatus)]
    assert sorted(written) == sorted(wanted)
    assert all(f"\n## spec.{name}\n" in fields.fields_page() for name in tables)


def test_the_page_says_what_runs_again() -> None:
    said = {
        cells[0].strip("`").removeprefix("spec."): cells[4] for cells in rows(fields.fields_page()) if len(cells) == 5
    }
    for stage, node in GRAPH.items():
        for path in node.reads:
            below = [row for row in said if row == path or row.startswith(f"{path}.")]
            assert below
            leaves = [row for row in below if not any(other.startswith(f"{row}.") for other in said)]
            assert all(stage.value in said[row].split(", ") for row in leaves), path
    for path in ("teacher.budget.tokens", "training.resources.memory", "retries.attempts", "suspend", "storage.secret"):
        assert said[path] == "-"


def test_gate_fields_exist() -> None:
    assert set(fields.GATES) <= set(paths_of(Prompt2ModelSpec))


def test_every_reason_is_on_the_page() -> None:
    page = reasons.reasons_page()
    for name, reason in REASONS.items():
        section = page.split(f"\n### {name}\n")[1].split("\n###")[0]
        assert reason.cause in section and reason.fix in section and reasons.states_of(reason) in section


def test_every_metric_of_the_operator_is_on_the_page() -> None:
    assert LEADER is not None  # the module is imported
    exported = {metric.name: metric.documentation for metric in REGISTRY.collect() if metric.name[:4] == "p2m_"}
    written = {
        cells[0].strip("`").removesuffix("_total"): cells[3]
        for cells in rows(metrics.metrics_page())
        if len(cells) == 4
    }
    assert exported
    assert exported == {name: text for name, text in written.items() if name.startswith("p2m_")}


def test_every_metric_in_mlflow_is_on_the_page() -> None:
    interval = {"value": 1.0, "low": 0.0, "high": 2.0}
    score: dict[str, Any] = {
        "split": "Own",
        "metric": "ChrF++",
        "rows": 3,
        "teacherAnswers": {"asked": 3, "tooLong": 1},
    }
    score |= dict.fromkeys(("student", "untrained", "teacher", "difference", "studentAll"), interval)
    outputs = {"spent": {"requests": 1, "promptTokens": 2, "completionTokens": 3, "usd": 0.1}, "rows": {"train": 8}}
    outputs |= {
        "examples": 3,
        "duplicates": 1,
        "steps": 7,
        "trainTokensPerSecond": 9.0,
        "goldenRequests": 5,
        "scores": [score],
    }
    result = {"attempt": 1, "digest": "a" * 64, "seconds": 3.0, "starts": {"ray": 1.0}, "outputs": outputs}
    recorded = {*final_metrics(ResultFile.model_validate(result)), *curve_names()}
    assert len(recorded) > 25
    described = metrics.of_mlflow()
    assert [name for name in recorded if not any(one.pattern.fullmatch(name) for one in described)] == []
    assert [one.name for one in described if not one.description.strip()] == []


def curve_names() -> set[str]:
    """The names of curves in the stages that have some."""
    stages = ROOT / "stages/prompt2model_stages"
    files = [*(stages / "train").glob("*.py"), *(stages / "generate").glob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8")))]
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys if isinstance(key, ast.Constant)]
    found = {str(key.value) for key in keys if re.fullmatch(r"(generate|train|validation)/\w+", str(key.value))}
    assert found == set(metrics.CURVES)
    return found


def test_every_chart_value_is_on_the_page_with_a_description() -> None:
    written = {cells[0].strip("`"): cells for cells in rows(chart_values.chart_values_page())}
    values = yaml.safe_load((ROOT / "charts/prompt2model/values.yaml").read_text("utf-8"))
    schema = json.loads((ROOT / "charts/prompt2model/values.schema.json").read_text("utf-8"))
    wanted = set(leaves(values)) - {"settings"} | set(setting_leaves(schema, "Settings", "settings."))
    assert set(written) == wanted
    assert [path for path, cells in written.items() if not is_sentence(cells[2])] == []


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and value and name != "resources":
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def setting_leaves(schema: Mapping[str, Any], name: str, prefix: str) -> Iterator[str]:
    for field, below in schema["$defs"][name]["properties"].items():
        one = str(below.get("$ref", "")).removeprefix("#/$defs/")
        if one and one != "ContainerResources":
            yield from setting_leaves(schema, one, f"{prefix}{field}.")
        else:
            yield prefix + field
