"""The generated pages of the docs site: what the code has stands on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from docs.pages import decisions, examples

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_every_decision_is_listed_and_in_the_navigation() -> None:
    names = {file.name for file in (ROOT / "docs/decisions").glob("*.md")}
    assert names
    assert all(f"]({name})" in decisions.page() for name in names)
    assert {path.removeprefix("decisions/") for entry in decisions.nav() for path in entry.values()} == {
        "index.md",
        *names,
    }


def test_every_page_written_by_hand_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = {str(file.relative_to(ROOT / "docs")) for file in (ROOT / "docs").rglob("*.md")}
    missing = {page for page in pages if page not in text and not page.startswith("decisions/")}
    assert not missing, f"name them under nav in mkdocs.yml: {missing}"


def test_broken_links_are_errors() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    assert site["strict"]
    assert set(site["validation"].values()) == {"warn"}


def test_every_example_is_on_the_page() -> None:
    files = sorted((ROOT / "examples").glob("*.yaml"))
    assert len(files) >= 6
    for file in files:
        assert f"## {file.name}\n" in examples.examples_page()
        assert file.read_text("utf-8").rstrip() in examples.examples_page()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "charts/prompt2model/README.md"])
def test_links_outside_of_the_site_lead_somewhere(name: str) -> None:
    file = ROOT / name
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", file.read_text("utf-8"))
    assert [link for link in links if not (file.parent / link).exists()] == []
