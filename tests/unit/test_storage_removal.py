"""The clean-up of a resource's folder removes that folder and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt2model_stages.storage_removal import main

pytestmark = pytest.mark.unit


@pytest.fixture
def resource(tmp_path: Path) -> Path:
    folder = tmp_path / "storage" / "lab" / "dates"
    (folder / "train-abababab" / "model").mkdir(parents=True)
    (folder / "train-abababab" / "model" / "weights").write_bytes(b"x")
    (folder / "resource.yaml").write_text("kind: Prompt2Model")
    (folder.parent / "other").mkdir()
    return folder


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_the_folder_goes_and_its_neighbour_stays(resource: Path, scheme: str) -> None:
    assert main([f"{scheme}{resource}"], pause_s=0) == 0
    assert not resource.exists()
    assert (resource.parent / "other").exists()
    assert main([f"{scheme}{resource}"], pause_s=0) == 0


@pytest.mark.parametrize("uri", ["/", "/storage", "/storage/lab", "memory://", "memory://bucket/lab"])
def test_what_is_no_resources_folder_is_not_touched(uri: str, caplog: pytest.LogCaptureFixture) -> None:
    assert main([uri], pause_s=0) == 2
    assert "nothing is removed" in caplog.text


def test_a_folder_that_cannot_be_removed_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert main(["/proc/self/fd"], pause_s=0) == 1
    assert "cannot be removed" in caplog.text
