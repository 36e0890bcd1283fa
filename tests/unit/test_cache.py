"""Where this machine keeps what can be made again, and what happens where it cannot be kept."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

from prompt2model_api.environment_names import P2M_CACHE
from prompt2model_stages.cache import cache_root
from prompt2model_stages.catalogs import opening
from prompt2model_stages.catalogs.catalog import datasets
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.places import reached
from prompt2model_stages.catalogs.search import IndexUnusable, open_lexical
from prompt2model_stages.catalogs.search import opening as search_opening
from prompt2model_stages.errors import StageError

pytestmark = pytest.mark.unit


def test_the_folder_is_the_one_that_is_named_or_below_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(P2M_CACHE, raising=False)
    assert cache_root() == tmp_path / ".cache" / "prompt2model"
    monkeypatch.setenv(P2M_CACHE, "/named")
    assert cache_root() == Path("/named")


def test_without_a_home_that_can_be_written_it_is_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(P2M_CACHE, raising=False)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert cache_root() == Path(tempfile.gettempdir()) / "prompt2model"

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert cache_root() == Path(tempfile.gettempdir()) / "prompt2model"


def test_a_full_disk_is_not_called_the_network() -> None:
    with pytest.raises(StageError) as full, reached("s3://models"):
        raise OSError(errno.ENOSPC, "No space left on device", "/cache/x")
    assert full.value.failure.reason == "DiskFull"
    with pytest.raises(StageError) as away, reached("s3://models"):
        raise OSError(errno.ECONNREFUSED, "refused")
    assert away.value.failure.reason == "CatalogUnreachable"


def test_other_rows_have_another_digest_though_the_files_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = opening.open_datasets()
    monkeypatch.setattr(opening, "datasets", lambda: datasets()[:-5])
    assert len(opening.open_datasets().entries) != len(whole.entries)
    assert opening.open_datasets().digest != whole.digest


def test_an_index_that_another_process_takes_away_is_made_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> object:
        raise IndexUnusable("There is no index in x: build it.")

    monkeypatch.setattr(search_opening, "_stored_lexical", gone)
    catalog = opening.open_catalog(Kind.DATASETS)
    assert len(open_lexical(catalog).scores("questions about a passage")) == len(catalog.entries)
