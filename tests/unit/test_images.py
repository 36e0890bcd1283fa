"""The images' pins are in step with the extras, and the Dockerfile keeps what it promises."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import make_url

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"operator": 8080, "stages": 8080, "service": 3000, "mlflow": 5000}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_IN_IMAGES = {"choose", "dev", "docs", "local"}

pytestmark = pytest.mark.unit


def pins(file: str) -> dict[str, str]:
    return dict(line.split("==") for line in (ROOT / file).read_text().split())


def extras() -> dict[str, list[str]]:
    """What .ci/lock puts into each image."""
    lines = re.findall(r"^lock (\w+) pyproject.toml (.*)$", (ROOT / ".ci/lock").read_text(), re.MULTILINE)
    return {name: re.findall(r"--extra (\w+)", arguments) for name, arguments in lines}


def target(name: str) -> str:
    """The target's own lines."""
    found = re.search(
        rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", (ROOT / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None, name
    return found.group(1)


def test_every_extra_is_in_an_image_or_for_developers() -> None:
    assert set(extras()) == set(TARGETS)
    assert {e for names in extras().values() for e in names} | NOT_IN_IMAGES == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("image", TARGETS)
def test_pins_are_in_step_with_the_extras(image: str) -> None:
    pinned, constraints = pins(f"requirements/{image}.txt"), pins("constraints.txt")
    asked = [*PROJECT["dependencies"], *(r for e in extras()[image] for r in PROJECT["optional-dependencies"][e])]
    for requirement in map(Requirement, asked):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None and version in requirement.specifier, f"{requirement}: run make lock"
    assert pinned.items() <= constraints.items(), "run make lock"


def test_shared_layers_hold_what_both_images_pin() -> None:
    stages, service = pins("requirements/stages.txt"), pins("requirements/service.txt")
    assert pins("requirements/learning.txt").items() == stages.items() & service.items()
    assert pins("requirements/torch.txt").items() <= stages.items() & service.items()


def test_operator_and_service_stay_small() -> None:
    assert not {"torch", "ray", "mlflow", "mlflow-skinny", "transformers"} & set(pins("requirements/operator.txt"))
    assert not {"ray", "mlflow", "mlflow-skinny", "openai"} & set(pins("requirements/service.txt"))


@pytest.mark.parametrize("image", TARGETS)
def test_a_target_is_not_root_and_ends_with_its_code(image: str) -> None:
    lines = target(image).strip().splitlines()
    assert f"COPY requirements/{image}.txt /requirements/" in lines
    code = [line for line in lines if line.startswith("COPY --from=")]
    assert lines[-1 - len(code) :] == ["USER 1000:1000", *code]
    assert f"EXPOSE {TARGETS[image]}" in " ".join(lines)


def test_what_the_dockerfile_copies_is_let_through() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    let_through = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for source in re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.MULTILINE):
        assert (ROOT / source).exists()
        assert any(source == folder or source.startswith(f"{folder}/") for folder in let_through), source
    assert not re.search(r"\b(gcc|g\+\+|build-essential|clang|python3-dev)\b", dockerfile)


def test_mlflow_s_image_has_the_driver_of_a_plain_postgresql_url() -> None:
    driver = make_url("postgresql://mlflow@db/mlflow").get_dialect().driver
    there = pins("requirements/mlflow.txt")
    assert f"{driver}-binary" in there
    assert there["sqlalchemy"] == version("sqlalchemy"), "the image's SQLAlchemy chooses as this one does"
