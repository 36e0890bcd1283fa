"""The example package replaces what finds datasets: installed by pip, named in a spec, seen in discover and by validate."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prompt2model_api.loading import SpecError
from prompt2model_api.spec.parts import Parts
from prompt2model_stages.local.checks import load_checked
from tests.unit.test_discover_stage import discover

pytestmark = pytest.mark.integration

PACKAGE = Path(__file__).parents[1] / "example_part"
SPEC = {
    "prompt": "Say how much the invoice asks for.\n\nInput: Please pay EUR 20 by May.\nOutput: 20",
    "parts": {"datasets": "team-list"},
}
RESOURCE = (
    "apiVersion: prompt2model.dev/v1alpha1\nkind: Prompt2Model\nmetadata: {name: invoices}\n"
    "spec: {prompt: Say how much the invoice asks for., parts: {datasets: %s}, evaluation: {metrics: [ExactMatch]}}\n"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the package into."""
    source, target = tmp_path_factory.mktemp("source") / "example", tmp_path_factory.mktemp("packages")
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*pip, "--target", str(target), str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_the_part_proposes_the_datasets(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(installed))
    outputs, task, candidates = discover(monkeypatch, tmp_path, SPEC)
    assert outputs.parts == {"datasets": "team-list==1.0.0"}
    first, *others = candidates["datasets"]
    assert (first["name"], first["recommended"]) == ("our-team/invoices", True)
    assert others and not any(one["recommended"] for one in others), "the built-in retriever is behind it"
    assert "The team's own list of datasets was searched first." in task["notes"]
    licensed, _, _ = discover(monkeypatch, tmp_path / "mit", {**SPEC, "datasets": {"licenses": ["MIT"]}})
    assert licensed.dataset_candidates is not None
    assert not any(one.recommended for one in licensed.dataset_candidates), "its license is not in the list"


def test_validate_knows_the_part_and_names_it_where_the_name_is_wrong(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(installed))
    file = tmp_path / "invoices.yaml"
    file.write_text(RESOURCE % "team-list")
    assert load_checked(file).spec.parts == Parts(datasets="team-list==1.0.0")
    file.write_text(RESOURCE % "team-lists")
    with pytest.raises(SpecError, match=r"installed are: team-list==1\.0\.0\. Did you mean team-list\?"):
        load_checked(file)
