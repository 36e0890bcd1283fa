"""Links to MLflow: a browser opens them, or there are none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from prompt2model_api.pages import pages_address
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.clients.mlflow_api import MlflowApi, Recorded
from prompt2model_operator.hearing import Hearing
from prompt2model_operator.kinds import PROMPT2MODEL, STAGERUN
from prompt2model_operator.observing import observe
from prompt2model_operator.own_maps import OwnMaps
from prompt2model_operator.recording import Record, Recording
from prompt2model_operator.settings import Settings, Tracking
from prompt2model_operator.store import Store
from tests.memory_cluster import KEY, Cluster
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

INSIDE = "http://p2m-mlflow.p2m.svc:5000"
OUTSIDE = "https://mlflow.example.com"
PAGE = "/#/experiments/7/runs/abc"


@pytest.mark.parametrize(
    "uri",
    [
        INSIDE,
        "http://p2m-mlflow.p2m.svc.cluster.local:5000",
        "http://mlflow:5000",
        "http://mlflow.mlops:5000",
        "https://mlflow.team.internal",
        "http://10.96.0.7:5000",
        "http://[fd00::7]:5000",
        "http://127.0.0.1:5000",
    ],
)
def test_an_address_of_the_cluster_makes_no_link(uri: str) -> None:
    assert pages_address(uri, None) is None
    assert pages_address(uri, f"{OUTSIDE}/") == OUTSIDE


@pytest.mark.parametrize("uri", [OUTSIDE, "http://mlflow.team.example.com:8080/mlflow", "http://8.8.8.8:5000"])
def test_an_address_that_people_reach_too_makes_links(uri: str) -> None:
    assert pages_address(f"{uri}/", None) == uri


def test_what_people_call_mlflow_is_taken_at_their_word() -> None:
    assert pages_address(INSIDE, "http://localhost:5000") == "http://localhost:5000"


def shown(run_url: str, tracking: Tracking) -> str | None:
    """What the status keeps of an address that is there, while MLflow is away."""
    body = {"metadata": {"name": KEY[1]}, "spec": {"prompt": "-"}, "status": {"runURL": run_url}}
    resource = Prompt2Model.model_validate(body)
    settings = Settings(tracking=tracking)
    known: dict[str, Any] = {"never_made": {}, "own": OwnMaps(), "hearing": Hearing(), "record": Record(), "bases": {}}
    snapshot = observe(resource, Store(), settings, datetime.now(UTC), **known)
    assert snapshot.resource.status is not None
    return snapshot.resource.status.run_url


def test_an_address_of_the_cluster_that_an_earlier_version_wrote_goes() -> None:
    assert shown(f"{INSIDE}{PAGE}", Tracking(uri=INSIDE)) is None
    assert shown(f"{INSIDE}{PAGE}", Tracking(uri=INSIDE, public_url=OUTSIDE)) is None
    assert shown(f"{OUTSIDE}{PAGE}", Tracking(uri=INSIDE, public_url=OUTSIDE)) == f"{OUTSIDE}{PAGE}"
    assert shown(f"{OUTSIDE}{PAGE}", Tracking(uri=OUTSIDE)) == f"{OUTSIDE}{PAGE}"


class AllRecorded(MlflowApi):
    """An MLflow that has every stage run, at one page."""

    def __init__(self, names: frozenset[str], page: str | None) -> None:
        super().__init__(INSIDE)
        self._recorded = Recorded(page, names, dict.fromkeys(names, page) if page is not None else {})

    async def recorded(self, namespace: str, name: str) -> Recorded:
        return self._recorded

    async def crown(self, namespace: str, name: str, train_digest: str) -> bool:
        return True


def look(cluster: Cluster, page: str | None) -> Record:
    names = frozenset(body["metadata"]["name"] for body in cluster.of(STAGERUN))
    recording = Recording(cluster.api, cluster.store, cluster.settings, AllRecorded(names, page))
    (body,) = cluster.of(PROMPT2MODEL)
    record = Record()
    asyncio.run(recording.look(Prompt2Model.model_validate(body), record))
    return record


def test_pages_of_ended_stage_runs_follow_the_public_address() -> None:
    cluster = Cluster()
    asyncio.run(cluster.run(outputs))
    assert look(cluster, None).tracked
    assert not [body for body in cluster.of(STAGERUN) if "runURL" in body["status"]]
    for page in (f"http://localhost:5000{PAGE}", f"{OUTSIDE}{PAGE}"):
        asyncio.run(cluster.look())
        look(cluster, page)
        assert {body["status"]["runURL"] for body in cluster.of(STAGERUN)} == {page}
