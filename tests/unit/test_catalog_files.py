"""Catalogs as files: the shipped ones, what is wrong with a file, and that hand-written entries stand above the hub's."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_stages.catalogs import catalog as by_hand
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind
from prompt2model_stages.catalogs.opening import (
    POINTER,
    layered,
    open_catalog,
    open_datasets,
    open_models,
    shipped_file,
)
from prompt2model_stages.catalogs.schema import SCHEMA, read_table, write_entries
from prompt2model_stages.errors import StageError
from tests.unit.catalog_cases import FLOWERS, MADE_AT, PAINTER, built

pytestmark = pytest.mark.unit


def test_the_shipped_catalogs_are_whole_and_small():
    datasets, models = open_datasets(), open_models()
    assert len(datasets.entries) > 1800
    assert len(models.entries) > 11300
    assert sum(shipped_file(kind).stat().st_size for kind in Kind) < 8e6
    page = (Path(__file__).parents[2] / "docs/how-to/catalogs.md").read_text("utf-8")
    assert f"{len(datasets.entries):,} datasets and {len(models.entries):,} models" in page
    assert len(datasets.texts()) == len(datasets.entries)
    assert datasets.digest != models.digest
    assert datasets.made_at == "2023-07-01T00:00:00Z"
    for catalog in (datasets, models):
        for number in random.Random(0).sample(range(len(catalog.entries)), 200):
            assert catalog.entries[number].description == catalog.texts()[number]


def test_entries_that_are_written_by_hand_come_first_and_each_name_stands_once():
    for catalog, first in ((open_datasets(), by_hand.datasets()), (open_models(), by_hand.models())):
        top = catalog.entries[: len(first)]
        assert [entry.name for entry in top] == [entry.name for entry in first]
        assert [entry.description for entry in top] == [entry.description for entry in first]
        assert all(entry.hand_written for entry in top)
        rest = catalog.entries.column("name")[len(first) :]
        assert len(set(rest)) == len(rest)
        assert not set(rest) & {entry.name for entry in first}
        assert not set(rest) & {entry.name.rpartition("/")[2] for entry in first}
        assert not any(catalog.entries.column("hand_written")[len(first) :])


def test_what_a_hand_written_entry_leaves_open_comes_from_the_hub(tmp_path: Path):
    hub = FLOWERS.model_copy(update={"name": "flowers", "description": "Others.", "config": "x", "license": "gpl"})
    write_entries(tmp_path / "hub.parquet", Kind.DATASETS, [hub], MADE_AT, "a test")
    written = DatasetEntry(name="b/flowers", description="Ours.", license="mit", downloads=9)
    entries = layered(Kind.DATASETS, [written], read_table(tmp_path / "hub.parquet", Kind.DATASETS)[1])
    assert len(entries) == 1
    given = (entries[0].name, entries[0].description, entries[0].license, entries[0].downloads, entries[0].config)
    assert given == ("b/flowers", "Ours.", "gpl", 9, None), "the owner says what the license is"
    assert (entries[0].languages, entries[0].rows, entries[0].columns) == (["en"], 7, hub.columns)
    assert entries[0].hand_written


def test_an_entry_comes_back_as_it_was_written(tmp_path: Path):
    built(tmp_path, Kind.DATASETS, [*by_hand.datasets(), FLOWERS])
    built(tmp_path, Kind.MODELS, [PAINTER])
    assert list(open_datasets(str(tmp_path)).entries) == [*by_hand.datasets(), FLOWERS]
    models = open_models(str(tmp_path))
    assert (models.entries[0], models.entries[-1], models.made_at) == (PAINTER, PAINTER, MADE_AT)
    assert models.numbers == {"a/painter": [0]}
    with pytest.raises(IndexError):
        models.entries[1]


def test_a_catalog_elsewhere_is_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import fsspec

    monkeypatch.setenv("P2M_CACHE", str(tmp_path / "cache"))
    built(tmp_path / "made", Kind.MODELS, [PAINTER])
    away = fsspec.filesystem("memory")
    away.put(str(tmp_path / "made"), "/catalogs-copied-once", recursive=True)
    try:
        catalog = open_models("memory://catalogs-copied-once")
        assert catalog.folder == tmp_path / "cache" / "catalogs" / catalog.digest[:16]
        away.rm("/catalogs-copied-once/models/v-1", recursive=True)
        assert list(open_models("memory://catalogs-copied-once").entries) == [PAINTER]
    finally:
        away.rm("/catalogs-copied-once", recursive=True)


def test_a_copy_that_is_not_the_file_that_is_meant_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import fsspec

    monkeypatch.setenv("P2M_CACHE", str(tmp_path / "cache"))
    file = built(tmp_path / "made", Kind.DATASETS, [FLOWERS])
    write_entries(file, Kind.DATASETS, [FLOWERS, FLOWERS], MADE_AT, "another")
    away = fsspec.filesystem("memory")
    away.put(str(tmp_path / "made"), "/another-file", recursive=True)
    try:
        assert "is not the file that its catalog.json names" in refused("memory://another-file")[1]
        assert list((tmp_path / "cache" / "catalogs").iterdir()) == []
    finally:
        away.rm("/another-file", recursive=True)


@pytest.mark.parametrize("uri", ["http://host/catalogs", "ftp://host/catalogs"])
def test_an_address_of_no_storage_is_said_in_one_sentence(uri: str):
    with pytest.raises(StageError, match="is no storage: name a path") as caught:
        open_models(uri)
    assert caught.value.failure.reason == "CatalogUnreachable"


def refused(root: Path | str, kind: Kind = Kind.DATASETS) -> tuple[str, str]:
    with pytest.raises(StageError) as caught:
        open_catalog(kind, str(root))
    failure = caught.value.failure
    assert failure.state is FailureState.BLOCKED
    assert "p2m catalog build" in failure.remedy
    return failure.reason, failure.message


def test_no_catalog_is_said_in_one_sentence(tmp_path: Path):
    assert refused(tmp_path)[0] == "CatalogMissing"
    assert "there is no catalog.json" in refused(tmp_path)[1]
    (tmp_path / "datasets" / "building").mkdir(parents=True)
    assert "its build is not finished" in refused(tmp_path)[1]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-9]), "not a Parquet file, or it is not whole"),
        (lambda file: file.write_bytes(b""), "not a Parquet file, or it is not whole"),
        (lambda file: file.write_text("<html>"), "not a Parquet file, or it is not whole"),
        (lambda file: file.unlink(), "it is not there"),
        (lambda file: write_entries(file, Kind.MODELS, [PAINTER], MADE_AT, ""), "it lists models, not datasets"),
    ],
)
def test_a_damaged_catalog_is_said_in_one_sentence(tmp_path: Path, damage, said: str):
    damage(built(tmp_path, Kind.DATASETS, [FLOWERS]))
    reason, message = refused(tmp_path)
    assert reason == "CatalogUnusable"
    assert said in message


def test_another_parquet_file_is_no_catalog(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = built(tmp_path, Kind.DATASETS, [FLOWERS])
    pq.write_table(pa.table({"name": ["a"]}), file)
    assert "none of a catalog" in refused(tmp_path)[1]


def test_a_catalog_of_another_version_is_refused_before_its_entries_are_read(tmp_path: Path):
    built(tmp_path, Kind.DATASETS, [FLOWERS], catalog_schema=SCHEMA + 1).unlink()
    reason, message = refused(tmp_path)
    assert reason == "CatalogUnusable"
    assert re.search(rf"version {SCHEMA + 1} of the schema, and this release reads {SCHEMA}", message)


@pytest.mark.parametrize("content", ["", "[]", '{"catalogSchema": 1}', "<html>"])
def test_a_pointer_that_is_none_is_refused(tmp_path: Path, content: str):
    built(tmp_path, Kind.DATASETS, [FLOWERS])
    (tmp_path / "datasets" / POINTER).write_text(content)
    assert refused(tmp_path)[0] == "CatalogUnusable"
