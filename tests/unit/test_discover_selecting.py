"""Which candidates are looked at where a spec lists licenses: the hub's word of today goes before the catalog's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Architecture, Metadata
from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice, DatasetCandidate, StageOutputs, StudentCandidate, UsedDataset
from prompt2model_api.stage_job import Named, StageJob
from prompt2model_api.stage_run import Decision, Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind, ModelEntry
from prompt2model_stages.catalogs.licensing import known_license
from prompt2model_stages.catalogs.opening import Entries
from prompt2model_stages.catalogs.search import MemoryIndex
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever
from prompt2model_stages.discover.naming import named_datasets, with_license
from prompt2model_stages.discover.revisions import RevisionResolver
from prompt2model_stages.discover.searching import Found, Task, search
from prompt2model_stages.discover.selecting import selected_datasets, selected_students
from prompt2model_stages.discover.student_retrieval import MOST, CatalogStudentRetriever
from prompt2model_stages.errors import StageError
from prompt2model_stages.prepare.chosen import dataset_license
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.storage import Folder
from tests.unit.discover_cases import FakeTeacher
from tests.unit.test_discover_revisions import online

pytestmark = pytest.mark.unit

SHA = "0123456789abcdef0123456789abcdef01234567"


class LicensingHub:
    """A hub on this machine that knows the names of `licenses`, and counts what it is asked for."""

    def __init__(self) -> None:
        self.licenses: dict[str, str] = {}
        self.asked: list[str] = []
        hub = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = "/".join(self.path.partition("?")[0].split("/")[3:5])
                hub.asked.append(name)
                known = hub.licenses.get(name)
                told = {"id": name, "sha": SHA, "tags": [f"license:{known}"] if known else []}
                body = json.dumps(told).encode()
                self.send_response(200 if known is not None else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LicensingHub]:
    made = LicensingHub()
    online(monkeypatch, f"http://127.0.0.1:{made.server.server_port}")
    yield made
    made.server.shutdown()
    made.server.server_close()


def dataset(name: str, license_name: str) -> DatasetCandidate:
    return DatasetCandidate(name=name, license=license_name, score=1, reason="Near.")


def student(name: str, license_name: str) -> StudentCandidate:
    return StudentCandidate(
        name=name, license=license_name, architecture=Architecture.ENCODER_DECODER, size_bytes=1, score=1, reason="It fits."
    )  # fmt: skip


def test_a_dataset_that_the_hub_allows_by_now_is_not_left_out_for_the_catalogs_word(hub: LicensingHub) -> None:
    found = [dataset(f"d/{n}", "cc-by-nc-4.0") for n in range(40)]
    hub.licenses = {f"d/{n}": "mit" if n % 2 else "cc-by-nc-4.0" for n in range(40)}
    kept = selected_datasets(found, ["MIT"], 8, RevisionResolver().licenses_of)
    assert [c.name for c in kept if c.license == "mit"] == ["d/1", "d/3", "d/5", "d/7"]
    assert len(kept) == 8 and len(hub.asked) == len(set(hub.asked)) < 20, (
        "each is asked for once, and no more than it takes"
    )


def test_a_dataset_that_the_hub_forbids_by_now_gives_way(hub: LicensingHub) -> None:
    found = [dataset(f"d/{n}", "mit") for n in range(40)]
    hub.licenses = {f"d/{n}": "cc-by-nc-4.0" if n < 20 else "mit" for n in range(40)}
    kept = selected_datasets(found, ["MIT"], 8, RevisionResolver().licenses_of)
    assert [c.name for c in kept] == [*(f"d/{n}" for n in range(4)), *(f"d/{n}" for n in range(20, 24))]


def test_without_a_list_the_hub_is_not_asked_and_without_an_answer_the_catalog_counts(hub: LicensingHub) -> None:
    found = [dataset(f"d/{n}", "cc-by-nc-4.0" if n < 6 else "mit") for n in range(12)]
    assert selected_datasets(found, None, 8, RevisionResolver().licenses_of) == found[:8] and hub.asked == []
    kept = selected_datasets(found, ["MIT"], 8, RevisionResolver().licenses_of)
    assert [c.name for c in kept] == [*(f"d/{n}" for n in range(4)), *(f"d/{n}" for n in range(6, 10))]


def test_the_best_student_that_the_hub_allows_by_now_stands_where_it_belongs(hub: LicensingHub) -> None:
    entries = [
        ModelEntry(
            name=f"m/{n}", description="Turns dates into ISO." if n < 60 else "Paints.", license="unknown" if n < 30 else "mit",
            downloads=1000 - n, size_bytes=5 if n < 60 else 500, architecture=Architecture.ENCODER_DECODER, hand_written=False,
        )
        for n in range(150)
    ]  # fmt: skip
    hub.licenses = {entry.name: entry.license for entry in entries} | {"m/2": "mit", "m/30": "other"}
    index = MemoryIndex([entry.description for entry in entries])
    retriever = CatalogStudentRetriever(Entries(Kind.MODELS, entries), index)

    def retrieve(told: Any) -> list[StudentCandidate]:
        retriever.hub_licenses = told
        return retriever.retrieve("dates", [Architecture.ENCODER_DECODER], 100, None, ["MIT"])

    found = selected_students(retrieve, ["MIT"], MOST, RevisionResolver().licenses_of)
    assert [c.name for c in found][:2] == ["m/2", "m/31"] and len(found) == MOST
    assert "m/30" not in [c.name for c in found if c.license == "mit"]
    assert len(hub.asked) == len(set(hub.asked)) < 2 * MOST


async def test_search_asks_the_hub_and_what_is_proposed_is_asked_for_no_second_time(hub: LicensingHub) -> None:
    entries = [
        DatasetEntry(
            name=f"d/{n}", config=None, description=f"Colours of flowers {n}.", license="other", split="train",
            input_columns=["a"], output_column="b", downloads=0, hand_written=False,
        )
        for n in range(30)
    ]  # fmt: skip
    hub.licenses = {entry.name: "mit" for entry in entries[20:]} | {entry.name: "other" for entry in entries[:20]}
    datasets = CatalogDatasetRetriever(
        Entries(Kind.DATASETS, entries), MemoryIndex([entry.description for entry in entries])
    )
    students = CatalogStudentRetriever(Entries(Kind.MODELS, []), MemoryIndex([]))
    resolver = RevisionResolver()
    lists = {"licenses": ["MIT"], "topK": 4}
    spec = Prompt2ModelSpec.model_validate({"prompt": "Name the colour of flowers.", "datasets": lists})
    found: Found = await search(
        FakeTeacher(), spec, Task("Name the colour of flowers.", ()), datasets, students, resolver.licenses_of
    )
    assert len(found.datasets) == 4
    before = len(hub.asked)
    assert all(c.revision == SHA for c in resolver.of_datasets(found.datasets))
    assert len(hub.asked) == before, "the commits came with the licenses"


def test_a_license_that_was_decided_while_the_hub_was_away_is_asked_for_again(hub: LicensingHub) -> None:
    hub.licenses = {"d/one": "cc-by-nc-4.0"}
    assert known_license(Kind.DATASETS, "d/one", "MIT", None) == "CC-BY-NC-4.0"
    with pytest.raises(StageError) as caught:
        known_license(Kind.DATASETS, "d/one", "MIT", ["MIT"])
    assert caught.value.failure.reason == "LicenseNotAllowed"
    hub.asked.clear()
    assert known_license(Kind.DATASETS, "d/one", "MIT", ["MIT"], revision=SHA) == "MIT", "discover had it from the hub"
    assert hub.asked == []
    assert known_license(Kind.DATASETS, "d/away", "MIT", ["MIT"]) == "MIT", "still no answer: what was decided counts"


@pytest.mark.parametrize(("revision", "license_name"), [(None, "CC-BY-NC-4.0"), (SHA, "MIT")])
def test_the_stage_that_loads_a_dataset_asks_again(
    hub: LicensingHub, tmp_path: Path, revision: str | None, license_name: str
) -> None:
    hub.licenses = {"d/one": "cc-by-nc-4.0"}
    chosen = Choice(name="d/one", input_columns=["a"], output_column="b")
    decision = Decision(dataset=chosen, dataset_revision=revision, dataset_license="MIT")
    run = StageRunSpec(
        resource="x", stage=Stage.PREPARE, digest="a" * 64, storage=str(tmp_path), parameters={}, decision=decision
    )
    job = StageJob(stage_run=StageRun(metadata=Metadata(name="x"), spec=run), attempt=1)
    context = StageContext(job=job, reporter=FileReporter(Folder(str(tmp_path)), 1))
    assert dataset_license(context) == license_name


def test_a_commit_that_the_spec_names_is_no_answer_of_the_hub(
    hub: LicensingHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns: dict[str, Any] = {"input_columns": ["a"], "output_column": "b"}
    beside = UsedDataset(name="d/one", revision="v1", **columns)
    named = Named(dataset=Choice(name="builtin:dates-in-words", also=[beside], **columns))
    hub.licenses = {"d/one": "mit"}
    _, found = named_datasets(named, RevisionResolver())
    told = with_license(found, Kind.DATASETS, ["MIT"], None)
    assert told is not None and (told.revision, told.license) == (SHA, "mit"), "the spec's word is in no candidate"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    _, away = named_datasets(named, RevisionResolver())
    left = with_license(away, Kind.DATASETS, None, None)
    assert left is not None and left.revision is None
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"choice": named.dump()["dataset"]}})
    for license_name in (left.license, "mit"):  # as the catalog has it
        candidates = [left.model_copy(update={"license": license_name})]
        decision = dataset_gate(spec, StageOutputs(dataset_candidates=candidates)).decision
        assert decision is not None and decision.dataset is not None and decision.also_licenses is None
        assert [one.revision for one in decision.dataset.also or []] == ["v1"]
