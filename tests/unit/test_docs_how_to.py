"""The how-tos are true: their YAML is taken by the types and the chart, their commands and fields exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml

from prompt2model_api.loading import parse
from prompt2model_stages.cli.main import main as p2m
from tests import charts

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/how-to").glob("*.md"))


class Block(NamedTuple):
    page: str
    text: str


def blocks(language: str) -> list[Block]:
    pattern = re.compile(rf"^( *)```{language}\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
    return [
        Block(page.stem, textwrap.dedent(text))
        for page in PAGES
        for _, text in pattern.findall(page.read_text("utf-8"))
    ]


def commands(program: str) -> list[list[str]]:
    """The commands of a program, without comments."""
    lines = [line for block in blocks("sh") for line in block.text.replace("\\\n", " ").splitlines()]
    found = [shlex.split(line, comments=True) for line in lines]
    return [words for words in found if words and words[0] == program]


def is_values(block: Block) -> bool:
    return block.text.startswith("# values.yaml")


RESOURCES = [block for block in blocks("yaml") if not is_values(block)]
VALUES = [block for block in blocks("yaml") if is_values(block)]


@pytest.mark.parametrize("block", RESOURCES, ids=lambda block: block.page)
def test_what_is_shown_of_a_resource_is_one(block: Block) -> None:
    shown: dict[str, Any] = yaml.safe_load(block.text)
    head = {"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": {"name": "shown"}}
    whole = {**head, **shown, "spec": {"prompt": "Say what it is.", **shown["spec"]}}
    assert parse(yaml.safe_dump(whole, sort_keys=False), block.page).spec is not None


@pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH")
@pytest.mark.parametrize("block", VALUES, ids=lambda block: block.page)
def test_what_is_shown_of_the_values_is_rendered(block: Block) -> None:
    done = charts.template(yaml.safe_load(block.text))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", commands("p2m"), ids=" ".join)
def test_commands_of_p2m_exist(words: list[str]) -> None:
    command = p2m.get_command(click.Context(p2m), words[1])
    assert command is not None
    command.make_context(words[1], words[2:])


def test_files_in_commands_exist() -> None:
    words = [word for program in ("p2m", "kubectl", "helm") for command in commands(program) for word in command]
    files = {word.split("=")[-1] for word in words if re.search(r"(^|=)(examples|charts|crds)/", word)}
    assert len(files) >= 3
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
@pytest.mark.parametrize(
    "words", [c for c in commands("kubectl") if c[1] == "create"], ids=lambda words: " ".join(words[:4])
)
def test_what_is_created_with_kubectl_can_be(words: list[str]) -> None:
    done = subprocess.run(
        [*words, "--dry-run=client", "-o", "name"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH")
@pytest.mark.parametrize("words", [c for c in commands("helm") if "--set" in c], ids=" ".join)
def test_values_that_are_set_are_taken(words: list[str]) -> None:
    given = [word for at, word in enumerate(words) if "--set" in words[at - 1 : at + 1]]
    done = charts.template({}, *given)
    assert done.returncode == 0, done.stderr


def test_every_how_to_is_found() -> None:
    assert len(PAGES) >= 12
    assert len(RESOURCES) >= 15 and len(VALUES) >= 4
