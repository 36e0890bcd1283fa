"""The CRDs: in step with the types, structural, bounded everywhere, with a rule for every validator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from prompt2model_api import render
from prompt2model_api.cluster_places import CHOICE, ENCODER, OWN_DATA, STORAGE, STUDENT
from prompt2model_api.fields import models_in
from prompt2model_api.graph import GRAPH
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.rules import RULES
from prompt2model_api.spec.training import Resources
from prompt2model_api.stage_run import StageRun
from prompt2model_api.status import Phase
from prompt2model_operator.settings import PodDefaults

pytestmark = pytest.mark.unit

FILES = sorted(render.FOLDER.glob("*.yaml"))
KNOWN = {
    *("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum"),
    *("minItems", "maxItems", "maxProperties", "description", "default", "properties", "required", "items"),
    *("additionalProperties", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-int-or-string"),
}


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from schemas(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from schemas(schema[key], f"{path}.{key}")


def root(path: Path) -> dict[str, Any]:
    version = yaml.safe_load(path.read_text())["spec"]["versions"][0]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def nodes() -> list[Any]:
    found = []
    for path in FILES:
        below = root(path)["properties"]
        for part in ("spec", "status"):
            found += [pytest.param(s, id=f"{path.stem}.{part}{at}") for at, s in schemas(below[part])]
    return found


def test_files_are_what_the_types_say() -> None:
    assert render.main(["--check"]) == 0


def test_a_stale_file_is_found_and_written(tmp_path: Path) -> None:
    assert render.main(["--check", str(tmp_path)]) == 1
    assert not list(tmp_path.iterdir())
    assert render.main([str(tmp_path)]) == 0
    assert render.main(["--check", str(tmp_path)]) == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_small_enough(path: Path) -> None:
    """`kubectl apply` keeps the whole object in an annotation too, and an object's annotations may have 256 KiB together."""
    assert path.stat().st_size < 128 * 1024


def test_every_value_is_bounded_and_typed() -> None:
    unbounded = []
    for parameter in nodes():
        schema = parameter.values[0]
        assert set(schema) <= KNOWN, parameter.id
        kind = "string" if schema.get("x-kubernetes-int-or-string") else schema["type"]
        bound = {"string": "maxLength", "array": "maxItems"}.get(kind)
        if kind == "object" and "properties" not in schema:
            bound = "maxProperties"
        if bound and bound not in schema and "enum" not in schema:
            unbounded.append(parameter.id)
        if kind == "integer":
            assert schema["format"] in ("int32", "int64"), parameter.id
    assert len(nodes()) > 200
    assert unbounded == []


def test_status_has_no_defaults() -> None:
    for path in FILES:
        status = root(path)["properties"]["status"]
        assert [at for at, schema in schemas(status) if "default" in schema] == []


def test_kubectl_explain_tells_the_defaults() -> None:
    spec = root(render.FOLDER / "prompt2models.yaml")["properties"]["spec"]
    values = [s for _, s in schemas(spec) if s.get("default") not in (None, "", []) and s.get("type") != "object"]
    silent = [s["description"] for s in values if not re.search(r" Default \S[^.]*(\.\d+)?\.$", s["description"])]
    assert len(values) > 40 and silent == []
    fields = spec["properties"]
    assert fields["training"]["properties"]["learningRate"]["description"].endswith(" Default 5e-05.")
    assert fields["evaluation"]["properties"]["gate"]["properties"]["margin"]["description"].endswith(" Default 0.")
    key = fields["teacher"]["properties"]["apiKeySecretRef"]["properties"]["key"]
    assert key["description"] == "The key in the Secret. Default api-key."


def test_the_defaults_of_pods_are_those_of_the_code() -> None:
    fields = Resources.model_fields
    cpu, memory = fields["cpu"].description or "", fields["memory"].description or ""
    for stage in (stage for stage, node in GRAPH.items() if node.resources):
        compute = GRAPH[stage].compute
        assert f"{compute.cpu} for {stage}" in cpu
        assert f"{compute.memory} and {compute.memory_limit} for {stage}" in memory
    service = PodDefaults().service
    assert f"{service.requests['cpu']} for the service" in cpu
    assert f"{service.requests['memory']} and {service.limits['memory']} for the service" in memory


