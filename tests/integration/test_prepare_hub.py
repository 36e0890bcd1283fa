"""A dataset of the hub, streamed from one on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_api.results import Choice
from prompt2model_stages.errors import StageError
from prompt2model_stages.hub_data import hub_data_error, waiting
from prompt2model_stages.prepare.hub_datasets import drawn_from, window_of
from prompt2model_stages.prepare.retrieving import load_choice
from tests import hub_server
from tests.hub_server import COMMIT

pytestmark = pytest.mark.integration

ROWS = 4000
CHOICE: dict[str, Any] = {"name": "owner/reviews", "split": "test", "inputColumns": ["text"], "outputColumn": "label"}
CODE = """
import json, resource, sys
from prompt2model_api.results import Choice
from prompt2model_stages.errors import StageError
from prompt2model_stages.prepare.retrieving import load_choice
from prompt2model_stages.prepare.textualizing import examples_of
from prompt2model_stages.stage_process import leave
asked = json.loads(sys.argv[1])
choice = Choice.model_validate(asked["choice"])
try:
    table = load_choice(choice, asked["revision"], asked["rows"], asked["seed"])
except StageError as error:
    print(json.dumps({"reason": error.failure.reason, "state": error.failure.state, "message": error.failure.message}))
else:
    found = examples_of(table, choice.input_columns, choice.output_column, "retrieved", asked["rows"], asked["seed"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = [[e.input, e.output, e.origin] for e in found]
    print(json.dumps({"rows": rows, "note": getattr(table, "note", ""), "peak": peak}))
leave(0)
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hub_server.Hub]:
    """With a dataset in eight Parquet files, sorted by class, and one in JSON lines."""
    root = tmp_path_factory.mktemp("hub")
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["bad", "good"]),
            "x": datasets.Image(),  # which is none: it must not be decoded
        }
    )
    folder = root / "datasets/owner/reviews/data"
    folder.mkdir(parents=True)
    for part in range(8):
        numbers = range(part * ROWS // 8, (part + 1) * ROWS // 8)
        rows = {
            "text": [f"t{n}" for n in numbers],
            "label": [int(n >= ROWS // 2) for n in numbers],
            "x": [{"bytes": os.urandom(1024), "path": None} for _ in numbers],
        }
        datasets.Dataset.from_dict(rows, features=features).to_parquet(folder / f"test-{part:05}-of-00008.parquet")
    lines = root / "datasets/owner/lines"
    lines.mkdir(parents=True)
    (lines / "test.jsonl").write_text(
        "".join(json.dumps({"text": f"a{n}", "label": f"b{n}"}) + "\n" for n in range(50))
    )
    _huge(root / "datasets/owner/huge")
    with hub_server.serving(root) as served:
        yield served


def _huge(folder: Path) -> None:
    """Ten million rows in one file, in row groups as the hub's own conversion makes them."""
    folder.mkdir(parents=True)
    rows = pa.table({"text": [f"t{n}" for n in range(100_000)], "label": ["a", "b"] * 50_000})
    with pq.ParquetWriter(folder / "train.parquet", rows.schema) as writer:
        for _ in range(100):
            writer.write_table(rows, row_group_size=10_000)


def load(hub: hub_server.Hub, cache: Path, rows: int, seed: int = 0, revision: str | None = None, **choice: Any) -> Any:
    asked = {"choice": CHOICE | choice, "rows": rows, "seed": seed, "revision": revision}
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("HF_")}
    environment |= {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(cache),
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    environment |= {"HF_TOKEN": os.environ["HF_TOKEN"]} if "HF_TOKEN" in os.environ else {}
    hub.sent = 0
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(asked)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_so_many_rows_are_drawn_of_the_first_ones_and_no_more_is_fetched(hub: hub_server.Hub, tmp_path: Path) -> None:
    size = sum(f.stat().st_size for f in (hub.root / "datasets/owner/reviews").rglob("*.parquet"))
    found = load(hub, tmp_path, rows=40, seed=1)
    assert len(found["rows"]) == 40
    numbers = [int(text[1:]) for text, _, _ in found["rows"]]
    assert numbers == sorted(set(numbers)) and numbers[-1] < 800 and numbers != list(range(40))
    for text, output, origin in found["rows"]:
        assert output == "bad"
        assert origin == f"owner/reviews@{COMMIT[:12]}/test#{text[1:]}"
    assert found["note"] == f"The retrieved rows are 40 drawn from the first 800 of owner/reviews@{COMMIT[:12]}/test."
    assert hub.sent < size / 2
    again = load(hub, tmp_path / "other", rows=40, seed=1, revision=COMMIT)
    assert (again["rows"], again["note"]) == (found["rows"], found["note"])
    assert found["rows"] != load(hub, tmp_path, rows=40, seed=2)["rows"]


def test_a_dataset_shorter_than_the_window_is_drawn_from_whole(hub: hub_server.Hub, tmp_path: Path) -> None:
    found = load(hub, tmp_path, rows=400)
    assert found["note"] == ""
    assert {output for _, output, _ in found["rows"]} == {"bad", "good"}
    whole = load(hub, tmp_path, rows=100, name="owner/lines")
    assert [row[:2] for row in whole["rows"]] == [[f"a{n}", f"b{n}"] for n in range(50)]


def test_ten_million_rows_take_the_memory_of_a_few(hub: hub_server.Hub, tmp_path: Path) -> None:
    few = load(hub, tmp_path, rows=20, name="owner/lines")
    size = (hub.root / "datasets/owner/huge/train.parquet").stat().st_size
    found = load(hub, tmp_path, rows=20, name="owner/huge", split="train")
    assert len(found["rows"]) == 20 and "from the first 400 of" in found["note"]
    assert hub.sent < size / 10
    assert found["peak"] < few["peak"] + 200 * 1024, "KiB"


def test_what_cannot_be_loaded(hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(hub, tmp_path, 5, name="owner/none")["reason"] == "DatasetUnknown"
    column = load(hub, tmp_path, 5, outputColumn="y")
    assert (column["reason"], "its columns are text, label, x" in column["message"]) == ("ColumnMissing", True)
    split = load(hub, tmp_path, 5, split="nowhere")
    assert (split["reason"], "its splits are test." in split["message"]) == ("SplitMissing", True)
    hub.private.add("owner/lines")
    assert load(hub, tmp_path / "p", 5, name="owner/lines")["reason"] == "DatasetUnknown"
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    assert len(load(hub, tmp_path / "q", 5, name="owner/lines")["rows"]) == 5
    hub.private.clear()


def test_a_branch_or_tag_is_resolved_to_the_commit_that_it_is(hub: hub_server.Hub, tmp_path: Path) -> None:
    origin = f"owner/lines@{COMMIT[:12]}/test#0"
    for revision in (None, "main", "v1.0", COMMIT):
        assert load(hub, tmp_path, 100, revision=revision, name="owner/lines")["rows"][0][2] == origin


def test_a_hub_that_is_asked_too_often_is_waited_for_aloud_and_not_for_ever(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_server.online(monkeypatch, hub.url, tmp_path)
    monkeypatch.setattr(waiting, "MOST_S", 2.5)
    monkeypatch.setitem(hub.wrong, r"lines/resolve/.*test\.jsonl", (429, b""))
    said: list[str] = []
    choice = Choice.model_validate(CHOICE | {"name": "owner/lines"})
    with pytest.raises(StageError) as error, waiting.told_waits("owner/lines", "datasets.choice", said.append):
        load_choice(choice, None, 5)
    failure = error.value.failure
    assert (failure.state, failure.reason) == (FailureState.BLOCKED, "HubUnreachable")
    often = "the hub says that it was asked too often (429)"
    assert said == [f"{often}, the next try is in 1 s"] and often in failure.message and "HF_TOKEN" in failure.remedy


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ConnectionError("no way"), FailureState.BLOCKED, "HubUnreachable"),
        (ValueError("Unknown split 'test'. Should be one of ['train']."), FailureState.FAILED, "SplitMissing"),
        (RuntimeError("Dataset scripts are no longer supported"), FailureState.FAILED, "DatasetNeedsCode"),
        (TypeError("Couldn't cast array of type int64 to null"), FailureState.FAILED, "DatasetUnusable"),
    ],
)
def test_errors_of_loading(error: Exception, state: FailureState, reason: str) -> None:
    found = hub_data_error("owner/reviews", error, "datasets.choice").failure
    assert (found.state, found.reason) == (state, reason)
    assert "owner/reviews" in found.message


def test_a_hub_that_is_away_is_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(StageError) as found:
        load_choice(Choice.model_validate(CHOICE | {"name": "nobody/no-such-dataset"}), None)
    assert found.value.failure.state is FailureState.BLOCKED


def test_every_row_of_the_window_is_as_likely() -> None:
    counts = [0] * 20
    for seed in range(2000):
        numbers, rows, read = drawn_from(({"n": n} for n in range(100)), 20, 5, seed)
        assert read == 20 and [row["n"] for row in rows] == numbers and len(numbers) == 5
        for number in numbers:
            counts[number] += 1
    assert min(counts) > 400 and max(counts) < 600
    assert (window_of(3000), window_of(1_000_000)) == (60_000, 1_200_000)
