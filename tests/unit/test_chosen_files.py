"""A dataset of datasets.choice that is a file or folder: its content is part of the digest of the stages that read it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from prompt2model_api.base import Metadata
from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.conditions import FailureState
from prompt2model_api.graph import digest
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_changes import why_it_runs
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.errors import StageError
from prompt2model_stages.local.checks import load_checked
from prompt2model_stages.local.sources import sources
from prompt2model_stages.prepare import source_content
from prompt2model_stages.prepare.retrieving import load_choice
from prompt2model_stages.prepare.source_content import file_sha256
from prompt2model_stages.prepare.stage import run
from tests.unit.test_prepare_stage import context

pytestmark = pytest.mark.unit

SPEC = {"prompt": "p", "evaluation": {"metrics": ["ExactMatch"]}}
COLUMNS = {"inputColumns": ["q"], "outputColumn": "a"}


def resource(**choice: Any) -> Prompt2Model:
    told = {"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": {"name": "n"}}
    return Prompt2Model.model_validate({**told, "spec": {"prompt": "p", "datasets": {"choice": {**COLUMNS, **choice}}}})


def digest_of(one: Prompt2Model, stage: Stage = Stage.PREPARE) -> str:
    gate = dataset_gate(one.spec, StageOutputs())
    return digest(one.spec, stage, {}, gate.decision, sources(one))


def rows(file: Path, *answers: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("q,a\n" + "".join(f"{n},{answer}\n" for n, answer in enumerate(answers)))
    return file


@pytest.mark.parametrize("stage", [Stage.PREPARE, Stage.TRANSFORM])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_an_edited_file_is_other_work(tmp_path: Path, stage: Stage, scheme: str) -> None:
    file = rows(tmp_path / "a.csv", "one")
    one = resource(name=f"{scheme}{file}")
    before = digest_of(one, stage)
    assert digest_of(one, stage) == before
    rows(file, "ZWEI")
    assert digest_of(one, stage) != before
    rows(file, "one")
    assert digest_of(one, stage) == before, "the same content is the same work"


def test_each_entry_counts_and_those_at_the_hub_have_no_hash(tmp_path: Path) -> None:
    file = rows(tmp_path / "b.csv", "one")
    one = resource(name="o/d", also=[{"name": "o/e", **COLUMNS}, {"name": str(file), **COLUMNS}])
    assert list(sources(one)) == ["datasets.choice.also[1]"]
    before = digest_of(one)
    rows(file, "two")
    assert digest_of(one) != before


def test_of_a_folder_the_files_of_the_split_count(tmp_path: Path) -> None:
    for name in ("train-0.csv", "train-1.csv", "test.csv"):
        rows(tmp_path / "c" / name, name)
    one = resource(name=str(tmp_path), config="c")
    before = digest_of(one)
    rows(tmp_path / "c" / "test.csv", "other")
    (tmp_path / "c" / "README.md").write_text("other")
    assert digest_of(one) == before
    rows(tmp_path / "c" / "train-1.csv", "other")
    changed = digest_of(one)
    rows(tmp_path / "c" / "train-2.csv", "more")
    assert len({before, changed, digest_of(one)}) == 3
    assert sources(resource(name=str(tmp_path), split="none")) == {}


def test_a_folder_of_many_files_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner asks for the content every second."""
    monkeypatch.setattr(source_content, "SETTLED_S", 0.0)
    for number in range(400):
        (tmp_path / f"train-{number}.csv").write_text(f"q,a\n{number},x\n")
    one = resource(name=str(tmp_path))
    before = sources(one)
    read = source_content._of_version.cache_info().misses
    assert sources(one) == before and source_content._of_version.cache_info().misses == read
    (tmp_path / "train-7.csv").write_text("q,a\n7,y\n")
    assert sources(one) != before and source_content._of_version.cache_info().misses == read + 1


def test_a_file_that_was_written_just_now_is_read_each_time(tmp_path: Path) -> None:
    """A second write of the same size may have the same times."""
    file = rows(tmp_path / "a.csv", "one")
    kept = source_content._of_version.cache_info().currsize
    assert file_sha256(file) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert source_content._of_version.cache_info().currsize == kept