def test_descriptions_name_fields_as_yaml_has_them() -> None:
    snakes = {
        name for model in (Prompt2Model, StageRun) for one in models_in(model).values() for name in one.model_fields
    }
    told = [s.get("description", "") for path in FILES for _, s in schemas(root(path))]
    words = {word for text in told for word in re.findall(r"\w+", text)}
    assert {name for name in words & snakes if "_" in name} == set()


def test_cpu_and_memory_may_be_numbers() -> None:
    spec = root(render.FOLDER / "prompt2models.yaml")["properties"]["spec"]["properties"]
    for part in ("training", "evaluation", "service"):
        for name in ("cpu", "memory"):
            schema = spec[part]["properties"]["resources"]["properties"][name]
            assert schema["x-kubernetes-int-or-string"] is True and "type" not in schema


def test_defaults_reach_every_level() -> None:
    """A parent without a value gets an object, so that an API server goes on filling in below it."""
    spec = root(render.FOLDER / "prompt2models.yaml")["properties"]["spec"]["properties"]
    assert spec["training"]["default"] == {}
    assert spec["generation"]["default"]["temperature"] == {"from": 0.3, "to": 1.4}, "whole, since a rule looks at it"
    assert spec["generation"]["properties"]["temperature"]["default"] == {"from": 0.3, "to": 1.4}
    assert spec["generation"]["properties"]["temperature"]["properties"]["from"]["default"] == 0.3
    assert spec["teacher"]["properties"]["budget"]["default"] == {"tokens": 10_000_000, "unlimited": False}
    assert spec["service"]["properties"]["replicas"]["default"] == {"min": 1, "max": 1}
    assert "default" not in spec["teacher"]


def test_every_validator_has_its_rule() -> None:
    checked = {
        model
        for resource in (Prompt2Model, StageRun)
        for model in models_in(resource).values()
        if model.__pydantic_decorators__.model_validators
    }
    assert checked - set(RULES) == set()


def test_every_rule_is_rendered_where_its_type_stands() -> None:
    text = "".join(path.read_text() for path in FILES)
    rendered = {rule["message"] for path in FILES for _, s in schemas(root(path)) for rule in _rules(s)}
    assert {place.message for place in (STORAGE, OWN_DATA, STUDENT, ENCODER, CHOICE)} <= rendered
    assert rendered == {rule.message for rules in RULES.values() for rule in rules}
    assert "anyOf" not in text
    assert "$ref" not in text
    assert ": null" not in text


def _rules(schema: dict[str, Any]) -> list[dict[str, str]]:
    rules: list[dict[str, str]] = schema.get("x-kubernetes-validations", [])
    return rules


def test_conditions_are_a_map_by_type() -> None:
    status = root(render.FOLDER / "prompt2models.yaml")["properties"]["status"]["properties"]
    assert status["conditions"]["x-kubernetes-list-type"] == "map"
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_columns_point_at_fields_that_exist() -> None:
    for path in FILES:
        crd = yaml.safe_load(path.read_text())
        version = crd["spec"]["versions"][0]
        assert version["subresources"] == {"status": {}}
        for column in version["additionalPrinterColumns"]:
            schema = version["schema"]["openAPIV3Schema"]
            *_, top = column["jsonPath"].split(".")[1:2]
            if top == "metadata":
                continue
            path = column["jsonPath"].replace('[?(@.type=="Ready")]', "[]")
            for part in path.split(".")[1:]:
                schema = schema["properties"][part.removesuffix("[]")]
                schema = schema["items"] if part.endswith("[]") else schema
            assert schema["type"] == column["type"]


def test_a_line_of_kubectl_get_fits_into_a_hundred_characters() -> None:
    """kubectl puts three spaces between columns; the longest phase, progress and name of the docs, and a name of 30."""
    crd = yaml.safe_load((render.FOLDER / "prompt2models.yaml").read_text())
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    narrow = {column["name"]: column["jsonPath"] for column in columns if not column.get("priority")}
    longest = {
        "Phase": max(map(len, Phase)),
        "Progress": len("generate starting Ray"),
        "Score": 5,
        "Teacher": 7,
        "Age": 5,
    }
    assert set(narrow) == set(longest)
    assert sum(longest.values()) + 3 * len(longest) + 30 <= 100
    assert {column["name"] for column in columns if column.get("priority") == 1} == {"Reason", "Model", "URL", "Run"}
