"""The user's own files in prepare: at a URI, or in a ConfigMap that is mounted; what was read is written down."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import StageError
from prompt2model_stages.prepare.stage import run
from tests.unit.test_prepare_stage import context, numbers

pytestmark = pytest.mark.unit

PARAMETERS = {
    "datasets.own": {"configMap": {"name": "ours", "key": "rows.csv"}},
    "evaluation.testData": {"configMap": {"name": "ours", "key": "test.csv"}},
}


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ConfigMap as the kubelet mounts it: links to a folder that is exchanged as a whole."""
    folder = tmp_path / "own" / "ours"
    (folder / "..data").mkdir(parents=True)
    for name, count in {"rows.csv": 30, "test.csv": 7}.items():
        numbers(folder / "..data" / name, count)
        (folder / name).symlink_to(Path("..data", name))
    monkeypatch.setenv("P2M_OWN_FOLDER", str(tmp_path / "own"))
    return folder


def with_sources(at: StageContext, mounted: Path, **other: str) -> StageContext:
    """With the SHA-256 of what is mounted, or another."""
    sources = {
        "datasets_own": sha256(mounted / "rows.csv"),
        "evaluation_testData": sha256(mounted / "test.csv"),
    } | other
    spec = at.job.stage_run.spec.model_copy(update={"sources": {k.replace("_", "."): v for k, v in sources.items()}})
    at.job = at.job.model_copy(update={"stage_run": at.job.stage_run.model_copy(update={"spec": spec})})
    return at


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_config_map_is_read_where_it_is_mounted(tmp_path: Path, mounted: Path) -> None:
    at = with_sources(context(tmp_path, PARAMETERS), mounted)
    outputs = run(at)
    assert outputs.rows is not None and outputs.rows["test-own"] == 7
    files = at.folder.read_json("statistics.json")["files"]
    assert files["datasets.own"] == {
        "uri": str(mounted / "rows.csv"), "sha256": sha256(mounted / "rows.csv"), "rows": 30,
    }  # fmt: skip
    assert files["evaluation.testData"]["rows"] == 7


def test_a_missing_key_blocks(tmp_path: Path, mounted: Path) -> None:
    (mounted / "rows.csv").unlink()
    with pytest.raises(StageError, match=r"ours has no key rows\.csv") as error:
        run(context(tmp_path, PARAMETERS))
    assert (error.value.failure.state, error.value.failure.reason) == (FailureState.BLOCKED, "ConfigMapKeyMissing")


def test_a_file_that_changed_since_is_not_taken_for_the_other(tmp_path: Path, mounted: Path) -> None:
    at = with_sources(context(tmp_path, PARAMETERS), mounted, datasets_own="ab" * 32)
    with pytest.raises(StageError, match="was made for SHA-256 abababababab") as error:
        run(at)
    assert (error.value.failure.state, error.value.failure.reason) == (FailureState.BLOCKED, "SourceChanged")


def test_an_earlier_content_that_cannot_be_read_is_another_content_first(tmp_path: Path, mounted: Path) -> None:
    """The kubelet may show it for a minute: what is wrong with it must not end the stage run for the new content."""
    (mounted / "rows.csv").resolve().write_text("question,answer\na,b\n")
    with pytest.raises(StageError) as error:
        run(with_sources(context(tmp_path, PARAMETERS), mounted, datasets_own="ab" * 32))
    assert (error.value.failure.state, error.value.failure.reason) == (FailureState.BLOCKED, "SourceChanged")


def test_a_config_map_whose_content_the_stage_run_does_not_name_is_not_read(tmp_path: Path, mounted: Path) -> None:
    with pytest.raises(StageError, match="the stage run names no content for it") as error:
        run(context(tmp_path, PARAMETERS))
    assert (error.value.failure.state, error.value.failure.reason) == (FailureState.BLOCKED, "SourceChanged")


def test_what_lies_elsewhere_and_cannot_be_reached_blocks(tmp_path: Path) -> None:
    own = {"datasets.own": {"uri": "webhdfs://127.0.0.1:1/own.csv"}}
    with pytest.raises(StageError, match="cannot be read") as error:
        run(context(tmp_path, own))
    assert (error.value.failure.state, error.value.failure.reason) == (FailureState.BLOCKED, "FileUnreachable")
