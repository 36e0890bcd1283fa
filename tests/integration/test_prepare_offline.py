"""A dataset of the hub while HF_HUB_OFFLINE is set: what is read is the commit that was asked for, or nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest

from prompt2model_api.results import UsedDataset
from prompt2model_stages.errors import StageError
from prompt2model_stages.prepare.hub_datasets import load_hub_dataset
from tests import hub_server

pytestmark = pytest.mark.integration

OLD, NEW = "1" * 40, "2" * 40


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commits in the cache, the newer one read last, and since then no hub; the tag v1 is known to be the older one."""
    file = tmp_path / "hub/datasets/o/v/train.jsonl"
    file.parent.mkdir(parents=True)
    cache = tmp_path / "cache"
    with hub_server.serving(tmp_path / "hub") as hub:
        hub_server.online(monkeypatch, hub.url, cache)
        for at, (commit, word) in enumerate(((OLD, "old"), (NEW, "new"))):
            file.write_text("".join(json.dumps({"text": f"{word} {n}", "label": word}) + "\n" for n in range(3)))
            hub.commits["o/v"] = commit
            loaded = datasets.load_dataset("o/v", split="train", revision=commit)
            os.utime(Path(loaded.cache_files[0]["filename"]).parent, (at + 1, at + 1))
    refs = cache / "datasets--o--v/refs"
    refs.mkdir(parents=True, exist_ok=True)
    (refs / "v1").write_text(OLD)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def load(revision: str | None, **fields: Any) -> tuple[str, list[Any]]:
    one = UsedDataset(name="o/v", input_columns=["text"], output_column="label", **fields)
    table = load_hub_dataset(one, revision, 10, 0)
    return table.name, [table.rows[n]["text"] for n in range(len(table.rows))]


@pytest.mark.usefixtures("cached")
def test_the_commit_that_is_asked_for_is_read_whichever_was_cached_last() -> None:
    old, new = (
        (f"o/v@{OLD[:12]}/train", ["old 0", "old 1", "old 2"]),
        (f"o/v@{NEW[:12]}/train", ["new 0", "new 1", "new 2"]),
    )
    assert load(OLD) == old and load("v1") == old
    assert load(NEW) == new
    assert load(None) == new, "the commit that was read is named"
    assert load(OLD, config="default")[1] == old[1]


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("revision", ["3" * 40, "v2"])
def test_a_commit_that_is_not_in_the_cache_blocks(revision: str) -> None:
    with pytest.raises(StageError) as error:
        load(revision)
    failure = error.value.failure
    assert (failure.state, failure.reason) == ("Blocked", "RevisionNotCached")
    assert failure.message == (
        f"datasets.choice: the revision {revision} of the dataset o/v is not in the cache of this machine; "
        f"it has {OLD}, {NEW}."
    )


@pytest.mark.usefixtures("cached")
def test_a_split_or_configuration_that_is_not_in_the_cache_is_named() -> None:
    with pytest.raises(StageError, match="its splits are train"):
        load(OLD, split="test")
    with pytest.raises(StageError, match="has the configurations default"):
        load(OLD, config="de")