@pytest.mark.parametrize("name", ["./rows.csv", "rows.csv"])
def test_a_chosen_file_is_read_beside_the_yaml_file_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Not another one of that name in the folder that the command is started in."""
    mine, other = rows(tmp_path / "mine" / "rows.csv", "one"), rows(tmp_path / "other" / "rows.csv", "two", "three")
    tree = resource(name=name).dump()
    # Without an encoder, which would be looked for at the hub.
    (mine.parent / "p.yaml").write_text(
        yaml.safe_dump({**tree, "spec": {**SPEC, "datasets": tree["spec"]["datasets"]}})  # type: ignore[index]
    )
    found = []
    for folder in (mine.parent, other.parent):
        monkeypatch.chdir(folder)
        found.append(load_checked(mine.parent / "p.yaml"))
    assert found[0] == found[1] and sources(found[0]) == {"datasets.choice": file_sha256(mine)}
    chosen = found[1].spec.datasets.choice
    assert chosen is not None and load_choice(chosen, None).rows == [{"q": "0", "a": "one"}]
    assert digest_of(found[0]) == digest_of(found[1])


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_file_that_grows_or_goes_between_two_stages_is_said(tmp_path: Path, as_folder: bool) -> None:
    """The first rows, which may be all that is read, are as before."""
    file = rows(tmp_path / "data" / "train.csv", "one", "two")
    one = resource(name=str(file.parent if as_folder else file))
    ran = stage_run(one)
    rows(file, "one", "two", "three")
    grown = stage_run(one)
    assert grown.spec.digest != ran.spec.digest
    assert why_it_runs(grown.spec, [ran]) == "changed: the content of datasets.choice"
    file.rename(tmp_path / "moved.csv")
    gone = stage_run(one)
    assert why_it_runs(gone.spec, [grown]) == "changed: the content of datasets.choice"
    at = context(tmp_path / "run", {})
    spec = at.job.stage_run.spec.model_copy(update={"sources": gone.spec.sources, "decision": gone.spec.decision})
    at.job = at.job.model_copy(update={"stage_run": at.job.stage_run.model_copy(update={"spec": spec})})
    with pytest.raises(StageError, match=r"datasets\.choice: .*no file"):
        run(at)


def stage_run(one: Prompt2Model) -> StageRun:
    """That of prepare as the files are now."""
    decision, digest = dataset_gate(one.spec, StageOutputs()).decision, digest_of(one)
    spec = StageRunSpec(
        resource="n", stage=Stage.PREPARE, digest=digest, storage="/x", decision=decision, sources=sources(one)
    )
    return StageRun(metadata=Metadata(name=f"n-prepare-{digest[:8]}"), spec=spec)


def test_what_lies_at_an_address_is_said_not_to_be_watched() -> None:
    reason = dataset_gate(resource(name="s3://b/rows.csv").spec, StageOutputs()).message
    assert "A later change of what is there is not noticed" in reason
    assert "not noticed" not in dataset_gate(resource(name="file:///rows.csv").spec, StageOutputs()).message


def test_a_file_that_was_edited_since_is_not_trained_on(tmp_path: Path) -> None:
    file = rows(tmp_path / "a.csv", *map(str, range(30)))
    one = resource(name=str(file))
    at = context(tmp_path / "run", {})
    decision = dataset_gate(one.spec, StageOutputs()).decision
    spec = at.job.stage_run.spec.model_copy(update={"sources": sources(one), "decision": decision})
    at.job = at.job.model_copy(update={"stage_run": at.job.stage_run.model_copy(update={"spec": spec})})
    assert (run(at).rows or {})["train"] > 0
    rows(file, *map(str, range(31)))
    with pytest.raises(StageError, match=r"datasets\.choice: .*a\.csv has SHA-256 .*was made for SHA-256") as error:
        run(at)
    assert (error.value.failure.state, error.value.failure.reason) == (FailureState.BLOCKED, "SourceChanged")
