"""Schema and first rows of a hub's dataset, streamed from one on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_stages.errors import StageError
from prompt2model_stages.hub_data import FirstRows, first_rows
from tests import hub_server
from tests.hub_server import COMMIT, SILENT

pytestmark = pytest.mark.integration

CARD = """---
configs:
- config_name: de
  data_files: de.jsonl
- config_name: fr
  data_files: fr.jsonl
---
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hub_server.Hub]:
    """With datasets of several kinds."""
    root = tmp_path_factory.mktemp("hub")
    lines = "".join(json.dumps({"text": f"t{n}", "answers": {"text": [f"a{n}"]}}) + "\n" for n in range(50))
    files = {
        "plain/train.jsonl": lines,
        "plain/test.jsonl": lines,
        "parts/small.jsonl": lines[:300],
        "configs/README.md": CARD,
        "configs/de.jsonl": lines,
        "configs/fr.jsonl": lines,
        "code/code.py": "raise SystemExit",
        "empty/notes.md": "nothing",
    }
    for name, text in files.items():
        file = root / "datasets/owner" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _pictures(root / "datasets/owner/pictures")
    with hub_server.serving(root) as hub:
        yield hub


def _pictures(folder: Path) -> None:
    folder.mkdir(parents=True)
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "pages": datasets.List(datasets.Image()),
            "caption": datasets.Value("string"),
            "kind": datasets.ClassLabel(names=["cat", "dog"]),
        }
    )
    rows = {"image": [{"bytes": b"no picture", "path": None}] * 3, "pages": [[]] * 3, "caption": ["a", "b", "c"]}
    datasets.Dataset.from_dict({**rows, "kind": [0, 1, 0]}, features=features).to_parquet(folder / "train.parquet")


@pytest.fixture
def hub(served: hub_server.Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hub_server.Hub]:
    """The hub, which the client asks, with an empty cache."""
    hub_server.online(monkeypatch, served.url, tmp_path)
    yield served
    served.wrong.clear()
    served.gated.clear()
    served.private.clear()


def refused(name: str, **asked: Any) -> tuple[FailureState, str, str]:
    with pytest.raises(StageError) as error:
        first_rows(f"owner/{name}", **asked)
    failure = error.value.failure
    assert failure.message.endswith(".") and "\n" not in failure.message
    return failure.state, failure.reason, failure.message


def shape(found: FirstRows) -> tuple[Any, ...]:
    return found.config, found.split, dict(found.splits), found.columns, found.left_out, len(found.rows)


@pytest.mark.usefixtures("hub")
def test_the_first_rows_come_with_columns_and_splits() -> None:
    found = first_rows("owner/plain", rows=7)
    assert shape(found) == (None, "train", {"train": None, "test": None}, ("text", "answers"), (), 7)
    assert found.rows[6] == {"text": "t6", "answers": {"text": ["a6"]}}
    assert (found.name, found.revision) == ("owner/plain", COMMIT)
    assert first_rows("owner/plain", split="test", rows=1).split == "test"
    assert shape(first_rows("owner/configs", "fr", rows=2))[:2] == ("fr", "train")


@pytest.mark.usefixtures("hub")
def test_pictures_are_left_out_and_never_decoded() -> None:
    found = first_rows("owner/pictures")
    assert shape(found)[3:] == (("caption", "kind"), ("image", "pages"), 3)
    assert found.rows[1] == {"caption": "b", "kind": 1}
    assert found.features["kind"]["names"] == ["cat", "dog"]


def test_what_cannot_be_read_says_what_to_name(hub: hub_server.Hub) -> None:
    assert refused("none")[:2] == (FailureState.FAILED, "DatasetUnknown")
    assert refused("code")[:2] == (FailureState.FAILED, "DatasetNeedsCode")
    assert refused("empty")[:2] == (FailureState.FAILED, "DatasetUnusable")
    for config in (None, "es"):
        state, reason, message = refused("configs", config=config)
        assert (state, reason) == (FailureState.FAILED, "ConfigUnnamed")
        assert message == "datasets.choice: the dataset owner/configs has the configurations de, fr."
    state, reason, message = refused("plain", split="dev")
    assert (state, reason) == (FailureState.FAILED, "SplitMissing")
    assert message == "datasets.choice: the dataset owner/plain has no split dev; its splits are train, test."
    hub.private.add("owner/plain")
    assert refused("plain")[:2] == (FailureState.FAILED, "DatasetUnknown")
    hub.private.clear()
    hub.gated.add("owner/plain")
    assert refused("plain")[:2] == (FailureState.BLOCKED, "DatasetGated")


@pytest.mark.parametrize("path", [r"/api/datasets/owner/plain$", "README", r"train\.jsonl"])
@pytest.mark.parametrize("answer", [(401, b""), (404, b""), (429, b""), (200, b"<html>"), SILENT])
def test_a_hub_that_answers_otherwise_is_one_sentence(
    hub: hub_server.Hub, path: str, answer: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_server, "SILENT_S", 0.4)
    hub.wrong[path] = answer
    state, reason, message = refused("plain", deadline_s=0.6)
    assert (state, reason) == (FailureState.BLOCKED, "HubUnreachable")
    if path.startswith("/api") and answer[0]:
        said = {401: "an error (401)", 404: "an error (404)", 429: "asked too often (429)", 200: "as a hub does"}
        assert said[answer[0]] in message
