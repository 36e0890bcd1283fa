"""Revisions: resolved at a hub on this machine; nothing is chosen by whether it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub.constants
import pytest

from prompt2model_api.base import Architecture
from prompt2model_api.results import DatasetCandidate, StudentCandidate
from prompt2model_stages.catalogs import locate_dataset
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.licensing import license_of
from prompt2model_stages.discover.revisions import RevisionResolver
from prompt2model_stages.storage import sha256_of_file

pytestmark = pytest.mark.unit

SHA = "0123456789abcdef0123456789abcdef01234567"
DATES = "builtin:dates-in-words"
LISTED = "google-t5/t5-small"
TAGS = ["task:x", "license:mit", "license:cc-by-nc-4.0"]


class Hub(BaseHTTPRequestHandler):
    """Knows one dataset and one model."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        known = self.path.split("?")[0] in (
            "/api/datasets/known/data",
            "/api/models/known/model",
            f"/api/models/{LISTED}",
        )
        told = {"id": "known/x", "sha": SHA, "tags": TAGS if "data" in self.path.rpartition("/")[2] else []}
        body = json.dumps(told if known else {"error": "Repository not found"}).encode()
        if "garbage" in self.path:
            known, body = True, b"<html>"
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if not known:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that the hub is asked for."""
    Hub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    online(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    yield Hub.asked
    server.shutdown()
    server.server_close()


def online(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)  # read when the library is imported
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def dataset(name: str) -> DatasetCandidate:
    return DatasetCandidate(name=name, score=1.0, reason="Near.")


def student(name: str) -> StudentCandidate:
    return StudentCandidate(name=name, architecture=Architecture.DECODER_ONLY, size_bytes=1, score=1.0, reason="Near.")


def test_commits_are_recorded(hub: list[str]):
    resolver = RevisionResolver()
    assert [c.revision for c in resolver.of_datasets([dataset("known/data")])] == [SHA]
    assert [c.revision for c in resolver.of_students([student("known/model")])] == [SHA]
    assert len(hub) == 2


def test_the_license_is_the_hubs_of_today_whatever_the_catalog_says(hub: list[str]):
    old = dataset("known/data").model_copy(update={"license": "apache-2.0"})
    (found,) = RevisionResolver().of_datasets([old])
    assert (found.revision, found.license) == (SHA, "mit, cc-by-nc-4.0")
    (untagged,) = RevisionResolver().of_students([student("known/model").model_copy(update={"license": "apache-2.0"})])
    assert (untagged.revision, untagged.license) == (SHA, "unknown"), "answered without a tag"
    (unanswered,) = RevisionResolver().of_datasets([old.model_copy(update={"name": "no/such"})])
    assert (unanswered.revision, unanswered.license) == (None, "apache-2.0")
    assert "the license is not confirmed" in unanswered.reason
    (claimed,) = RevisionResolver().of_datasets([dataset(DATES).model_copy(update={"license": "mit"})])
    assert claimed.license == "apache-2.0", "of what is shipped, too"


def test_what_a_spec_names_is_looked_up_in_the_same_way(hub: list[str], monkeypatch: pytest.MonkeyPatch):
    assert license_of(Kind.DATASETS, "known/data") == "mit, cc-by-nc-4.0"
    assert license_of(Kind.MODELS, LISTED) == "unknown", "the hub has no tag, and the catalog's is old"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert license_of(Kind.MODELS, LISTED) == "apache-2.0"


def test_a_name_that_the_hub_does_not_know_stays_without(hub: list[str]):
    found = RevisionResolver().of_datasets([dataset("known/data"), dataset("no/such"), dataset("some/garbage")])
    assert [c.revision for c in found] == [SHA, None, None]
    assert found[1].reason == "Near. No revision, and the license is not confirmed: the hub answers 404."
    assert "cannot be read" in found[2].reason
    assert [c.name for c in found] == ["known/data", "no/such", "some/garbage"]


def test_all_are_asked_for_each_once(hub: list[str]):
    names = ["known/data", "known/data", *(f"no/{number}" for number in range(20)), "known/data"]
    found = RevisionResolver().of_datasets([dataset(name) for name in names])
    assert [c.revision for c in found] == [SHA, SHA, *[None] * 20, SHA]
    assert len(hub) == 21


def test_a_name_that_the_hub_does_not_know_is_told_from_a_hub_that_is_away(
    hub: list[str], monkeypatch: pytest.MonkeyPatch
):
    assert RevisionResolver().is_unknown_dataset("no/such")
    assert not RevisionResolver().is_unknown_dataset("known/data")
    assert not RevisionResolver().is_unknown_dataset(DATES)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert not RevisionResolver().is_unknown_dataset("no/such")


def test_what_is_shipped_asks_no_hub(hub: list[str]):
    assert RevisionResolver().of_datasets([dataset(DATES)])[0].revision == sha256_of_file(locate_dataset(DATES))
    shipped = student("embedded:SmolLM2-135M-Instruct")
    (found,) = RevisionResolver().of_students([shipped])
    assert (found.revision, found.license) == (None, "apache-2.0")
    assert hub == []


def test_a_hub_that_is_away_changes_nothing_but_the_reason(monkeypatch: pytest.MonkeyPatch):
    online(monkeypatch, "http://127.0.0.1:1")
    resolver = RevisionResolver(timeout_s=1)
    found = resolver.of_datasets([dataset("known/data"), dataset("known/other")])
    assert [(c.name, c.revision, c.score) for c in found] == [("known/data", None, 1.0), ("known/other", None, 1.0)]
    assert "the license is not confirmed: the hub did not answer" in found[0].reason
    assert "the hub did not answer" in resolver.of_students([student("known/model")])[0].reason


def test_offline_means_that_nobody_is_asked(hub: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = RevisionResolver().of_datasets([dataset("known/data")])
    assert found[0].reason == "Near. No revision, and the license is not confirmed: HF_HUB_OFFLINE is set."
    assert hub == []
